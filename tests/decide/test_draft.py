"""From an audience to places: exclusions, budget before the arms, arms that stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from aimwell.decide.arms import Tossed
from aimwell.decide.budget.model import Limit
from aimwell.decide.draft import Chooser, draft
from aimwell.decide.limits import BUDGET, within_ceilings
from aimwell.decide.model import Candidate, Place
from aimwell.decide.people import ALLOWED, CONTROL, PASSED, PlanPeople, reason_code

MAIL = Candidate("mail", "email", "email", 1.0, 0.5, (("a", 1.0),))
TEXT = Candidate("text", "sms", "sms", 1.0, 0.5, (("a", 1.0),))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = [f"p{n:04}" for n in range(2000)]


def due(people: int) -> NDArray[np.datetime64]:
    return np.full(people, np.datetime64("2026-03-01T12:00:00", "us"))


def drafted(
    budget: float | None = None, holdout: float = 0.2, kept: Mapping[str, str] | None = None
) -> list[Place]:
    limits = [] if budget is None else [Limit(BUDGET, np.array([MAIL.cost]), at_most=budget)]
    denied = reason_code("consent_denied")
    codes = [[denied if profile.endswith("7") else ALLOWED] for profile in PEOPLE]

    def make(refused: NDArray[np.int8]) -> PlanPeople:
        return draft(
            PEOPLE,
            candidates=[MAIL],
            salt="s",
            holdout=holdout,
            refusals=refused,
            send_at=due(len(PEOPLE)),
            kept=kept or {},
        )

    refusals = np.array(codes, dtype=np.int8)
    return list(within_ceilings(make, refusals, limits, salt="s").places())


def test_everybody_has_exactly_one_place_in_the_order_of_the_audience() -> None:
    assert [place.profile_id for place in drafted()] == PEOPLE


def test_excluded_people_keep_their_reason_and_get_nothing() -> None:
    excluded = [p for p in drafted() if p.arm == "excluded"]
    assert len(excluded) == 200
    assert all(
        p.excluded == "consent_denied" and p.action is None and p.cost is None for p in excluded
    )


def test_one_allowed_action_is_enough_and_with_none_the_gravest_reason_counts() -> None:
    denied, capped, blocked = map(reason_code, ("consent_denied", "capped", "suppressed"))
    refusals = np.array([[denied, ALLOWED], [capped, blocked]], dtype=np.int8)
    first, second = draft(
        ["a", "b"],
        candidates=[MAIL, TEXT],
        salt="s",
        holdout=0.0,
        refusals=refusals,
        send_at=due(2),
        kept={},
    ).places()
    assert first.action == "text"
    assert first.probability == 1.0
    assert second.excluded == "suppressed"


def test_the_held_out_are_drawn_among_the_eligible_only() -> None:
    assert not any(p.profile_id.endswith("7") for p in drafted() if p.arm == "control")


def test_the_budget_is_never_exceeded_and_leaves_the_split_as_it_was() -> None:
    free, tight = drafted(), drafted(budget=200.0)
    treated = [p for p in tight if p.arm == "treatment"]
    assert len(treated) == 400
    assert sum(p.cost or 0 for p in treated) <= 200.0
    # Nobody changes arm because of the budget, and the arms shrink alike.
    by_id = {p.profile_id: p.arm for p in free}
    assert all(by_id[p.profile_id] == p.arm for p in tight if p.arm != "excluded")
    control = sum(p.arm == "control" for p in tight)
    assert 70 < control < 130


def test_a_merged_person_keeps_the_arm_of_the_earlier_origin() -> None:
    plain = {p.profile_id: p for p in drafted()}
    held = next(p for p in plain.values() if p.arm == "control")
    other = next(p for p in plain.values() if p.arm == "treatment")
    moved = {p.profile_id: p for p in drafted(kept={other.profile_id: held.origin_id})}
    assert moved[other.profile_id].arm == "control"
    assert moved[other.profile_id].origin_id == held.origin_id


def test_only_the_treated_have_a_time_to_send() -> None:
    for place in drafted():
        assert (place.send_at == NOON) == (place.arm == "treatment")


def test_a_policy_is_followed_but_for_who_explores_and_its_probability_is_exact() -> None:
    denied = reason_code("consent_denied")
    refusals = np.full((2_000, 2), ALLOWED, dtype=np.int8)
    refusals[::2, 1] = denied

    def choose(
        who: NDArray[np.intp], allowed: NDArray[np.bool_], tossed: Tossed
    ) -> NDArray[np.int32]:
        assert who.size == tossed.held.size == 2_000
        return np.where(allowed[:, 1], 1, -1).astype(np.int32)

    people = draft(
        PEOPLE,
        candidates=[MAIL, TEXT],
        salt="s",
        holdout=0.2,
        refusals=refusals,
        send_at=due(2_000),
        kept={},
        policy=Chooser(0.2, choose),
    )
    both, one = slice(1, None, 2), slice(0, None, 2)
    assert not (people.action[one] == 1).any()
    # Of both: 0.8 · (0.8 · choice + 0.2 · half); of one, whose choice is nothing: 0.8 · 0.2 by exploring.
    assert set(people.probability[both][people.action[both] == 1].round(6)) == {0.72}
    assert set(people.probability[both][people.action[both] == 0].round(6)) == {0.08}
    assert set(people.probability[one][people.action[one] == 0].round(6)) == {0.16}
    assert set(people.probability[one][people.arm[one] == PASSED].round(6)) == {0.84}
    assert set(people.probability[one][people.arm[one] == CONTROL].round(6)) == {0.84}
    assert set(people.probability[both][people.arm[both] == CONTROL].round(6)) == {0.2}
    shares = [float((people.action[both] == a).mean()) for a in (1, 0)]
    assert shares == pytest.approx([0.72, 0.08], abs=0.04)
    passed = next(p for p in people.places() if p.arm == "passed")
    assert (passed.action, passed.send_at, passed.cost, passed.variant) == (None, None, None, None)
