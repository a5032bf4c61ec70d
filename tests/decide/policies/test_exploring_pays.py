"""Exploration makes the next campaign better: on the simulated shop, where the true worth of each choice is known."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.simulate import ShopSpec
from policy_trials import EVEN, STRONG, decided, trial


def gained(spec: ShopSpec, *, people: int, seed: int) -> float:
    """True profit per person of the next campaign, chosen by one that drew at random, over drawing at random again.

    In shares of what could be gained: the best of the candidates over drawing at random.
    """
    found = decided(trial(spec, people=people, seed=seed))
    at_random = float(np.mean([found.worth[name] for name in found.constants if name != "nobody"]))
    most = max(found.worth.values()) - at_random
    return (found.chosen - at_random) / most


def test_a_few_campaigns_that_learnt_earn_more_than_at_random() -> None:
    assert np.mean([gained(EVEN, people=2_000, seed=3_000 + n) for n in range(4)]) > 0


@pytest.mark.long
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("people", [2_000, 10_000])
@pytest.mark.parametrize("shop", ["even", "strong"])
def test_what_exploring_taught_earns_more_than_drawing_again(shop: str, people: int) -> None:
    spec = {"even": EVEN, "strong": STRONG}[shop]
    found = np.array([gained(spec, people=people, seed=4_000 + n) for n in range(60)])
    error = float(found.std(ddof=1) / np.sqrt(found.size))
    print(
        f"\n{shop} {people}: {found.mean():.3f} (standard error {error:.3f}), better in {np.mean(found > 0):.0%}"
    )
    assert found.mean() - 1.96 * error > 0
