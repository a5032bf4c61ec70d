"""The choice on the simulated shop, where the true worth of each policy is known; with `-s` the long tests print their figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.simulate import ShopSpec
from policy_trials import EVEN, STRONG, WEAK, Outcome, decided, told, trial

NO_EFFECT = replace(WEAK, effect_strength=0.0)
SHOPS = {"weak": WEAK, "none": NO_EFFECT, "even": EVEN, "strong": STRONG}


def runs(spec: ShopSpec, *, people: int, count: int) -> list[Outcome]:
    return [decided(trial(spec, people=people, seed=1_000 + n)) for n in range(count)]


def test_a_few_small_campaigns_are_hardly_ever_personalised_wrongly() -> None:
    found = [*runs(WEAK, people=1_000, count=4), *runs(NO_EFFECT, people=1_000, count=4)]
    assert sum(one.wrongly_personal for one in found) <= 1


def test_the_interval_of_the_gain_covers_what_is_gained() -> None:
    covered = [one.covered for one in runs(STRONG, people=1_500, count=8)]
    assert np.mean([one for one in covered if one is not None]) >= 0.75


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("people", [1_000, 5_000, 20_000])
@pytest.mark.parametrize("shop", SHOPS)
def test_a_personal_choice_is_hardly_ever_worse_than_the_best_constant(
    shop: str, people: int
) -> None:
    found = runs(SHOPS[shop], people=people, count=200)
    print(f"\n{shop} {people}: {told(found)}")
    assert np.mean([one.wrongly_personal for one in found]) <= 0.05


@pytest.mark.long
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize(("shop", "often"), [("strong", 0.9), ("even", 0.5)])
def test_with_many_people_the_choice_reaches_the_best_candidate(shop: str, often: float) -> None:
    found = runs(SHOPS[shop], people=100_000, count=200)
    print(f"\n{shop} 100000: {told(found)}")
    assert np.mean([one.reached >= 0.95 for one in found]) >= often
    assert np.mean([one.wrongly_personal for one in found]) <= 0.05
