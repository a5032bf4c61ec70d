"""From an audience to places: exclusions, budget before the arms, arms that stay."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.draft import draft, within_budget
from aimwell.decide.eligibility import Verdict
from aimwell.decide.model import Candidate, Place

MAIL = Candidate("mail", "email", "email", 1.0, 0.5, (("a", 1.0),))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = [f"p{n:04}" for n in range(2000)]


def drafted(budget: float | None = None, holdout: float = 0.2, **kept: str) -> list[Place]:
    def verdict(profile: str) -> Verdict:
        return Verdict((), "consent_denied") if profile.endswith("7") else Verdict((MAIL,), None)

    return draft(
        PEOPLE,
        salt="s",
        holdout=holdout,
        budget=budget,
        verdict=verdict,
        due=lambda _p, _a: NOON,
        kept=kept,
    )


def test_everybody_has_exactly_one_place_in_the_order_of_the_audience() -> None:
    assert [place.profile_id for place in drafted()] == PEOPLE


def test_excluded_people_keep_their_reason_and_get_nothing() -> None:
    excluded = [p for p in drafted() if p.arm == "excluded"]
    assert len(excluded) == 200
    assert all(
        p.excluded == "consent_denied" and p.action is None and p.cost is None for p in excluded
    )


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


@given(st.floats(0.5, 900), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_budget_is_exceeded_whatever_the_costs(budget: float, costs: list[float]) -> None:
    places = [
        Place(f"p{n}", f"p{n}", 5, "treatment", action="a", probability=0.9, cost=cost)
        for n, cost in enumerate(costs)
    ]
    kept = [p for p in within_budget(places, salt="x", budget=budget) if p.arm == "treatment"]
    assert sum(p.cost or 0 for p in kept) <= budget * (1 + 1e-9)


def test_a_merged_person_keeps_the_arm_of_the_earlier_origin() -> None:
    plain = {p.profile_id: p for p in drafted()}
    held = next(p for p in plain.values() if p.arm == "control")
    other = next(p for p in plain.values() if p.arm == "treatment")
    moved = {p.profile_id: p for p in drafted(**{other.profile_id: held.origin_id})}
    assert moved[other.profile_id].arm == "control"
    assert moved[other.profile_id].origin_id == held.origin_id


def test_only_the_treated_have_a_time_to_send() -> None:
    for place in drafted():
        assert (place.send_at == NOON) == (place.arm == "treatment")
