"""Simulated shops whose true effect is known: bias and coverage for spend that is mostly zero and heavy-tailed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from aimwell.stats.arms import Arm
from aimwell.stats.intervals import newcombe, welch
from aimwell.stats.lift import measure_lift

# Spend of a buyer: exp(2.5 + 1.3 z), of which 0.9 is a taste that past spend shares. Skew of all outcomes is near 20.
LOCATION, TASTE, WHIM = 2.5, 0.9, np.sqrt(1.3**2 - 0.9**2)
BUYING = 0.3
MEAN_IF_BUYING = float(np.exp(LOCATION + 1.3**2 / 2))


@dataclass(frozen=True)
class Effect:
    """What treatment does: the share who buy, and a factor on what buyers spend."""

    buying: float = BUYING
    factor: float = 1.0

    @property
    def difference(self) -> float:
        return (self.buying * self.factor - BUYING) * MEAN_IF_BUYING

    @property
    def relative(self) -> float:
        return self.buying * self.factor / BUYING - 1.0


EFFECTS = {
    "none": Effect(),
    "more buyers": Effect(buying=0.36),
    "larger baskets": Effect(factor=1.3),
    "driven away": Effect(buying=0.2),
}


def _shop(n: int, rng: np.random.Generator, effect: Effect) -> Arm:
    taste = rng.normal(size=n)
    before = np.where(
        rng.random(n) < 0.7, np.exp(3.0 + 0.9 * taste + 0.9 * rng.normal(size=n)), 0.0
    )
    spend = np.exp(LOCATION + TASTE * taste + WHIM * rng.normal(size=n))
    outcomes = np.where(rng.random(n) < effect.buying, effect.factor * spend, 0.0)
    return Arm.of(outcomes, before)


@dataclass(frozen=True)
class Tally:
    """Over many shops: the estimates, and the shares of intervals that lie above, around and below the truth."""

    estimates: np.ndarray
    above: float
    below: float
    defined: float

    @property
    def coverage(self) -> float:
        return 1.0 - self.above - self.below


def _tally(figures, truth: float) -> Tally:
    defined = [figure for figure in figures if figure.defined]
    return Tally(
        estimates=np.array([figure.estimate for figure in defined]),
        above=sum(figure.lower > truth for figure in defined) / len(figures),
        below=sum(figure.upper < truth for figure in defined) / len(figures),
        defined=len(defined) / len(figures),
    )


def _simulated(sizes: tuple[int, int], effect: Effect, *, shops: int, permutations: int):
    lifts, plain = [], []
    for number in range(shops):
        rng = np.random.default_rng([number, *sizes])
        treated, control = _shop(sizes[0], rng, effect), _shop(sizes[1], rng, Effect())
        lifts.append(measure_lift(treated, control, seed=number, permutations=permutations))
        plain.append(welch(treated.outcomes, control.outcomes))
    return (
        _tally([lift.difference for lift in lifts], effect.difference),
        _tally([lift.relative for lift in lifts], effect.relative),
        _tally(plain, effect.difference),
    )


def _check(tallies, effect: Effect, *, shops: int) -> None:
    difference, relative, plain = tallies
    allowed = max(3.0 * np.sqrt(0.95 * 0.05 / shops), 0.015)
    assert difference.defined == 1.0
    error = difference.estimates.std() / np.sqrt(shops)
    assert difference.estimates.mean() == pytest.approx(effect.difference, abs=3.5 * error)
    # A missing relative lift claims nothing and so misleads nobody; it may be missing in small arms. Where not
    # everybody's outcome is multiplied alike it is not exact: a point is allowed for that.
    assert relative.coverage >= 0.95 - allowed - 0.01
    if effect.difference >= 0.0:
        assert difference.coverage == pytest.approx(0.95, abs=allowed)
    else:
        # A known limit. The test is exact where everybody's effect is the same. Where treatment drives every third
        # buyer away and the control arm is tiny, the one big spender that it lacks hides part of the harm: 91 % was
        # measured with 28 people in control, 93 % with 100, 95 % with 660. Welch's interval does worse.
        assert difference.coverage >= 0.95 - allowed - 0.05
        assert difference.coverage >= plain.coverage


@pytest.mark.parametrize("name", list(EFFECTS))
@pytest.mark.parametrize("sizes", [(112, 28), pytest.param((660, 165), marks=pytest.mark.long)])
def test_intervals_cover_the_true_effect_in_150_shops(sizes, name):
    tallies = _simulated(sizes, EFFECTS[name], shops=150, permutations=199)
    _check(tallies, EFFECTS[name], shops=150)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", list(EFFECTS))
@pytest.mark.parametrize("sizes", [(112, 28), (400, 100), (2_640, 660), (9_000, 1_000)])
def test_intervals_cover_the_true_effect_in_2000_shops(sizes, name):
    tallies = _simulated(sizes, EFFECTS[name], shops=2_000, permutations=399)
    difference, relative, plain = tallies
    print(
        f"\n{sizes} {name}: rule {difference.coverage:.2%} (above {difference.above:.2%}, below "
        f"{difference.below:.2%}), relative {relative.coverage:.2%}, Welch {plain.coverage:.2%}"
    )
    _check(tallies, EFFECTS[name], shops=2_000)


def test_welchs_interval_covers_too_seldom_in_such_a_small_shop():
    """Why the rule exists: heavy tails in a small control arm."""
    rng = np.random.default_rng(1)
    covered = sum(
        bool(
            welch(_shop(400, rng, Effect()).outcomes, _shop(100, rng, Effect()).outcomes).covers(
                0.0
            )
        )
        for _ in range(1_000)
    )
    assert covered / 1_000 < 0.93


def test_welch_by_the_rule_covers_where_outcomes_are_tame():
    rng = np.random.default_rng(2)
    covered, trials, truth = 0, 600, 0.5
    for number in range(trials):
        known = rng.normal(size=1_500)
        outcomes = 20.0 + 3.0 * known + rng.gamma(4.0, 1.0, 1_500)
        outcomes[:1_000] += truth
        lift = measure_lift(
            Arm.of(outcomes[:1_000], known[:1_000]),
            Arm.of(outcomes[1_000:], known[1_000:]),
            seed=number,
        )
        assert lift.choice.method == "cuped_welch"
        covered += bool(lift.difference.covers(truth))
    assert covered / trials == pytest.approx(0.95, abs=0.027)


def test_newcombe_covers_small_shares():
    rng = np.random.default_rng(3)
    covered, trials = 0, 2_000
    for treated, control in zip(
        rng.binomial(400, 0.05, trials), rng.binomial(100, 0.03, trials), strict=True
    ):
        found = newcombe(
            treated_successes=int(treated),
            treated_n=400,
            control_successes=int(control),
            control_n=100,
        )
        covered += bool(found.covers(0.02))
    assert covered / trials == pytest.approx(0.95, abs=0.02)


def test_the_covariate_makes_intervals_shorter_without_moving_the_estimate():
    with_it, without = [], []
    for number in range(60):
        rng = np.random.default_rng([7, number])
        arms = _shop(800, rng, EFFECTS["larger baskets"]), _shop(200, rng, Effect())
        with_it.append(measure_lift(*arms, seed=number, permutations=199).difference)
        plain = (arm.without_covariates() for arm in arms)
        without.append(measure_lift(*plain, seed=number, permutations=199).difference)
    widths = [np.median([f.upper - f.lower for f in figures]) for figures in (with_it, without)]
    assert widths[0] < widths[1]
    gaps = np.array([a.estimate - b.estimate for a, b in zip(with_it, without, strict=True)])
    assert abs(gaps.mean()) < 3.5 * gaps.std() / np.sqrt(60)
