"""People of a plan as columns: counts, records and rows say the same."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from aimwell.decide.comparing import compare_plans
from aimwell.decide.model import EXCLUSIONS, Candidate
from aimwell.decide.people import (
    ALLOWED,
    CONTROL,
    EXCLUDED,
    TREATMENT,
    PlanPeople,
    reason_code,
)
from aimwell.decide.stored import place_batches, places
from campaigns import NOW, add_customers, planned, set_up
from shop import make_stores

MAIL = Candidate("mail", "email", "email", 1.0, 0.5, (("a", 1.0), ("b", 1.0)))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def people() -> PlanPeople:
    never = np.datetime64("NaT", "us")
    noon = np.datetime64("2026-03-01T12:00:00", "us")
    return PlanPeople(
        candidates=(MAIL,),
        profile_id=["p1", "p2", "p3", "p4", "p5"],
        origin_id=["o1", "p2", "p3", "p4", "p5"],
        bucket=np.array([1, 2, 3, 4, 5]),
        arm=np.array([TREATMENT, CONTROL, EXCLUDED, EXCLUDED, TREATMENT], dtype=np.int8),
        excluded=np.array(
            [ALLOWED, ALLOWED, reason_code("capped"), reason_code("suppressed"), ALLOWED],
            dtype=np.int8,
        ),
        action=np.array([0, -1, -1, -1, 0], dtype=np.int16),
        variant=np.array([1, -1, -1, -1, 1], dtype=np.int16),
        probability=np.array([0.45, 0.1, np.nan, np.nan, 0.45]),
        send_at=np.array([noon, never, never, never, noon]),
        expected_profit=np.array([1.5, np.nan, np.nan, np.nan, np.nan]),
    )


def test_reasons_stand_in_the_order_of_gravity() -> None:
    assert list(people().reasons().items()) == [("suppressed", 1), ("capped", 1)]
    assert reason_code("suppressed") < reason_code("consent_unknown") < reason_code("budget")
    assert all(EXCLUSIONS.values())


def test_records_say_what_the_columns_say() -> None:
    first, second, third, *_rest = people().places()
    assert (first.origin_id, first.arm, first.action, first.variant) == (
        "o1",
        "treatment",
        "mail",
        "b",
    )
    assert (first.send_at, first.cost, first.probability) == (NOON, 0.5, 0.45)
    assert (second.arm, second.action, second.cost, second.send_at) == ("control", None, None, None)
    assert (third.arm, third.excluded, third.probability) == ("excluded", "capped", None)
    assert people().rows(1, 3) == people().rows()[1:3]


def test_counts_and_cost() -> None:
    found = people()
    assert (len(found), found.count(TREATMENT), found.count(EXCLUDED)) == (5, 2, 2)
    assert found.cost.tolist() == [0.5, 0, 0, 0, 0.5]
    assert found.variants(0) == {"b": 2}


def test_people_come_back_from_either_database_as_they_were_written(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url)
    set_up(stores, 60, spring={"policy": {"budget": 0.3}}, email={"cost": 0.0125})
    add_customers(stores, ["silent"], consent=None)
    made = planned(stores)
    found = places(stores.control, made.plan_id)
    assert len(found) == 61
    assert {p.cost for p in found if p.arm == "treatment"} == {Decimal("0.0125")}
    assert {p.send_at for p in found if p.arm == "treatment"} == {NOW}
    assert all((p.excluded is not None) == (p.arm == "excluded") for p in found)
    assert all((p.probability is None) == (p.arm == "excluded") for p in found)
    batches = list(
        place_batches(stores.control, made.plan_id, arms=("treatment", "control"), size=7)
    )
    assert {len(batch) for batch in batches[:-1]} == {7}
    assert [p for batch in batches for p in batch] == [p for p in found if p.arm != "excluded"]
    same = compare_plans(stores.control, made.plan_id, planned(stores).plan_id)
    assert (same.moved, same.same) == (0, 61)
    stores.close()
