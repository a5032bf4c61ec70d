"""Treatments that somebody chose: right where what moved them was known, refused where nobody is alike, never without the caveat."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aimwell.decide.uplift.averages import mean_of, median_of
from aimwell.decide.uplift.bases import RidgeBase
from aimwell.decide.uplift.observing import CAVEAT, _repeats, observed_experiment
from aimwell.decide.uplift.problem import aipw_scores, problem_of
from aimwell.decide.uplift.service import uplift_report
from aimwell.errors import DecideError


def chosen(people: int, seed: int, pull: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Good customers are treated more, and buy more anyway; the true effect is 0.5."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((people, 2))
    treated = rng.random(people) < 1 / (1 + np.exp(-pull * x[:, 0]))
    outcome = 2 * x[:, 0] + 0.5 * treated + rng.standard_normal(people)
    return x, np.where(treated, "sent", "not"), outcome


@pytest.mark.parametrize("model", ["logistic", "trees"])
def test_weighting_by_what_was_known_undoes_the_choice(model: str) -> None:
    x, arm, outcome = chosen(6_000, seed=1)
    plain = outcome[arm == "sent"].mean() - outcome[arm == "not"].mean()
    assert plain > 1.5
    data, overlap, kept = observed_experiment(
        x,
        arm,
        {"y": outcome},
        control="not",
        model=model,  # type: ignore[arg-type]
        repeats=1 if model == "trees" else None,
    )
    problem = problem_of(data, data.outcome("y"))
    scores = aipw_scores(
        problem.foretold(RidgeBase(), seed=0), data.arm, data.outcome("y"), data.propensity
    )
    found = mean_of(scores[:, 1] - scores[:, 0])
    assert found.estimate == pytest.approx(0.5, abs=0.12)
    assert len(kept) == len(data) == overlap.people - overlap.left_out
    assert abs(overlap.balance[0].before or 0) > 0.5
    assert abs(overlap.balance[0].after or 9) < 0.2


def test_the_caveat_is_loud_and_says_how_many_were_left_out() -> None:
    x, arm, outcome = chosen(3_000, seed=2, pull=2.0)
    data, overlap, _ = observed_experiment(x, arm, {"y": outcome}, control="not")
    assert data.randomised is False
    assert data.cautions[0] == CAVEAT
    assert f"{overlap.left_out:,} of 3,000 people were left out" in data.cautions[1]


def test_what_weighting_did_not_even_out_is_said() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2_000, 1))
    # Treated are those in the middle, which a straight line cannot foretell.
    treated = rng.random(2_000) < np.where(np.abs(x[:, 0]) < 0.5, 0.8, 0.2)
    features = np.column_stack([x, np.abs(x[:, 0]) < 0.5]).astype(float)
    arm = np.where(treated, "sent", "not")
    even, *_ = observed_experiment(features, arm, {"y": x[:, 0]}, control="not")
    assert not any("Even weighted" in words for words in even.cautions)
    odd = np.column_stack([x, x**2, x**4])
    data, overlap, _ = observed_experiment(odd, arm, {"y": x[:, 0]}, control="not", least=0.0)
    worst = max(abs(one.after or 0.0) for one in overlap.balance)
    assert any("Even weighted" in words for words in data.cautions) == (worst > 0.1)


def test_where_nobody_is_alike_it_is_refused() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1_000, 1))
    arm = np.where(x[:, 0] + 0.05 * rng.standard_normal(1_000) > 0, "sent", "not")
    with pytest.raises(DecideError, match="nobody like them"):
        observed_experiment(x, arm, {"y": x[:, 0]}, control="not")


def test_hardly_anything_hangs_on_how_people_were_dealt_to_the_parts() -> None:
    x, arm, outcome = chosen(600, seed=6)
    found = []
    for seed in (1, 2):
        data, *_ = observed_experiment(x, arm, {"y": outcome}, control="not", seed=seed)
        assert data.estimated is not None
        assert data.estimated.shape == (len(data), 2, 21)
        assert data.propensity == pytest.approx(data.estimated.mean(axis=2), abs=1e-9)
        found.append(uplift_report(data, "y", learners=["t"], seed=seed).effect)
    assert "median of 21" in found[0].method
    error = (found[0].upper or 0.0) - (found[0].estimate or 0.0)
    assert np.ptp([one.estimate for one in found]) < 0.25 * error


def test_of_a_million_people_hardly_any_deals_are_made() -> None:
    assert [_repeats(people) for people in (100, 40_000, 60_000, 70_000, 10_000_000)] == [
        21,
        21,
        15,
        13,
        3,
    ]


def test_the_median_counts_and_how_far_deals_lie_apart_is_in_its_interval() -> None:
    alike = median_of([(1.0, 0.5, 99.0)] * 3)
    assert (alike.estimate, alike.method) == (
        1.0,
        "doubly robust (AIPW), median of 3 cross-fittings",
    )
    apart = median_of([(0.0, 0.5, 99.0), (1.0, 0.5, 99.0), (3.0, 0.5, 99.0)])
    assert apart.estimate == 1.0
    # Variances 1.25, 0.25 and 4.25: their median, by hand.
    assert (apart.upper or 0.0) - 1.0 == pytest.approx(stats.t.ppf(0.975, 99) * np.sqrt(1.25))
    assert "nothing varies" in (median_of([(1.0, 0.0, 9.0)]).reason or "")
