"""An A/A proof: nobody in Online Retail ever got a promotion, so every interval should cover zero, 95 times in 100."""

from __future__ import annotations

from collections import Counter

import pytest

from aimwell.stats.arms import Arm
from aimwell.stats.buckets import buckets
from aimwell.stats.cuped import cuped
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import welch
from aimwell.stats.lift import measure_lift
from aimwell.stats.randomisation import randomisation_interval

HOLDOUT = 2_000  # of 10,000 buckets

# People, mean spend in the window, so that a change of the data or of the query does not pass unseen.
SIZES = {"all": (3_317, 741.16), "lapsing": (240, 548.66), "lapsing_repeat": (151, 542.65)}


def _arms(customers, number: int) -> tuple[Arm, Arm]:
    held = buckets(f"trial-{number}", customers.ids) < HOLDOUT
    return (
        Arm.of(customers.after[~held], customers.before[~held]),
        Arm.of(customers.after[held], customers.before[held]),
    )


def _figures(treated: Arm, control: Arm, *, number: int, permutations: int) -> dict[str, Estimate]:
    lift = measure_lift(treated, control, seed=number, permutations=permutations)
    return {
        "rule": lift.difference,
        "rule, relative": lift.relative,
        "rule, winsorised": lift.winsorised.difference,
        "Welch": welch(treated.outcomes, control.outcomes),
        "CUPED and Welch": cuped(treated.joint(), control.joint())[0],
    }


def _coverage(customers, *, salts: int, permutations: int) -> dict[str, float]:
    covered: Counter[str] = Counter()
    for number in range(salts):
        treated, control = _arms(customers, number)
        figures = _figures(treated, control, number=number, permutations=permutations)
        for name, figure in figures.items():
            # A missing figure claims nothing, so it misleads nobody.
            covered[name] += figure.covers(0.0) is not False
            if figure.defined:
                assert figure.lower <= figure.estimate <= figure.upper
                assert figure.excludes_zero == (figure.p_value <= 0.05 + 1e-12), (number, name)
    return {name: count / salts for name, count in covered.items()}


@pytest.mark.parametrize("group", list(SIZES))
def test_the_customers_are_those_that_the_proof_speaks_of(customer_groups, group):
    people, mean = SIZES[group]
    customers = customer_groups[group]
    assert len(customers.ids) == people
    assert customers.after.mean() == pytest.approx(mean, abs=0.01)


# All customers go this way, too, in measure/test_on_real_orders.py.
@pytest.mark.parametrize("group", ["lapsing_repeat", pytest.param("all", marks=pytest.mark.long)])
def test_without_any_treatment_the_interval_covers_zero_in_200_trials(customer_groups, group):
    coverage = _coverage(customer_groups[group], salts=200, permutations=199)
    # 95 % ± 3 standard errors of 200 trials.
    assert 0.904 <= coverage["rule"] <= 0.996


@pytest.mark.parametrize("group", ["lapsing_repeat", pytest.param("all", marks=pytest.mark.long)])
def test_without_any_covariate_the_interval_covers_zero_in_200_trials(customer_groups, group):
    covered = 0
    for number in range(200):
        treated, control = (arm.outcomes for arm in _arms(customer_groups[group], number))
        covered += bool(
            randomisation_interval(treated, control, seed=number, permutations=199).covers(0.0)
        )
    assert 0.904 <= covered / 200 <= 0.996


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("group", list(SIZES))
def test_without_any_treatment_the_interval_covers_zero_in_2000_trials(customer_groups, group):
    coverage = _coverage(customer_groups[group], salts=2_000, permutations=1_999)
    print(f"\n{group}: " + ", ".join(f"{name} {share:.2%}" for name, share in coverage.items()))
    for name, share in coverage.items():
        if name.startswith("rule"):
            assert 0.935 <= share <= 0.965, name


def test_among_all_customers_welch_alone_would_mislead(customer_groups):
    """Why the rule exists: a few wholesalers make Welch's interval miss zero twice as often as it says."""
    customers = customer_groups["all"]
    trials = 1_000
    covered = 0
    for number in range(trials):
        held = buckets(f"trial-{number}", customers.ids) < HOLDOUT
        covered += bool(welch(customers.after[~held], customers.after[held]).covers(0.0))
    assert covered / trials < 0.92
