"""Arms against each other: which pairs, by which method, and what stands beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.measure.experiments.comparing import Subjects, arm_figures, compared, pairs_of
from aimwell.stats.clusters import Clusters, clustered_difference
from aimwell.stats.intervals import welch
from aimwell.stats.two_means import TwoMeans


def made(*, shops: int = 0, people: int = 1_200, seed: int = 1) -> Subjects:
    """Three arms; shops differ more than their people do."""
    rng = np.random.default_rng(seed)
    arm = np.arange(people) % 3 if not shops else np.repeat(np.arange(shops) % 3, people // shops)
    group = np.repeat(np.arange(shops), people // shops) if shops else None
    outcome = 10.0 + arm + rng.standard_normal(people)
    if group is not None:
        outcome += 3.0 * rng.standard_normal(shops)[group]
    nobody = np.zeros(people, dtype=bool)
    return Subjects(
        arms=("control", "a", "b"),
        arm=arm,
        outcome=outcome,
        group=group,
        contradicted=nobody,
        reached={},
    )


def test_each_arm_meets_the_control_and_without_one_each_meets_each() -> None:
    assert pairs_of(("control", "a", "b"), None) == [("a", "control"), ("b", "control")]
    assert pairs_of(("a", "b", "c"), None) == [("b", "a"), ("c", "a"), ("c", "b")]
    assert pairs_of(("control", "a", "b"), "a") == [("control", "a"), ("b", "a")]


def test_persons_are_compared_by_the_rule_and_all_pairs_at_once() -> None:
    people = made()
    found = compared(people, pairs_of(people.arms, None), seed=1)
    first = welch(people.outcome[people.of("a")], people.outcome[people.of("control")])
    assert found[0].difference.estimate == pytest.approx(first.estimate)
    assert found[0].difference.confidence == pytest.approx(0.975)
    assert found[1].difference.covers(1.9)
    assert found[0].independent is None
    assert all(one.p_adjusted is not None and one.p_adjusted < 1e-6 for one in found)


def test_groups_that_were_assigned_are_the_units_and_the_wrong_interval_stands_beside() -> None:
    people = made(shops=60)
    [one, _] = compared(people, pairs_of(people.arms, None), seed=1)
    assert people.group is not None
    arms = [
        Clusters.of(people.outcome[rows], people.group[rows])
        for rows in (people.of("a"), people.of("control"))
    ]
    means = clustered_difference(arms[0], arms[1])
    assert isinstance(means, TwoMeans)
    assert one.difference == means.difference(confidence=0.975)
    assert one.independent is not None
    right, wrong = (
        (each.upper or 0) - (each.lower or 0) for each in (one.difference, one.independent)
    )
    assert right > 2 * wrong
    assert [figure.groups for figure in arm_figures(people)] == [20, 20, 20]


def test_who_is_contradicted_counts_but_for_the_figure_beside() -> None:
    people = made()
    wrong = np.zeros(len(people.arm), dtype=bool)
    wrong[:30] = True
    spoilt = people.outcome.copy()
    spoilt[wrong] = 1_000.0
    mixed = Subjects(
        arms=people.arms,
        arm=people.arm,
        outcome=spoilt,
        group=None,
        contradicted=wrong,
        reached={},
    )
    [one, _] = compared(mixed, pairs_of(mixed.arms, None), seed=1)
    assert one.uncontradicted is not None
    assert one.uncontradicted.estimate == pytest.approx(1.0, abs=0.2)
    rows = [spoilt[mixed.of(name)].mean() for name in ("a", "control")]
    assert one.difference.estimate == pytest.approx(rows[0] - rows[1])


def test_the_effect_on_the_reached_is_that_of_assignment_over_the_share_reached() -> None:
    people = made(people=6_000)
    rng = np.random.default_rng(2)
    seen = people.of("a") & (rng.random(len(people.arm)) < 0.5)
    outcome = 10.0 + 4.0 * seen + rng.standard_normal(len(people.arm))
    some = Subjects(
        arms=people.arms,
        arm=people.arm,
        outcome=outcome,
        group=None,
        contradicted=people.contradicted,
        reached={"a": seen},
    )
    one, other = compared(some, pairs_of(some.arms, None), seed=1)
    assert one.difference.covers(2.0)
    assert one.reached is not None
    assert one.reached.effect.covers(4.0)
    assert other.reached is None


def test_what_was_known_before_is_taken_off_and_the_plain_figure_stands_beside() -> None:
    people = made(people=3_000)
    known = np.random.default_rng(9).standard_normal((len(people.arm), 2))
    louder = replace(people, outcome=people.outcome + 5.0 * known[:, 0], known=known)
    [one, _] = compared(louder, pairs_of(louder.arms, None), seed=1)
    assert one.adjustment is not None
    assert one.adjustment.used == (0, 1)
    assert (one.adjustment.variance_reduction or 0.0) > 0.9
    pair = louder.of("a") | louder.of("control")
    columns = [np.ones(pair.sum()), louder.of("a")[pair].astype(float), known[pair]]
    slopes = np.linalg.lstsq(np.column_stack(columns), louder.outcome[pair], rcond=None)[0]
    assert one.difference.estimate == pytest.approx(slopes[1], rel=1e-9)
    assert (
        one.unadjusted
        == compared(replace(louder, known=None), pairs_of(louder.arms, None), seed=1)[0].difference
    )
    widths = [(each.upper or 0) - (each.lower or 0) for each in (one.difference, one.unadjusted)]
    assert widths[0] < 0.3 * widths[1]


def test_on_the_reached_groups_are_the_units_and_what_was_known_is_taken_off() -> None:
    people = made(shops=90, people=9_000)
    rng = np.random.default_rng(2)
    seen = people.of("a") & (rng.random(len(people.arm)) < 0.5)
    outcome = 10.0 + 4.0 * seen + rng.standard_normal(len(people.arm))
    assert people.group is not None
    known = rng.standard_normal(90)[people.group][:, None]
    shops = replace(people, outcome=outcome + 3.0 * known[:, 0], reached={"a": seen})
    [plain, _] = compared(shops, pairs_of(shops.arms, None), seed=1)
    [less, _] = compared(replace(shops, known=known), pairs_of(shops.arms, None), seed=1)
    assert plain.reached is not None
    assert less.reached is not None
    for one in (plain.reached, less.reached):
        assert one.effect.covers(4.0)
    assert less.reached.effect.estimate == pytest.approx(
        (less.difference.estimate or 0.0) / (less.reached.reached_more.estimate or 1.0)
    )
    widths = [(one.effect.upper or 0) - (one.effect.lower or 0) for one in (less.reached, plain.reached)]  # fmt: skip
    assert widths[0] < 0.5 * widths[1]
