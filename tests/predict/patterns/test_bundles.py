"""Bundles: what they earn and bear, and why a figure is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import PredictError
from aimwell.predict.patterns.bundle_service import bundles
from aimwell.predict.patterns.bundles import Earning, bundles_of
from aimwell.predict.patterns.model import Bundle, Rule
from aimwell.stats.estimate import Estimate, Figure
from aimwell.store.stores import Stores
from shop import add_orders, add_products, day, make_stores

AS_OF = day(365)


def rule(antecedent: tuple[str, ...], consequent: tuple[str, ...], baskets: int) -> Rule:
    lift = Estimate(estimate=3.0, lower=2.0, upper=4.0, confidence=0.95, method="given")
    nothing = Figure(value=None, reason="not asked for")
    return Rule(
        antecedent,
        consequent,
        baskets,
        0.1,
        0.5,
        lift,
        lift,
        0.05,
        nothing,
        0.0,
        0.0,
        (lift, lift),
        True,
    )


EARNINGS = {
    "a": Earning(10.0, 4.0, assumed=False),
    "b": Earning(30.0, 8.0, assumed=True),
    "c": Earning(5.0, None, assumed=False),
    "d": Earning(10.0, -12.0, assumed=False),
}


def one(*items: str, discount: float = 0.1) -> Bundle:
    return bundles_of([rule(items[:1], items[1:], 50)], EARNINGS, discount=discount)[0]


def test_figures_of_a_bundle_by_hand() -> None:
    found = one("a", "b")
    assert (found.price.value, found.margin.value, found.assumed) == (40.0, 12.0, True)
    assert found.used_up_at.value == pytest.approx(0.3)
    # 10 % of 40 is 4: 8 are left of 12, so half as many again must be sold.
    assert found.more_needed.value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        (("a", "c"), "the margin is unknown: c"),
        (("a", "d"), "it earns nothing even without a discount"),
        (("a", "z"), "not sold within the last year: z"),
    ],
)
def test_what_is_unknown_is_missing_with_the_reason(items: tuple[str, ...], reason: str) -> None:
    found = one(*items)
    assert found.used_up_at.value is None
    assert found.used_up_at.reason == reason
    assert found.more_needed.value is None


def test_a_discount_that_takes_everything_has_no_number_to_sell() -> None:
    found = one("a", "b", discount=0.3)
    assert found.more_needed == Figure(value=None, reason="the discount takes all that it earns")


def test_each_set_is_there_once_and_the_dearest_first() -> None:
    rules = [rule(("c",), ("a",), 90), rule(("a",), ("b",), 10), rule(("b",), ("a",), 10)]
    found = bundles_of(rules, EARNINGS, discount=0.1)
    assert [bundle.items for bundle in found] == [("a", "b"), ("a", "c")]


@pytest.fixture(params=[None, 0.4])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    stores = make_stores(
        tmp_path, **({} if request.param is None else {"margin_default": request.param})
    )
    rng = np.random.default_rng(7)
    rows = []
    for number in range(1_000):
        held = [f"s{item}" for item in np.flatnonzero(rng.random(15) < 0.15)] or ["s14"]
        for first, then in (("s0", "s1"), ("s2", "s3")):
            if first in held and then not in held and rng.random() < 0.6:
                held.append(then)
        price = {"s0": 20.0, "s1": 10.0}
        rows.append(
            {
                "customer": f"p{number % 90}",
                "order_id": f"o{number}",
                "ordered_at": day(number * 0.36),
                "lines": [(sku, 2, price.get(sku, 5.0)) for sku in held],
            }
        )
    add_orders(stores, rows)
    add_products(stores, [{"sku": "s0", "unit_cost": 15}, {"sku": "s1", "unit_cost": 6}])
    return stores


def test_a_workspace_tells_margins_by_cost_or_by_the_setting(stores: Stores) -> None:
    found = {one.items: one for one in bundles(stores, as_of=AS_OF, confidence=0.0).bundles}
    assert set(found) == {("s0", "s1"), ("s2", "s3")}
    known, other = found["s0", "s1"], found["s2", "s3"]
    assert (known.price.value, known.margin.value, known.assumed) == (30.0, 9.0, False)
    if stores.settings.margin_default is None:
        assert other.margin.reason == "the margin is unknown: s2, s3"
    else:
        assert (other.margin.value, other.assumed) == (pytest.approx(4.0), True)
    assert other.price.value == 10.0


def test_a_discount_that_is_no_share_is_refused(stores: Stores) -> None:
    with pytest.raises(PredictError, match="between 0 and 1"):
        bundles(stores, as_of=AS_OF, discount=10)
