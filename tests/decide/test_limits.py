"""Ceilings that are met before the arms are drawn, and a policy's choice within all limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aimwell.decide.arms import Hashed, Tossed
from aimwell.decide.budget.model import Limit
from aimwell.decide.choosing import choose_within, exploring_share
from aimwell.decide.draft import Chooser, draft
from aimwell.decide.limits import BUDGET, limit_uses, within_ceilings
from aimwell.decide.model import Candidate
from aimwell.decide.people import ALLOWED, CONTROL, EXCLUDED, PASSED, TREATMENT, PlanPeople
from aimwell.decide.together import Wholes
from aimwell.errors import DecideError

MAIL = Candidate("mail", "email", "email", 1.0, 0.1, (("a", 1.0),))
TEXT = Candidate("text", "sms", "sms", 1.0, 0.5, (("a", 1.0),))
FREE = Candidate("free", "app", "in_app", 1.0, 0.0, (("a", 1.0),))
SIZE = 1_000
IDS = [f"p{n:04}" for n in range(SIZE)]
LOYAL = np.arange(SIZE) % 4 == 0
COSTS = np.array([0.1, 0.5, 0.0])


def made(limits: list[Limit], policy: Chooser | None = None) -> PlanPeople:
    def make(refusals: NDArray[np.int8]) -> PlanPeople:
        return draft(
            IDS,
            candidates=[MAIL, TEXT, FREE],
            salt="s",
            holdout=0.1,
            refusals=refusals,
            send_at=np.full(SIZE, np.datetime64("2026-03-01", "us")),
            kept={},
            policy=policy,
        )

    start = np.full((SIZE, 3), ALLOWED, dtype=np.int8)
    return within_ceilings(make, start, limits, salt="s")


@given(
    st.floats(0, 300),
    st.integers(0, 400),
    st.integers(0, 200),
)
def test_no_ceiling_is_passed_whatever_they_are(budget: float, texts: int, loyal: int) -> None:
    limits = [
        Limit(BUDGET, COSTS, at_most=budget),
        Limit("channel sms", np.array([0.0, 1, 0]), at_most=texts),
        Limit("segment loyal", np.ones(3), LOYAL, at_most=loyal),
    ]
    people = made(limits)
    for use in limit_uses(people, limits, {}):
        assert use.used <= (use.at_most or 0) * (1 + 1e-9)
    assert set(people.reasons()) <= {"limit", "budget"}


def test_who_cannot_get_one_action_any_more_gets_another_with_its_exact_probability() -> None:
    limit = Limit("channel sms", np.array([0.0, 1, 0]), at_most=100.0)
    people = made([limit])
    assert limit_uses(people, [limit], {})[0].used == 100
    assert people.count(EXCLUDED) == 0
    mailed = people.probability[people.action == 0].round(4)
    assert set(mailed) == {0.3, 0.45}


def test_a_ceiling_leaves_out_held_and_treated_alike() -> None:
    people = made([Limit("segment loyal", np.ones(3), LOYAL, at_most=100.0)])
    held = people.count(CONTROL) / (people.count(CONTROL) + people.count(TREATMENT))
    assert held == pytest.approx(0.1, abs=0.03)
    assert people.reasons()["limit"] > 100
    assert not (people.arm[~LOYAL] == EXCLUDED).any()


def tossed(rng: np.random.Generator, explore: float) -> Tossed:
    return Tossed(
        rng.random(SIZE) < 0.1,
        rng.random(SIZE) < explore,
        rng.integers(0, 3, SIZE).astype(np.int16),
    )


def test_the_choice_leaves_room_for_what_exploring_uses_up() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(1.0, 1.0, (SIZE, 3))
    by_chance = tossed(rng, 0.2)
    limits = [
        Limit(BUDGET, COSTS, at_most=80.0),
        Limit("loyal", np.ones(3), LOYAL, at_least=150.0),
    ]
    found = choose_within(values, np.ones((SIZE, 3), dtype=bool), limits, by_chance)
    action = np.where(by_chance.explorer, by_chance.action, found.choice)
    action[by_chance.held] = -1
    assert np.append(COSTS, 0.0)[action].sum() <= 80.0 * (1 + 1e-9)
    assert ((action >= 0) & LOYAL).sum() >= 150
    assert found.allocation.gap < 0.01
    assert found.allocation.limits[0].price > 0


def test_of_the_held_out_the_choice_is_what_the_prices_say() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.0, 1.0, (SIZE, 3))
    by_chance = tossed(rng, 0.0)
    found = choose_within(values, np.ones((SIZE, 3), dtype=bool), [], by_chance)
    best = np.where(values.max(axis=1) > 0, values.argmax(axis=1), -1)
    assert (found.choice == best).all()


def test_an_action_that_is_not_allowed_or_unknown_is_not_chosen() -> None:
    values = np.tile([1.0, 5.0, np.nan], (SIZE, 1))
    allowed = np.ones((SIZE, 3), dtype=bool)
    allowed[:, 1] = False
    found = choose_within(values, allowed, [], tossed(np.random.default_rng(2), 0.0))
    assert set(found.choice) == {0}


def test_exploring_takes_no_more_than_its_share_of_a_ceiling() -> None:
    weights = np.full((SIZE, 3), 1 / 3)
    everything = float(SIZE * 0.2 * 0.9)
    assert exploring_share(0.1, weights, [Limit(BUDGET, COSTS, at_most=1e9)], held=0.1) == 0.1
    half = [Limit(BUDGET, COSTS, at_most=everything / 2)]
    assert exploring_share(0.1, weights, half, held=0.1) == pytest.approx(0.05)
    assert exploring_share(0.1, weights, [Limit("x", COSTS, at_most=0.0)], held=0.1) == 0.0


def test_a_policy_that_gives_nothing_passes_people_over_and_still_explores() -> None:
    def nothing(
        who: NDArray[np.intp], _allowed: NDArray[np.bool_], _tossed: Tossed
    ) -> NDArray[np.int32]:
        return np.full(who.size, -1, dtype=np.int32)

    people = made([], Chooser(0.1, nothing))
    assert people.count(PASSED) == pytest.approx(810, abs=30)
    assert people.count(TREATMENT) == pytest.approx(90, abs=25)
    assert people.count(EXCLUDED) == 0


def test_a_floor_that_cannot_be_met_is_told() -> None:
    values = np.full((SIZE, 3), -1.0)
    allowed = np.ones((SIZE, 3), dtype=bool)
    limit = Limit("segment loyal", np.ones(3), LOYAL, at_least=400.0)
    with pytest.raises(DecideError, match="segment loyal"):
        choose_within(values, allowed, [limit], tossed(np.random.default_rng(3), 0.0))


def test_a_ceiling_keeps_or_cuts_a_household_whole() -> None:
    households = [f"h{n // 3:04}" for n in range(SIZE)]
    hashed = Hashed(households)

    def make(refusals: NDArray[np.int8]) -> PlanPeople:
        return draft(
            IDS,
            candidates=[MAIL],
            salt="s",
            holdout=0.1,
            refusals=refusals,
            send_at=np.full(SIZE, np.datetime64("2026-03-01", "us")),
            kept={},
            hashed=hashed,
        )

    limit = Limit(BUDGET, COSTS[:1], at_most=25.0)
    start = np.full((SIZE, 1), ALLOWED, dtype=np.int8)
    people = within_ceilings(make, start, [limit], salt="s", keys=households)
    assert 24.7 <= limit_uses(people, [limit], {})[0].used <= 25.0
    arms = {}
    for home, arm in zip(households, people.arm.tolist(), strict=True):
        arms.setdefault(home, set()).add(arm)
    assert all(len(found) == 1 for found in arms.values())


def test_a_policy_gives_a_household_one_action_or_nothing_within_the_limits() -> None:
    rng = np.random.default_rng(3)
    homes = Wholes.of(np.arange(SIZE) // 4)
    by_home = rng.random((homes.count, 2))
    toss = Tossed(
        by_home[homes.code, 0] < 0.1, by_home[homes.code, 1] < 0.1, np.zeros(SIZE, np.int16)
    )
    values = rng.normal(0.4, 1.0, (SIZE, 3))
    allowed = rng.random((SIZE, 3)) < 0.9
    limits = [Limit(BUDGET, COSTS, at_most=60.0), Limit("segment loyal", np.ones(3), LOYAL, 90.0)]
    found = choose_within(values, allowed, limits, toss, wholes=homes)
    for home in range(homes.count):
        got = found.choice[homes.code == home]
        may = allowed[homes.code == home]
        given = set(got[got >= 0].tolist())
        assert len(given) <= 1
        for action in given:
            assert ((got == action) == may[:, action]).all()
    counts = ~toss.held & ~toss.explorer
    used = np.append(COSTS, 0.0)[np.where(counts, found.choice, -1)].sum()
    explored = 0.1 * (toss.explorer & ~toss.held).sum()
    assert 50 < used + explored <= 60.0 + 1e-9
    alone = choose_within(values, allowed, limits, toss)
    assert found.allocation.value < alone.allocation.value


def test_what_a_household_gets_alone_is_what_its_one_person_gets() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(0.0, 1.0, (200, 2))
    toss = Tossed(np.zeros(200, bool), np.zeros(200, bool), np.zeros(200, np.int16))
    limits = [Limit(BUDGET, np.array([1.0, 2.0]), at_most=70.0)]
    every = np.ones((200, 2), bool)
    together = choose_within(values, every, limits, toss, wholes=Wholes.of(np.arange(200)))
    alone = choose_within(values, every, limits, toss)
    assert together.allocation.value == pytest.approx(alone.allocation.value)
