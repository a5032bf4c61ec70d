"""Each action against the held-out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aimwell.measure.actions import ActionFacts, action_results
from aimwell.measure.people import Cell, People
from aimwell.stats.intervals import wilson
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
    for number in range(0, 60, 3):
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


def chosen_for(
    make_people: Callable[..., People], rng: np.random.Generator, n: int = 3000, **more: object
) -> People:
    """Who spends much is likely to get `a`, the others `b`, by probabilities that are logged. `a` adds 4 to everybody, `b` 1 and a tenth
    of what people spent before (20 on average, so 3 on everybody)."""
    before = rng.gamma(2, 10, n)
    likely = np.where(before > 20, 0.75, 0.05)
    shares = np.column_stack([likely / 2, likely / 2, 0.8 - likely])
    draw = rng.random(n)
    cell = (draw[:, None] >= np.cumsum(shares, axis=1)).sum(axis=1)
    cell[cell == 3] = -1
    added = np.select([(cell == 0) | (cell == 1), cell == 2], [4.0, 1 + before / 10], 0.0)
    margin = before + rng.normal(0, 8, n) + added
    return make_people(
        list(cell),
        cells=CELLS,
        probability=np.where(cell < 0, 0.2, shares[np.arange(n), np.maximum(cell, 0)]),
        orders=np.ones(n),
        revenue=2 * margin,
        margin=margin,
        spend_before=before,
        **more,
    )


def _weighed(make_people: Callable[..., People], runs: int) -> dict[str, tuple[float, float]]:
    """Action → the share of runs in which its interval (of 97.5 %) holds the truth, and the mean error."""
    rng = np.random.default_rng(20)
    held = {"a": 0, "b": 0}
    gaps: dict[str, list[float]] = {"a": [], "b": []}
    for _ in range(runs):
        people = chosen_for(make_people, rng)
        for row in action_results(people, FACTS, holdout=0.2, by_variant=False, seed=1):
            truth = {"a": 4.0, "b": 3.0}[row.action]
            held[row.action] += bool(row.difference.covers(truth))
            gaps[row.action].append((row.difference.estimate or 0.0) - truth)
    assert row.effective is not None
    assert 30 < row.effective < row.figures.people
    assert "Hájek" in row.difference.method
    assert row.difference.confidence == 0.975
    assert "not what it added to those who got it" in (row.profit.reason or "")
    return {name: (held[name] / runs, float(np.mean(gaps[name]))) for name in held}


def test_people_with_different_chances_are_weighed_by_the_logged_probabilities(
    make_people: Callable[..., People],
) -> None:
    found = _weighed(make_people, 60)
    assert min(share for share, _gap in found.values()) > 0.9, found
    # Unweighed, `a` would seem to add some ten more.
    assert max(abs(gap) for _share, gap in found.values()) < 0.35, found


@pytest.mark.long
def test_a_thousand_weighed_campaigns_are_covered(make_people: Callable[..., People]) -> None:
    found = _weighed(make_people, 1000)
    for name, (share, gap) in found.items():
        one = wilson(round(1000 * share), 1000)
        print(
            f"{name}: {100 * share:.1f} % ({100 * one.lower:.1f} to {100 * one.upper:.1f}), off by {gap:.3f}"
        )
    assert all(0.96 < share < 0.99 for share, _gap in found.values()), found
    assert max(abs(gap) for _share, gap in found.values()) < 0.1, found


def test_variants_of_a_weighed_action_stand_for_everybody_too(
    make_people: Callable[..., People],
) -> None:
    people = chosen_for(make_people, np.random.default_rng(20), 20_000)
    whole = action_results(people, FACTS, holdout=0.2, by_variant=False, seed=1)
    for row in whole:
        every = row.profit_of_all
        each = FACTS[row.action]
        cost = sum(each.cost.values()) * len(people) / row.figures.people
        assert every.estimate == pytest.approx(
            len(people) * (row.difference.estimate or 0.0) - cost
        )
        assert every.lower == pytest.approx(len(people) * (row.difference.lower or 0.0) - cost)
    x, y, b = action_results(people, FACTS, holdout=0.2, by_variant=True, seed=1)
    assert b.difference.estimate == whole[1].difference.estimate
    middle = ((x.difference.estimate or 0.0) + (y.difference.estimate or 0.0)) / 2
    assert middle == pytest.approx(whole[0].difference.estimate, abs=0.05)


def test_while_the_window_is_open_a_weighed_interval_holds_at_all_looks(
    make_people: Callable[..., People],
) -> None:
    people = chosen_for(make_people, np.random.default_rng(20))
    done, open_, early = (
        action_results(people, FACTS, holdout=0.2, by_variant=False, seed=1, fraction=part)[0]
        for part in (None, 0.5, 0.01)
    )
    assert done.difference.lower > open_.difference.lower
    assert "always valid" in open_.difference.method
    assert early.difference.estimate is None
    assert early.profit.estimate is None


def test_where_groups_were_drawn_the_groups_are_weighed(make_people: Callable[..., People]) -> None:
    rng = np.random.default_rng(20)
    likely = rng.choice([0.2, 0.6], 400)
    draw = rng.random(400)
    cell = np.select([draw < 0.2, draw < 0.2 + likely], [-1, 0], 2).repeat(5)
    chance = np.where(cell < 0, 0.2, np.where(cell == 0, likely.repeat(5), 0.8 - likely.repeat(5)))
    margin = rng.normal(0, 3, 400).repeat(5) + rng.normal(0, 1, 2000) + 2.0 * (cell == 0)
    people = {
        groups: make_people(
            list(cell),
            cells=(CELLS[0], CELLS[1], CELLS[2]),
            probability=chance,
            revenue=margin,
            margin=margin,
            cluster=np.arange(400).repeat(5) if groups else None,
        )
        for groups in (True, False)
    }
    wide, short = (
        action_results(people[groups], FACTS, holdout=0.2, by_variant=False, seed=1)[0].difference
        for groups in (True, False)
    )
    assert wide.estimate == pytest.approx(short.estimate)
    assert wide.upper - wide.lower > 1.8 * (short.upper - short.lower)
    assert wide.covers(2.0)


def test_an_action_that_not_everybody_could_get_is_not_compared(
    make_people: Callable[..., People],
) -> None:
    rng = np.random.default_rng(20)
    n = 2000
    able, draw = rng.random(n) < 0.5, rng.random(n)
    cell = np.where(draw < 0.2, -1, np.where(able & (draw < 0.6), 0, 2))
    people = make_people(
        list(cell),
        cells=CELLS,
        probability=np.where(cell < 0, 0.2, np.where(able, 0.4, 0.8)),
        margin=rng.normal(20, 5, n),
    )
    some, other = action_results(people, FACTS, holdout=0.2, by_variant=False, seed=1)
    assert some.difference.estimate is None
    assert "not everybody could get it" in (some.difference.reason or "")
    assert some.p_adjusted is None
    # Who was not able got this one with certainty or not at all, but nobody was without a chance of it.
    assert other.difference.defined


@pytest.mark.parametrize("chance", [[0.6, 0.3], [np.nan, 0.3], [0.0, 0.3]])
def test_too_few_or_unlogged_people_are_not_weighed(
    make_people: Callable[..., People], chance: list[float]
) -> None:
    people = make_people(
        [0, 0, 2, 2, -1, -1], cells=CELLS, probability=[*chance, 0.3, 0.3, 0.4, 0.4], revenue=[1, 2, 3, 4, 5, 6]
    )  # fmt: skip
    first, second = action_results(people, FACTS, holdout=0.4, by_variant=False, seed=1)
    wrong = "30 are needed" if chance[0] == 0.6 else "not logged"
    assert wrong in (first.difference.reason or "")
    assert "30 are needed" in (second.difference.reason or "")


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
        assert row.profit_of_all.reason == row.profit.reason
        assert row.figures.margin is None
