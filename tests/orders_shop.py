"""Four hundred people with orders and spend, on which peers were run once in environments of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["OrdersShop", "orders_shop"]


@dataclass(frozen=True, eq=False)
class OrdersShop:
    """One row a person: arm, orders and spend, the same of before, a cluster, its outcome, and who was reached."""

    treated: np.ndarray
    orders: np.ndarray
    spend: np.ndarray
    orders_before: np.ndarray
    spend_before: np.ndarray
    cluster: np.ndarray
    in_cluster: np.ndarray
    reached: np.ndarray


def orders_shop() -> OrdersShop:
    """The same people each time; the sums tell whether NumPy still draws them."""
    rng, n = np.random.default_rng(20111209), 400
    treated = np.arange(n) % 3 != 0
    orders = (rng.poisson(1.5, n) + (rng.random(n) < 0.5)).astype(float)
    spend = (orders * rng.lognormal(3, 0.6, n) * (1 + 0.1 * treated)).round(2)
    orders_before = rng.poisson(2.0, n) + 1.0
    spend_before = (orders_before * rng.lognormal(3, 0.5, n) + spend * 0.3).round(2)
    cluster = rng.integers(0, 12, n)
    in_cluster = spend + rng.normal(size=12)[cluster] * 8
    reached = ((rng.random(n) < 0.7) & treated) | (rng.random(n) < 0.1)
    sums = (orders.sum(), spend.sum(), spend_before.sum(), in_cluster.sum(), reached.sum())
    assert np.allclose(sums, (804.0, 20667.39, 33381.37, 20656.821753425043, 214)), sums
    return OrdersShop(
        treated, orders, spend, orders_before, spend_before, cluster, in_cluster, reached
    )
