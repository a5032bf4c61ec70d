"""A campaign that does harm is stopped soon; one that does none is hardly ever, however often it is looked at."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.guarding import harm_bounds, watch_harm
from aimwell.errors import DecideError


def watched(people: int, seed: int, harm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    treated = rng.random(people) < 0.5
    unsubscribed = (rng.random(people) < 0.01 + harm * treated).astype(float)
    return unsubscribed, treated, np.full(people, 0.5)


def test_looking_after_every_person_gives_few_false_alarms() -> None:
    alarms = sum(watch_harm(*watched(3_000, seed, 0.0)).stop for seed in range(300))
    assert alarms / 300 <= 0.07


def test_real_harm_is_found_and_dated() -> None:
    found = [watch_harm(*watched(5_000, seed, 0.03), what="unsubscribes") for seed in range(20)]
    assert sum(one.stop for one in found) >= 18
    one = next(one for one in found if one.stop)
    assert one.stopped_at is not None
    assert one.stopped_at < 5_000
    assert one.words.startswith("Stop: contact raises unsubscribes")


def test_harm_within_what_is_allowed_does_not_stop() -> None:
    stops = sum(watch_harm(*watched(3_000, s, 0.02), allowed=0.03).stop for s in range(40))
    assert stops <= 3


def test_good_effects_never_stop() -> None:
    outcome, treated, chance = watched(3_000, 1, 0.05)
    assert not watch_harm(-outcome, treated, chance).stop


def test_few_people_say_nothing() -> None:
    found = watch_harm(*watched(50, 1, 0.5))
    assert (found.stop, found.effect) == (False, None)
    assert "too few" in found.words


def test_the_bound_is_tightest_about_where_it_was_tuned() -> None:
    scores = np.random.default_rng(3).standard_normal(20_000)
    reach = {}
    for tuned in (300, 20_000):
        mean, lower = harm_bounds(scores, tuned_for=tuned)
        reach[tuned] = (mean - lower)[[299, 19_999]]
    assert reach[300][0] < reach[20_000][0]
    assert reach[20_000][1] < reach[300][1]


def test_without_a_holdout_harm_cannot_be_seen() -> None:
    with pytest.raises(DecideError, match="holdout"):
        watch_harm(np.zeros(200), np.ones(200, bool), np.ones(200))
