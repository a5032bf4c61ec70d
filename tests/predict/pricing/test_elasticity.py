"""Elasticities of a market whose truth is known: found without bias, intervals cover, products are drawn in as they should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.pricing.elasticity import drawn_in, pooled_slope, slopes, without_levels
from aimwell.predict.purchases import IntArray
from aimwell.stats.samples import FloatArray


@dataclass
class Market:
    product: IntArray
    week: IntArray
    price: FloatArray
    units: FloatArray
    truth: FloatArray


def market(seed: int, *, products: int = 40, weeks: int = 40, spread: float = 0.4) -> Market:
    """Prices fall in weeks of high season, when everybody buys more; the rest of a product hangs together over weeks."""
    rng = np.random.default_rng(seed)
    season = rng.normal(0, 0.5, weeks)
    truth = rng.normal(-1.5, spread, products)
    price = rng.normal(0, 1, (products, 1)) + rng.normal(0, 0.15, (products, weeks)) - 0.2 * season
    rest = rng.normal(0, 0.2, (products, weeks))
    for at in range(1, weeks):
        rest[:, at] += 0.5 * rest[:, at - 1]
    units = rng.normal(3, 1, (products, 1)) + season + truth[:, None] * price + rest
    sold = rng.random((products, weeks)) < 0.9
    product, week = np.nonzero(sold)
    return Market(product, week, price[sold], units[sold], truth)


def taken(of: Market) -> tuple[FloatArray, FloatArray]:
    both = without_levels(np.column_stack([of.price, of.units]), of.product, of.week)
    return both[:, 0], both[:, 1]


def test_levels_and_weeks_leave_nothing_behind() -> None:
    of = market(0, products=6, weeks=8)
    x, _ = taken(of)
    design = np.column_stack(
        [(of.product == one).astype(float) for one in range(6)]
        + [(of.week == one).astype(float) for one in range(8)]
    )
    exact = of.price - design @ np.linalg.lstsq(design, of.price, rcond=None)[0]
    assert x == pytest.approx(exact, abs=1e-7)


def test_a_season_with_low_prices_is_no_answer_to_prices() -> None:
    of = market(1, spread=0.0)
    x, y = taken(of)
    found = pooled_slope(x, y, of.product)
    assert found.covers(-1.5)
    within = of.price - (np.bincount(of.product, of.price) / np.bincount(of.product))[of.product]
    naive = float(within @ of.units) / float(within @ within)
    assert naive < -1.9  # what is found without the weeks


def test_clustered_intervals_cover_as_often_as_they_say() -> None:
    hits = []
    for seed in range(150):
        of = market(100 + seed, products=25, weeks=25)
        found = pooled_slope(*taken(of), of.product)
        hits.append(found.covers(-1.5))
    assert 0.9 <= np.mean(hits) <= 0.99


def test_products_are_drawn_in_and_nearer_to_the_truth() -> None:
    own_off, drawn_off, hits, spreads = [], [], [], []
    for seed in range(25):
        of = market(500 + seed)
        x, y = taken(of)
        own = slopes(x, y, of.product, of.week, 40)
        found, error, spread = drawn_in(own, pooled_slope(x, y, of.product))
        spreads.append(spread)
        own_off.append(((own.slope - of.truth) ** 2).mean())
        drawn_off.append(((found - of.truth) ** 2).mean())
        hits.append((np.abs(found - of.truth) <= 1.96 * error).mean())
    assert np.mean(drawn_off) < 0.9 * np.mean(own_off)
    assert np.mean(spreads) == pytest.approx(0.4, abs=0.1)
    assert 0.9 <= np.mean(hits) <= 0.98


def test_products_that_are_alike_get_one_elasticity() -> None:
    of = market(7, spread=0.0)
    x, y = taken(of)
    found, error, spread = drawn_in(
        slopes(x, y, of.product, of.week, 40), pooled_slope(x, y, of.product)
    )
    assert spread < 0.15
    assert np.ptp(found) < 0.3
    assert (error > 0).all()


@given(st.floats(-2, 2), st.integers(0, 39))
def test_another_currency_or_package_changes_nothing(shift: float, one: int) -> None:
    of = market(3)
    before = pooled_slope(*taken(of), of.product)
    of.price = of.price + shift * (of.product == one)
    of.units = of.units + shift
    after = pooled_slope(*taken(of), of.product)
    assert after.estimate == pytest.approx(before.estimate, abs=1e-5)


def test_few_products_or_one_common_price_tell_nothing() -> None:
    of = market(4, products=4)
    assert "4 products" in (pooled_slope(*taken(of), of.product).reason or "")
    zero = np.zeros(12)
    found = pooled_slope(zero, zero, np.repeat(np.arange(6), 2))
    assert "0 products whose prices vary by themselves" in (found.reason or "")
