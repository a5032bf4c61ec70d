"""Ranks, tenths, calibration and groups, on effects that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.decide.uplift.averages import mean_of
from aimwell.decide.uplift.checking import bands, calibration
from aimwell.decide.uplift.persons import FOUR_GROUPS, certainties, four_groups
from aimwell.decide.uplift.problem import dealt
from aimwell.decide.uplift.ranking import rate
from aimwell.decide.uplift.service import uplift_report
from aimwell.errors import DecideError
from made_experiments import known_experiment


def test_the_rank_weighted_effect_of_four_people_is_as_counted_by_hand() -> None:
    effects = np.array([4.0, 2.0, 0.0, 2.0] * 5)
    scores = np.array([4.0, 3.0, 1.0, 2.0] * 5)
    # In order of scores: five of 4, five of 2, five of 2, five of 0; the mean is 2.
    first = np.cumsum([4.0] * 5 + [2.0] * 10 + [0.0] * 5) / np.arange(1, 21)
    assert rate(effects, scores).estimate == pytest.approx((first - 2.0).mean())


def test_an_order_by_chance_has_a_rank_weighted_effect_of_nothing() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for turn in range(100):
        found = rate(rng.standard_normal(200), rng.standard_normal(200), draws=60, seed=turn)
        covered += bool(found.covers(0.0))
    assert covered >= 88


def test_equal_scores_have_no_rank_weighted_effect() -> None:
    assert rate(np.arange(20.0), np.zeros(20)).reason == "all scores are equal"


def test_tenths_hold_everybody_once_and_fall() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.standard_normal(1_003)
    found = bands(predicted + rng.standard_normal(1_003), predicted)
    assert sum(one.people for one in found) == 1_003
    assert [one.predicted for one in found] == sorted(
        (one.predicted for one in found), reverse=True
    )
    assert sum(bool(one.actual.covers(one.predicted)) for one in found) >= 8


def test_right_predictions_have_a_slope_of_one_and_those_twice_too_far_apart_of_a_half() -> None:
    rng = np.random.default_rng(4)
    true = rng.standard_normal(4_000)
    effects = true + rng.standard_normal(4_000)
    assert calibration(effects, true).slope.covers(1.0)
    assert calibration(effects, 2 * true).slope.covers(0.5)
    assert calibration(effects, np.ones(4_000)).slope.estimate is None


def test_certainties_add_up_and_follow_the_effect() -> None:
    effect, error = np.array([1.0, -1.0, 0.0, 0.0]), np.full(4, 0.1)
    found = certainties(effect, error, np.array([0.5, 0.5, 0.9, 0.1]), matters=0.5, likely=0.5)
    assert found.sum(axis=1) == pytest.approx(np.ones(4))
    assert [FOUR_GROUPS[place] for place in found.argmax(axis=1)] == [
        "persuadables",
        "do not disturb",
        "sure things",
        "lost causes",
    ]


def test_who_belongs_nowhere_clearly_is_unclear() -> None:
    found = certainties(np.array([0.0]), np.array([9.0]), np.array([0.5]), matters=0.5, likely=0.5)
    group, figures = four_groups(found, np.zeros((1, 2)))
    assert FOUR_GROUPS[int(group[0])] == "unclear"
    assert figures[4].people == 1
    assert figures[0].effect.reason == "fewer than two people"


def test_the_report_covers_the_average_effect_and_sees_that_it_differs() -> None:
    known = known_experiment(4_000, seed=12)
    found = uplift_report(known.data, "y", learners=["t", "dr"], seed=1)
    assert found.effect.covers(float(known.effects[:, 0].mean()))
    assert found.told
    assert found.learners[0].slope.covers(1.0)
    groups = {one.group: one for one in found.groups}
    assert (groups["persuadables"].effect.lower or -1.0) > 0
    assert (groups["do not disturb"].effect.upper or 1.0) < 0


def test_where_all_are_moved_alike_the_report_cannot_tell_whom() -> None:
    told = 0
    for seed in range(12):
        known = known_experiment(400, seed=seed, effect=0.0)
        told += uplift_report(known.data, "y", learners=["t", "x", "r"], seed=seed).told
    assert told <= 2


def test_where_people_had_different_chances_curves_are_missing_with_a_reason() -> None:
    known = known_experiment(400, seed=3)
    chances = known.data.propensity.copy()
    chances[:100] = [0.4, 0.6]
    found = uplift_report(replace(known.data, propensity=chances), "y", learners=["dr"])
    assert found.learners[0].qini.reason == "people had different probabilities of the arm"
    assert found.learners[0].autoc.defined


def test_rows_of_a_cluster_count_as_one() -> None:
    scores = np.repeat(np.random.default_rng(1).standard_normal(50), 20)
    cluster = np.repeat(np.arange(50), 20)
    whole, alone = mean_of(scores, cluster=cluster), mean_of(scores[::20])
    assert whole.estimate == pytest.approx(alone.estimate)
    assert (whole.lower, whole.upper) == pytest.approx((alone.lower, alone.upper))
    part = dealt(np.repeat([0, 1], 500), count=4, seed=1, cluster=cluster)
    assert all(len(set(part[cluster == one])) == 1 for one in range(50))


def test_an_unknown_learner_of_the_report_names_the_known_ones() -> None:
    with pytest.raises(DecideError, match="dr-trees"):
        uplift_report(known_experiment(100, seed=1).data, "y", learners=["dr-tree"])
