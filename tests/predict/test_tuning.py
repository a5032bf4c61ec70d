"""Tuning: it stops in time with what is finished, keeps the usual settings against luck, and finds what is really better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError
from aimwell.predict.care.questions import tuning_of
from aimwell.predict.logistic import LogisticLearner
from aimwell.predict.propensity import fit_propensity
from aimwell.predict.tables import BoolArray, FeatureTable
from aimwell.predict.trees import TreesLearner
from aimwell.predict.tuning import Tuning, tune
from aimwell.stats.samples import FloatArray

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Guess:
    """Gives everybody `chance`, with a person's own noise of the size `noise`; `step` moves the clock."""

    chance: float = 0.3
    noise: float = 0.0
    key: int = 0
    to: float = 0.3
    step: Callable[[], None] = lambda: None

    name: ClassVar[str] = "guess"
    watches: ClassVar[bool] = False

    @property
    def settings(self) -> dict[str, float]:
        return {"chance": self.chance, "key": self.key}

    def tuned(self, *_: object, **__: object) -> Self:
        return self

    def varied(self, *_: object, rng: np.random.Generator, **__: object) -> Self:
        return replace(self, chance=self.to, key=int(rng.integers(1, 1_000_000)))

    def fit(self, *_: object) -> Guess:
        self.step()
        return self

    def score(self, values: FloatArray) -> FloatArray:
        rng = np.random.default_rng(self.key)
        return np.clip(self.chance + self.noise * rng.normal(size=len(values)), 0.01, 0.99)

    def influences(self, features: int) -> FloatArray:
        return np.zeros(features)

    def fit_watching(self, *_: object, **__: object) -> tuple[Self, Guess]:
        return self, self


def coins(seed: int, people: int = 600, share: float = 0.3) -> tuple[FloatArray, BoolArray]:
    rng = np.random.default_rng(seed)
    return rng.random((people, 2)), rng.random(people) < share


class Clock:
    """Each fit takes 4 seconds, so a candidate of three divisions takes 12."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def step(self) -> None:
        self.now += 4.0


@pytest.mark.parametrize(("seconds", "tries"), [(1, 0), (23, 0), (24, 1), (60, 4), (71, 4)])
def test_it_ends_in_time_and_the_usual_settings_are_always_finished(
    seconds: int, tries: int
) -> None:
    clock = Clock()
    usual = Guess(step=clock.step)
    within = Tuning(timedelta(seconds=seconds))
    chosen, told = tune(usual, *coins(1), within=within, seed=1, clock=clock)
    assert (told.tries, told.ended_by) == (tries, "time")
    assert clock.now <= max(12, seconds)
    assert told.seconds == clock.now
    if not tries:
        assert chosen is usual
        assert told.extra_loss is None


def test_the_best_of_many_lucky_ones_is_not_taken() -> None:
    taken = lucky = 0
    for seed in range(60):
        values, outcome = coins(seed)
        _, told = tune(Guess(noise=0.02), values, outcome, within=Tuning(tries=25), seed=seed)
        assert told.tries == 25
        lucky += (told.extra_loss.estimate or 0) < 0
        taken += told.better
    assert lucky > 45  # of so many tries the best mostly looks better than it is
    assert taken <= 6  # five in a hundred, and what chance adds to that


def test_what_is_better_by_more_than_chance_is_taken() -> None:
    chosen, told = tune(Guess(chance=0.6), *coins(2), within=Tuning(tries=3), seed=1)
    assert chosen.chance == 0.3
    assert told.better
    assert told.settings["chance"] == 0.3
    assert (told.extra_loss.upper or 0) < 0


def test_the_same_seed_and_tries_give_the_same_settings_and_another_seed_others() -> None:
    values, outcome = coins(3)
    found = [
        LogisticLearner().varied(values, outcome, rng=np.random.default_rng(seed), seed=seed)
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]
    runs = [
        tune(LogisticLearner(), values, outcome, within=Tuning(tries=3), seed=seed)
        for seed in (5, 5)
    ]
    assert runs[0] == runs[1]


def test_every_learner_that_has_settings_varies_them() -> None:
    values, outcome = coins(4, people=400)
    found = TreesLearner().varied(values, outcome, rng=np.random.default_rng(2), seed=1)
    assert dict(found.settings) != dict(TreesLearner().settings)
    assert set(found.settings) == set(TreesLearner().settings)


def test_a_tuned_propensity_tells_what_was_tried_and_is_the_same_again() -> None:
    rng = np.random.default_rng(7)

    def table(as_of: datetime) -> FeatureTable:
        values = rng.normal(size=(500, 3))
        happened = rng.random(500) < 1 / (1 + np.exp(-values[:, 0]))
        return FeatureTable(("a", "b", "c"), values, as_of, timedelta(days=30), happened)

    train = table(datetime(2026, 1, 1, tzinfo=UTC))
    later = table(datetime(2026, 2, 1, tzinfo=UTC))
    first, again = (
        fit_propensity(train, later, kinds=("logistic",), seed=2, tuning=Tuning(tries=4))
        for _ in range(2)
    )
    rule, logistic = first.candidates
    assert rule.tuned is None
    assert logistic.tuned is not None
    assert (logistic.tuned.tries, logistic.tuned.people) == (4, 500)
    assert first == again


def test_a_search_without_an_end_is_refused() -> None:
    for wrong in ({}, {"limit": timedelta(0)}, {"tries": 0}, {"tries": 1001}):
        with pytest.raises(PredictError):
            Tuning(**wrong)
    assert Tuning(10 * MINUTE, 5).share(2) == Tuning(5 * MINUTE, 5)


def test_a_definition_says_how_long() -> None:
    found = check({"kind": "prediction", "name": "x", "tune": "10m", "tries": 20})
    assert isinstance(found, Prediction)
    assert tuning_of(found) == Tuning(10 * MINUTE, 20)
    plain = check({"kind": "prediction", "name": "x"})
    assert isinstance(plain, Prediction)
    assert tuning_of(plain) is None
