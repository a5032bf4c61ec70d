"""A campaign that does harm is stopped soon; one that does none is hardly ever, however often it is looked at."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.guarding import harm_bounds, watch_amount, watch_events, watch_rate
from aimwell.errors import DecideError


def lost(people: int, seed: int, harm: float, share: float = 0.5) -> tuple[np.ndarray, ...]:
    """Amounts of a tenth of the people; contact adds people who have one."""
    rng = np.random.default_rng(seed)
    treated = rng.random(people) < share
    some = rng.random(people) < 0.1 + harm * treated
    return some * rng.lognormal(3, 0.7, people), treated, np.full(people, share)


def complaints(seed: int, *, share: float, ratio: float, count: int = 400) -> np.ndarray:
    odds = share * ratio / (share * ratio + 1 - share)
    return np.random.default_rng(seed).random(count) < odds


def test_a_rate_at_its_limit_gives_few_false_alarms_at_any_look() -> None:
    alarms = sum(
        watch_rate(np.random.default_rng(seed).random(5_000) < 0.01, limit=0.01).stop
        for seed in range(300)
    )
    assert alarms / 300 <= 0.06


def test_a_rate_beyond_its_limit_is_found_and_dated() -> None:
    found = [
        watch_rate(np.random.default_rng(s).random(8_000) < 0.025, limit=0.01, what="unsubscribes")
        for s in range(20)
    ]
    assert all(one.stop for one in found)
    assert np.median([one.stopped_at or 0 for one in found]) < 1_500
    assert found[0].words.startswith("Stop: unsubscribes at 2.")


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_events_that_contact_does_not_raise_give_few_false_alarms(share: float) -> None:
    alarms = sum(
        watch_events(complaints(seed, share=share, ratio=1.0), probability=share).stop
        for seed in range(300)
    )
    assert alarms / 300 <= 0.065


def test_a_tripled_rate_is_found_though_one_in_ten_is_held_out() -> None:
    found = [
        watch_events(complaints(s, share=0.9, ratio=3.0), probability=0.9, what="complaints")
        for s in range(40)
    ]
    assert sum(one.stop for one in found) >= 30
    allowed = [
        watch_events(complaints(s, share=0.9, ratio=1.5), probability=0.9, allowed=2.0)
        for s in range(40)
    ]
    assert sum(one.stop for one in allowed) <= 2


def test_events_none_of_which_is_a_held_out_persons_have_no_ratio() -> None:
    found = watch_events(np.ones(10, dtype=bool), probability=0.5)
    assert found.effect is None
    assert found.stop
    assert "unknown (none among the held-out)" in found.words


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_amounts_that_do_not_differ_give_few_false_alarms_in_a_small_holdout_too(
    share: float,
) -> None:
    alarms = sum(watch_amount(*lost(30_000, seed, 0.0, share)).stop for seed in range(100))
    assert alarms / 100 <= 0.08


def test_real_losses_are_found() -> None:
    found = [watch_amount(*lost(8_000, seed, 0.08), what="margin lost") for seed in range(20)]
    assert sum(one.stop for one in found) >= 18
    one = next(one for one in found if one.stop)
    assert one.words.startswith("Stop: contact raises margin lost by")
    assert not watch_amount(*lost(8_000, 1, 0.02), allowed=3.0).stop


def test_gains_never_stop() -> None:
    outcome, treated, chance = lost(8_000, 1, 0.1)
    assert not watch_amount(-outcome, treated, chance).stop


def test_few_people_say_nothing() -> None:
    found = watch_amount(*lost(200, 1, 0.5))
    assert (found.stop, found.effect) == (False, None)
    assert "too little to tell" in found.words
    assert not watch_rate(np.zeros(0, dtype=bool), limit=0.01).stop


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
        watch_amount(np.zeros(200), np.ones(200, bool), np.ones(200))
    with pytest.raises(DecideError, match="holdout"):
        watch_events(np.ones(3, bool), probability=1.0)
