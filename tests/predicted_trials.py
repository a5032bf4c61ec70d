"""Made experiments of times and channels whose truth is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.uplift.data import ExperimentData
from aimwell.definitions.kinds.campaign import Action

__all__ = ["ACTIONS", "MEAN", "channels", "times"]

ACTIONS = [
    Action.model_validate({"offer": "ten", "channel": name, "template": "t", "name": name})
    for name in ("email", "sms")
]


def spend(rng: np.random.Generator, chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A few buy, for amounts of a long tail."""
    return np.asarray((rng.random(len(chance)) < chance) * rng.lognormal(3.0, 0.8, len(chance)))


MEAN = float(np.exp(3.0 + 0.8**2 / 2))


def times(people: int, rise: float, seed: int) -> ExperimentData:
    """Three in ten kept at the stated time; at the predicted one so much more buy."""
    rng = np.random.default_rng(seed)
    held = rng.random(people) < 0.3
    before = rng.random(people)
    chance = 0.1 + 0.2 * before + rise * ~held
    return ExperimentData(
        names=("before",),
        features=before[:, None],
        arms=("control", "predicted-time"),
        arm=(~held).astype(np.int64),
        propensity=np.tile([0.3, 0.7], (people, 1)),
        outcomes={"margin": spend(rng, chance)},
    )


def channels(people: int, worth: float, seed: int) -> tuple[ExperimentData, NDArray[np.bool_]]:
    """The predicted channel drawn with 0.9 of 0.8, the other with 0.1 of it; the predicted one makes so much more buy, of four in five."""
    rng = np.random.default_rng(seed)
    mine = rng.integers(0, 2, people)
    drawn = rng.random(people)
    other = np.where(drawn < 0.28, 1 - mine, mine)
    arm = np.where(drawn < 0.2, 0, other + 1)
    right = rng.random(people) < 0.8
    best = np.where(right, mine, 1 - mine)
    chance = 0.15 + worth * (arm == best + 1)
    chances = np.full((people, 3), 0.08)
    chances[:, 0] = 0.2
    chances[np.arange(people), mine + 1] = 0.72
    data = ExperimentData(
        names=("noise",),
        features=rng.random((people, 1)),
        arms=("control", "email", "sms"),
        arm=arm.astype(np.int64),
        propensity=chances,
        outcomes={"margin": spend(rng, chance)},
        members={"channel email": mine == 0, "channel sms": mine == 1},
    )
    return data, mine == 0
