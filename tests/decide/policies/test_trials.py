"""The choice on the simulated shop, where the true worth of each policy is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policy_trials import EVEN, STRONG, WEAK, Outcome, decided, trial

NO_EFFECT = replace(WEAK, effect_strength=0.0)


def runs(spec: object, *, people: int, count: int) -> list[Outcome]:
    return [decided(trial(spec, people=people, seed=1_000 + n)) for n in range(count)]  # type: ignore[arg-type]


def test_a_few_small_campaigns_are_hardly_ever_personalised_wrongly() -> None:
    found = [*runs(WEAK, people=1_000, count=4), *runs(NO_EFFECT, people=1_000, count=4)]
    assert sum(one.wrongly_personal for one in found) <= 1


def test_the_interval_of_the_gain_covers_what_is_gained() -> None:
    covered = []
    for one in runs(STRONG, people=1_500, count=8):
        if one.choice.best_targeted is not None and one.choice.gain.defined:
            true = one.worth[one.choice.best_targeted] - one.worth[one.choice.best_constant]
            covered.append(bool(one.choice.gain.covers(true)))
    assert np.mean(covered) >= 0.75


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("people", [1_000, 5_000, 20_000])
@pytest.mark.parametrize(
    "spec", [WEAK, NO_EFFECT, EVEN, STRONG], ids=["weak", "none", "even", "strong"]
)
def test_a_personal_choice_is_hardly_ever_worse_than_the_best_constant(
    spec: object, people: int
) -> None:
    found = runs(spec, people=people, count=200)
    assert np.mean([one.wrongly_personal for one in found]) <= 0.05


@pytest.mark.long
@pytest.mark.timeout(14_400)
def test_with_many_people_the_choice_reaches_the_best_candidate() -> None:
    found = runs(STRONG, people=100_000, count=200)
    assert np.mean([one.reached >= 0.95 for one in found]) >= 0.9
    assert np.mean([one.wrongly_personal for one in found]) <= 0.05
