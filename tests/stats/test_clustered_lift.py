"""Groups as units with what was known before taken off, and on the reached, against statsmodels run once in an environment of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from aimwell.stats.arms import Arm
from aimwell.stats.clustered_lift import clustered_lift, clustered_means
from aimwell.stats.clusters import Clusters, clustered_covariance, clustered_difference
from aimwell.stats.reached import clustered_reached_effect
from aimwell.stats.two_means import TwoMeans


@dataclass(frozen=True, eq=False)
class Shops:
    """Eighty shops of 25 people each; every other shop was treated, and three in five of its people reached."""

    owner: np.ndarray
    treated: np.ndarray
    before: np.ndarray
    reached: np.ndarray
    outcome: np.ndarray

    def arms(self, covariates: np.ndarray | None = None) -> tuple[Arm, Arm]:
        known = None if covariates is None else covariates.reshape(len(self.owner), -1)
        first, other = (
            Arm.of(self.outcome[rows], None if known is None else known[rows])
            for rows in (self.treated, ~self.treated)
        )
        return first, other

    def owners(self) -> tuple[np.ndarray, np.ndarray]:
        return self.owner[self.treated], self.owner[~self.treated]

    def clusters(self, values: np.ndarray) -> tuple[Clusters, Clusters]:
        first, other = (
            Clusters.of(values[rows], self.owner[rows]) for rows in (self.treated, ~self.treated)
        )
        return first, other


def shops() -> Shops:
    rng = np.random.default_rng(8)
    count, each = 80, 25
    owner = np.repeat(np.arange(count), each)
    treated = owner % 2 == 1
    before = rng.normal(size=count)[owner] + rng.normal(size=count * each)
    reached = treated & (rng.random(count * each) < 0.6)
    noise = rng.normal(size=count)[owner] + rng.normal(size=count * each)
    outcome = 10 + 2 * before + 1.5 * reached + noise
    assert outcome.sum() == pytest.approx(20864.821083464107)
    return Shops(owner, treated, before, reached, outcome)


def _error(means: TwoMeans) -> float:
    return float(np.sqrt(means.treated_variance + means.control_variance))


def test_taken_off_it_is_the_coefficient_of_the_regression_with_its_clustered_error() -> None:
    made = shops()
    means, adjustment = clustered_means(*made.arms(made.before), made.owners())
    assert isinstance(means, TwoMeans)
    # statsmodels: OLS(outcome ~ treated + before), cov_type "cluster".
    assert means.treated - means.control == pytest.approx(1.041527819803218, rel=1e-10)
    assert _error(means) == pytest.approx(0.2105699713503237, rel=0.03)
    plain, nothing = clustered_means(*made.arms(), made.owners())
    assert isinstance(plain, TwoMeans)
    assert plain.treated - plain.control == pytest.approx(1.3975861443514022, rel=1e-10)
    assert _error(plain) == pytest.approx(0.5689817348308883, rel=0.01)
    assert adjustment.active
    assert not nothing.active


def test_slopes_need_ten_groups_each_and_cost_degrees_of_freedom() -> None:
    made = shops()
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(len(made.owner), 9))
    found = clustered_lift(*made.arms(noise), made.owners())
    assert "9 covariates need 90 groups" in (found.adjustment.reason or "")
    assert found.difference == clustered_lift(*made.arms(), made.owners()).difference
    few = clustered_lift(*made.arms(noise[:, :8]), made.owners())
    assert few.adjustment.active
    plain = clustered_lift(*made.arms(), made.owners())
    # Of noise nothing is learnt, so the price alone shows: 78 degrees of freedom against 70.
    widths = [(one.difference.upper or 0) - (one.difference.lower or 0) for one in (few, plain)]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(78 / 70), rel=0.03)


def test_the_covariance_of_an_outcome_with_itself_is_its_variance() -> None:
    made = shops()
    means = clustered_difference(*made.clusters(made.outcome))
    assert isinstance(means, TwoMeans)
    arm = made.clusters(made.outcome)[0]
    assert clustered_covariance(arm, arm) == pytest.approx(means.treated_variance, rel=1e-12)


def test_on_the_reached_bounds_are_effects_that_are_just_not_rejected() -> None:
    made = shops()
    flag = made.reached.astype(float)
    found = clustered_reached_effect(made.clusters(made.outcome), made.clusters(flag))
    # statsmodels: two-stage least squares, and OLS(outcome − effect · reached ~ treated), cov_type "cluster", over the share.
    assert found.effect.estimate == pytest.approx(2.35680631425194, rel=1e-10)
    assert found.delta.upper is not None
    half = found.delta.upper - 2.35680631425194
    assert half == pytest.approx(1.99 * 0.9500202734989455, rel=0.01)
    for bound in (found.effect.lower, found.effect.upper):
        assert bound is not None
        left = clustered_difference(*made.clusters(made.outcome - bound * flag))
        assert isinstance(left, TwoMeans)
        assert left.difference().p_value == pytest.approx(0.05, abs=1e-6)
    assert found.reached_more.estimate == pytest.approx(flag[made.treated].mean())


def test_one_group_in_an_arm_tells_nothing_of_the_reached() -> None:
    one = Clusters.of([1.0, 2.0], [0, 0])
    two = Clusters.of([1.0, 2.0, 4.0], [0, 1, 1])
    found = clustered_reached_effect((one, two), (one, two))
    assert "one cluster" in (found.effect.reason or "")


@pytest.mark.long
def test_intervals_of_groups_cover_with_and_without_what_was_known() -> None:
    rng = np.random.default_rng(4)
    held = {"plain": 0, "taken off": 0, "reached": 0}
    runs = 2_000
    for _ in range(runs):
        sizes = rng.integers(5, 40, 60)
        owner = np.repeat(np.arange(60), sizes)
        treated = rng.permutation(60)[owner] < 30
        before = rng.normal(size=60)[owner] + rng.normal(size=len(owner))
        reached = treated & (rng.random(len(owner)) < 0.5)
        noise = rng.normal(size=60)[owner] + rng.normal(size=len(owner))
        made = Shops(owner, treated, before, reached, before + 2.0 * reached + noise)
        for name, covariate in (("plain", None), ("taken off", before)):
            held[name] += clustered_lift(*made.arms(covariate), made.owners()).difference.covers(1)
        found = clustered_reached_effect(
            made.clusters(made.outcome), made.clusters(reached.astype(float))
        )
        held["reached"] += found.effect.covers(2.0)
    print({name: count / runs for name, count in held.items()})
    for count in held.values():
        assert count / runs == pytest.approx(0.95, abs=0.02)
