"""From an audience to places: exclusions, budget before the arms, arms that stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aimwell.decide.draft import draft, within_budget
from aimwell.decide.model import Candidate, Place
from aimwell.decide.people import ALLOWED, TREATMENT, PlanPeople, reason_code
from aimwell.errors import DecideError

MAIL = Candidate("mail", "email", "email", 1.0, 0.5, (("a", 1.0),))
TEXT = Candidate("text", "sms", "sms", 1.0, 0.5, (("a", 1.0),))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = [f"p{n:04}" for n in range(2000)]


def due(people: int) -> NDArray[np.datetime64]:
    return np.full(people, np.datetime64("2026-03-01T12:00:00", "us"))


def drafted(
    budget: float | None = None, holdout: float = 0.2, kept: Mapping[str, str] | None = None
) -> list[Place]:
    denied = reason_code("consent_denied")
    codes = [[denied if profile.endswith("7") else ALLOWED] for profile in PEOPLE]
    return list(
        draft(
            PEOPLE,
            candidates=[MAIL],
            salt="s",
            holdout=holdout,
            budget=budget,
            refusals=np.array(codes, dtype=np.int8),
            send_at=due(len(PEOPLE)),
            kept=kept or {},
        ).places()
    )


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
        budget=None,
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


@given(st.floats(0.5, 900), st.lists(st.floats(0, 3), min_size=1, max_size=20))
def test_no_budget_is_exceeded_whatever_the_costs(budget: float, costs: list[float]) -> None:
    size = len(costs)
    offered = tuple(
        Candidate(f"a{n}", "email", "email", 1.0, c, (("a", 1.0),)) for n, c in enumerate(costs)
    )
    ids = [f"p{n}" for n in range(size)]
    people = PlanPeople(
        candidates=offered,
        profile_id=ids,
        origin_id=ids,
        bucket=np.full(size, 5),
        arm=np.full(size, TREATMENT, dtype=np.int8),
        excluded=np.full(size, ALLOWED, dtype=np.int8),
        action=np.arange(size, dtype=np.int16),
        variant=np.zeros(size, dtype=np.int16),
        probability=np.full(size, 0.9),
        send_at=due(size),
    )
    kept = within_budget(people, salt="x", budget=budget)
    assert kept.cost.sum() <= budget * (1 + 1e-9)
    assert sum(p.cost or 0 for p in kept.places()) == pytest.approx(kept.cost.sum())
    assert {p.excluded for p in kept.places() if p.arm == "excluded"} <= {"budget"}


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


def test_a_choice_is_followed_within_what_is_allowed_and_its_probability_is_kept() -> None:
    denied = reason_code("consent_denied")
    refusals = np.full((2_000, 2), ALLOWED, dtype=np.int8)
    refusals[::2, 1] = denied

    def choose(who: NDArray[np.intp], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        assert who.size == 2_000
        return np.where(allowed[:, 1:], [[0.1, 0.7]], [[0.4, 0.0]])

    people = draft(
        PEOPLE,
        candidates=[MAIL, TEXT],
        salt="s",
        holdout=0.0,
        budget=None,
        refusals=refusals,
        send_at=due(2_000),
        kept={},
        choose=choose,
    )
    of_both = people.action[1::2]
    assert [round(float((of_both == a).mean()), 1) for a in (-1, 0, 1)] == [0.2, 0.1, 0.7]
    assert not (people.action[::2] == 1).any()
    assert set(people.probability[1::2].round(4)) == {0.2, 0.1, 0.7}
    nothing = next(p for p in people.places() if p.action is None)
    assert (nothing.arm, nothing.send_at, nothing.cost, nothing.variant) == (
        "treatment",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0.7, 0.4]], "add up to 1.1"),
        ([[-0.1, 0.4]], "action 0 for person 0 is -0.1"),
        ([[np.nan, 0.4]], "is nan"),
        ([[1.0]], "shape"),
    ],
)
def test_probabilities_that_cannot_be_are_refused(rows: list[list[float]], words: str) -> None:
    with pytest.raises(DecideError, match=words):
        draft(
            ["a"],
            candidates=[MAIL, TEXT],
            salt="s",
            holdout=0.0,
            budget=None,
            refusals=np.zeros((1, 2), dtype=np.int8),
            send_at=due(1),
            kept={},
            choose=lambda _who, _allowed: np.array(rows),
        )
