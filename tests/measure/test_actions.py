"""Each action against the held-out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aimwell.measure.actions import ActionFacts, action_results
from aimwell.measure.people import Cell, People
from aimwell.stats.multiplicity import holm

CELLS = (Cell("a", "x"), Cell("a", "y"), Cell("b", "x"))
FACTS = {
    "a": ActionFacts(
        channel="email", offer="ten", sent={"x": 90, "y": 80}, cost={"x": 9.0, "y": 8.0}
    ),
    "b": ActionFacts(channel="sms", offer=None, sent={"x": 300}, cost={"x": 60.0}),
}
SHARES = {0: 0.1, 1: 0.1, 2: 0.4, -1: 0.4}


@pytest.fixture
def people(make_people: Callable[..., People], seed: int) -> People:
    """Action b adds four pounds of margin, action a nothing."""
    rng = np.random.default_rng(seed)
    cell = np.repeat([0, 1, 2, -1], [100, 100, 400, 400])
    margin = rng.normal(20, 3, 1000) + 4.0 * (cell == 2)
    return make_people(
        list(cell),
        cells=CELLS,
        probability=[SHARES[c] for c in cell],
        orders=np.ones(1000),
        revenue=2 * margin,
        margin=margin,
    )


def test_each_action_has_its_people_costs_and_difference(people: People) -> None:
    rows = action_results(people, FACTS, holdout=0.4, by_variant=False, seed=1)
    assert [(row.action, row.variant, row.figures.people) for row in rows] == [
        ("a", None, 200),
        ("b", None, 400),
    ]
    first, second = rows
    assert (first.sent, first.contact_cost, first.offer, first.channel) == (
        170,
        17.0,
        "ten",
        "email",
    )
    assert first.difference.estimate == pytest.approx(0.0, abs=1.1)
    assert second.difference.estimate == pytest.approx(4.0, abs=0.9)
    assert second.difference.excludes_zero
    assert second.profit.estimate == pytest.approx(400 * (second.difference.estimate or 0) - 60.0)
    assert [row.p_adjusted for row in rows] == holm([row.difference.p_value for row in rows])


@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_and_corrected_p_values_do_not_contradict_each_other(
    make_people: Callable[..., People], skewed: bool
) -> None:
    seen = set()
    for number in range(60):
        rng = np.random.default_rng(number)
        cell = np.repeat([0, 1, 2, -1], [50, 50, 200, 200])
        spend = rng.lognormal(0, 1.6, 500) if skewed else rng.normal(20, 3, 500)
        margin = spend + (number / 20) * np.select([cell == 2, cell == 0], [0.5, -0.7])
        people = make_people(
            list(cell),
            cells=CELLS,
            probability=[SHARES[c] for c in cell],
            orders=np.ones(500),
            revenue=margin,
            margin=margin,
        )
        rows = action_results(
            people, FACTS, holdout=0.4, by_variant=True, seed=number, permutations=599
        )
        for row in rows:
            assert row.difference.confidence == row.profit.confidence == pytest.approx(1 - 0.05 / 3)
        least = min(row.difference.p_value for row in rows)
        for row in rows:
            outside = row.difference.excludes_zero
            assert outside == (3 * row.difference.p_value <= 0.05 + 1e-9)
            if outside or row.difference.p_value == least:
                assert outside == (row.p_adjusted <= 0.05 + 1e-9)
            seen.add(outside)
    assert seen == {True, False}


def test_a_single_action_needs_no_correction(make_people: Callable[..., People]) -> None:
    people = make_people(
        [0] * 40 + [-1] * 40,
        cells=CELLS[:1],
        probability=[0.5] * 80,
        revenue=np.arange(80.0),
        margin=np.arange(80.0),
    )
    (row,) = action_results(people, FACTS, holdout=0.5, by_variant=False, seed=1, permutations=199)
    assert row.difference.confidence == 0.95
    assert row.p_adjusted == row.difference.p_value


def test_each_variant_has_a_row_of_its_own(people: People) -> None:
    rows = action_results(people, FACTS, holdout=0.4, by_variant=True, seed=1)
    assert [(row.action, row.variant, row.figures.people, row.sent) for row in rows] == [
        ("a", "x", 100, 90),
        ("a", "y", 100, 80),
        ("b", "x", 400, 300),
    ]
    assert [row.contact_cost for row in rows] == [9.0, 8.0, 60.0]


def test_an_action_that_not_everybody_could_get_is_not_compared(
    make_people: Callable[..., People],
) -> None:
    people = make_people(
        [0, 0, 2, 2, -1, -1], cells=CELLS, probability=[0.6, 0.3, 0.3, 0.3, 0.4, 0.4], revenue=[1, 2, 3, 4, 5, 6]
    )  # fmt: skip
    for row in action_results(
        people, FACTS, holdout=0.4, by_variant=False, seed=1, permutations=199
    ):
        assert row.difference.estimate is None
        assert "not everybody could get this action" in (row.difference.reason or "")
        assert row.p_adjusted is None


def test_without_control_no_action_is_compared(make_people: Callable[..., People]) -> None:
    people = make_people([0, 1, 2], cells=CELLS, probability=[0.25, 0.25, 0.5], revenue=[1, 2, 3])
    for row in action_results(people, FACTS, holdout=0.0, by_variant=False, seed=1):
        assert "nobody was held out" in (row.difference.reason or "")


def test_unknown_margin_compares_revenue_and_leaves_profit_missing(
    make_people: Callable[..., People],
) -> None:
    cell = [0] * 30 + [1] * 30 + [2] * 30 + [-1] * 60
    shares = {0: 0.2, 1: 0.2, 2: 0.2, -1: 0.4}
    margin = np.zeros(150)
    margin[3] = np.nan
    people = make_people(
        cell,
        cells=CELLS,
        probability=[shares[c] for c in cell],
        revenue=np.arange(150.0),
        margin=margin,
    )
    for row in action_results(
        people, FACTS, holdout=0.4, by_variant=False, seed=1, permutations=199
    ):
        assert row.metric == "revenue"
        assert row.difference.defined
        assert row.profit.estimate is None
        assert row.figures.margin is None
