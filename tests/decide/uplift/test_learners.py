"""Each learner on effects that are known: for many arms, for yes and no, counts and money."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from aimwell.decide.uplift.bases import EstimatorBase, RidgeBase, TreesBase
from aimwell.decide.uplift.learners import KINDS, UpliftLearner, ridge_errors
from aimwell.decide.uplift.persons import half_samples
from aimwell.decide.uplift.problem import Problem, aipw_scores, as_marks, problem_of
from aimwell.errors import DecideError
from made_experiments import Known, known_experiment


def problem(known: Known) -> Problem:
    # Prepared columns are standardised; the features are so already, within a percent.
    return problem_of(known.data, known.data.outcome("y"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outcome", ["money", "count", "yes"])
def test_each_learner_finds_the_effects_of_two_offers(kind: str, outcome: str) -> None:
    known = known_experiment(6_000, seed=4, arms=3, kind=outcome)
    found = UpliftLearner(kind).fit(problem(known), seed=1).effects(problem(known).values)  # type: ignore[arg-type]
    least = 0.93 if outcome == "money" else 0.8
    for arm in range(2):
        assert np.corrcoef(found[:, arm], known.effects[:, arm])[0, 1] > least
        assert found[:, arm].mean() == pytest.approx(known.effects[:, arm].mean(), abs=0.12)


@pytest.mark.parametrize("kind", ["S", "DR"])
def test_trees_and_any_estimator_serve_as_parts(kind: str) -> None:
    known = known_experiment(3_000, seed=5, effect=2.0)
    forest = EstimatorBase(RandomForestRegressor(n_estimators=20, min_samples_leaf=30))
    for base, final in ((TreesBase(), TreesBase()), (forest, RidgeBase())):
        model = UpliftLearner(kind, base, final).fit(problem(known), seed=1)  # type: ignore[arg-type]
        found = model.effects(problem(known).values)[:, 0]
        assert np.corrcoef(found, known.effects[:, 0])[0, 1] > 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_effects_to_the_last_bit(kind: str) -> None:
    known = known_experiment(800, seed=6)
    first, second = (
        UpliftLearner(kind).fit(problem(known), seed=3).effects(problem(known).values)  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert (first == second).all()


def test_nobodys_own_outcome_is_among_what_foretells_it() -> None:
    known = known_experiment(300, seed=7)
    before = problem(known)
    changed = before.outcome.copy()
    changed[11] += 1_000.0
    after = problem_of(known.data, changed)
    base = RidgeBase(penalty=1.0)
    one, two = (p.foretold(base, seed=0) for p in (before, after))
    assert (one[11] == two[11]).all()
    assert (one != two).any()


def test_doubly_robust_means_cover_the_truth_though_the_model_is_wrong() -> None:
    covered = 0
    for seed in range(200):
        known = known_experiment(300, seed=seed, noise=0.5)
        data = known.data
        wrong = np.full((len(data), 2), 5.0)
        scores = aipw_scores(wrong, data.arm, data.outcome("y"), data.propensity)
        each = scores[:, 1] - scores[:, 0]
        reach = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
        covered += abs(each.mean() - 0.3) <= reach
    assert covered / 200 >= 0.9


def test_the_sandwich_of_a_persons_effect_covers_it() -> None:
    at = np.array([[1.0, 0.0, 0.0, 0.0]])
    covered = 0
    for seed in range(100):
        known = known_experiment(600, seed=seed)
        learner = UpliftLearner("DR", RidgeBase(), RidgeBase(penalty=0.0))
        effect, error = ridge_errors(learner, problem(known), at=at, seed=1)
        covered += abs(effect[0, 0] - 1.3) <= 1.96 * error[0, 0] + 0.05
    assert covered / 100 >= 0.88


def test_half_samples_tell_about_the_same_as_the_sandwich() -> None:
    known = known_experiment(2_000, seed=9)
    learner = UpliftLearner("DR", RidgeBase(), RidgeBase(penalty=0.0))
    at = np.array([[1.0, 0.0, 0.0, 0.0]])
    _, sandwich = ridge_errors(learner, problem(known), at=at, seed=1)
    halves = half_samples(learner, problem(known), at=at, draws=60, seed=2)
    assert halves[0, 0] == pytest.approx(sandwich[0, 0], rel=0.35)


def test_the_sandwich_is_refused_for_other_learners() -> None:
    known = known_experiment(200, seed=1)
    with pytest.raises(DecideError, match="not of T, ridge"):
        ridge_errors(UpliftLearner("T"), problem(known), at=np.zeros((1, 4)), seed=0)


def test_an_unknown_learner_names_the_known_ones() -> None:
    with pytest.raises(DecideError, match="DR"):
        UpliftLearner("DRX")  # type: ignore[arg-type]


@pytest.mark.parametrize("weighted", [False, True])
def test_the_s_learner_by_ridge_is_the_line_through_arms_crossed_with_columns(
    weighted: bool,
) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0.3, 1.0, (400, 4))
    arm = rng.integers(3, size=400)
    outcome = values[:, 0] * (1 + arm) + rng.normal(0, 1, 400)
    weight = rng.uniform(0.5, 2.0, 400) if weighted else None
    problem = Problem(values, arm, np.full((400, 3), 1 / 3), outcome, weight)
    found = UpliftLearner("S").fit(problem, seed=0).effects(values)
    marks = as_marks(arm, range(1, 3))
    written = [values, marks, *(values * marks[:, [place]] for place in range(2))]
    line = RidgeBase().fit(np.column_stack(written), outcome, weight=weight, seed=0)
    slopes = line.weights[6:].reshape(2, 4).T
    assert found == pytest.approx(values @ slopes + line.weights[4:6], abs=1e-9)
