"""Interactions written down by hand or drawn, for tests of recommendations."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from aimwell.predict.recommend.interactions import Interactions

__all__ = ["from_days", "random_interactions"]


def from_days(
    days: list[list[float]],
    *,
    looked: list[list[float]] | None = None,
    since: list[list[float]] | None = None,
    span: list[list[float]] | None = None,
) -> Interactions:
    """People × products as tables; 0 days and 0 looked is no entry. Default: bought 10 days ago, first a day earlier each."""
    bought = np.array(days, dtype=np.float32)
    seen = np.zeros_like(bought) if looked is None else np.array(looked, dtype=np.float32)
    person, product = np.nonzero((bought > 0) | (seen > 0))
    when = np.full_like(bought, 10) if since is None else np.array(since, dtype=np.float32)
    width = (bought - 1) if span is None else np.array(span, dtype=np.float32)
    none = np.where(bought > 0, 0, np.nan).astype(np.float32)
    people, products = bought.shape
    return Interactions(
        pa.array([f"p{number:04}" for number in range(people)]),
        pa.array([f"s{number:04}" for number in range(products)]),
        np.searchsorted(person, np.arange(people + 1)).astype(np.int64),
        product.astype(np.int32),
        bought[person, product],
        seen[person, product],
        (when + none)[person, product],
        (width + none)[person, product],
    )


def random_interactions(
    people: int, products: int, *, seed: int, share: float = 0.2
) -> Interactions:
    """Everybody has bought each product with the same chance, on one to three days."""
    draw = np.random.default_rng(seed)
    bought = (draw.random((people, products)) < share) * draw.integers(1, 4, (people, products))
    return from_days(bought.tolist())
