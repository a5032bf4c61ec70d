"""A campaign that is diagnosed as a user would: with its messages, an earlier plan, a break planted in what befell them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.model import Plan
from aimwell.decide.stored import list_plans, places
from aimwell.deliver import service as deliver
from aimwell.errors import MeasureError
from aimwell.measure.diagnosis.effects import effects_of
from aimwell.measure.diagnosis.model import EVERYONE
from aimwell.measure.diagnosis.service import diagnose
from aimwell.measure.lifts import lift_of
from aimwell.measure.plan_reading import read_plan
from aimwell.measure.spans import assigned, seed_of, span_of
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from command import Run, command_in
from shop import add_events, add_orders, day, make_stores, origin

_messages, _events = metadata.tables["messages"], metadata.tables["message_events"]
SECOND = NOW + timedelta(days=30)
OVER = SECOND + timedelta(days=20)


def befall(stores: Stores, plan: Plan, at: datetime, lost: set[str], seed: int) -> list[str]:
    """Half of the messages are opened and half of these clicked, but for those of `lost` profiles; who clicked."""
    rng = np.random.default_rng(seed)
    query = sa.select(_messages.c.message_id, _messages.c.profile_id).where(
        _messages.c.plan_id == plan.plan_id
    )
    with stores.control.begin() as connection:
        rows = connection.execute(query.order_by(_messages.c.message_id)).all()
        opened = [one for one in rows if one.profile_id not in lost and rng.random() < 0.5]
        clicked = [one for one in opened if rng.random() < 0.5]
        connection.execute(
            sa.insert(_events),
            [
                {
                    "message_id": one.message_id,
                    "event": event,
                    "occurred_at": at + timedelta(hours=3),
                    "machine": False,
                    "signs": [],
                }
                for event, those in (("Email Opened", opened), ("Email Link Clicked", clicked))
                for one in those
            ],
        )
    return [one.profile_id for one in clicked]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("diagnosed"), margin_default=0.4)
    names = set_up(
        opened,
        260,
        loyal={
            "kind": "segment",
            "name": "loyal",
            "rule": {"event": "Order Completed", "count": {"at_least": 2}},
        },
        spring={"targets": {"open_rate": 45}, "policy": {"choose": "random"}},
    )
    add_orders(
        opened,
        [
            {"customer": n, "order_id": f"{n}-2", "ordered_at": day(52), "revenue": 20}
            for n in names[::2]
        ],
    )
    loyal = {origin(opened, n) for n in names[::2]}
    first = executed(opened)
    deliver.run_sending(opened, first.plan_id, clock=lambda: NOW + timedelta(seconds=2))
    befall(opened, first, NOW, set(), 1)
    second = executed(opened, now=SECOND)
    deliver.run_sending(opened, second.plan_id, clock=lambda: SECOND + timedelta(seconds=2))
    who = befall(opened, second, SECOND, loyal, 2)
    by_profile = {origin(opened, n): n for n in names}
    add_events(
        opened,
        [
            {
                "event": "Product Added",
                "occurred_at": SECOND + timedelta(hours=4),
                "customer": by_profile[profile],
            }
            for profile in who
        ],
    )
    yield opened
    opened.close()


def test_the_segment_in_which_nobody_opens_is_found(stores: Stores) -> None:
    found = diagnose(stores, "spring", now=OVER)
    first = found.findings[0]
    assert (first.step, first.place) == ("opened", "segment loyal")
    assert first.done == 0
    assert "everyone" in first.also
    assert found.sentence.startswith("What falls short beyond noise: opened (people) in segment loyal")  # fmt: skip
    assert {one.step for one in found.findings} <= {"opened", "open_rate"}
    assert any(one.step == "open_rate" and one.kind == "target" for one in found.findings)
    steps = {one.step: one for one in found.steps}
    assert list(steps) == ["sent", "delivered", "opened", "clicked", "cart", "ordered"]
    assert steps["cart"].done == steps["cart"].of > 0
    assert len(found.earlier) == 1


def test_the_first_plan_was_healthy(stores: Stores) -> None:
    plans = [one.plan_id for one in list_plans(stores.control)]
    first = diagnose(stores, plans[-1], now=OVER)
    assert first.findings == ()
    assert first.sentence.startswith("Nothing stands out beyond noise")
    assert first.earlier == ()


def test_what_cannot_be_diagnosed_says_why(stores: Stores) -> None:
    with pytest.raises(MeasureError, match="spring"):
        diagnose(stores, "sprin", now=OVER)


def test_the_command(
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Run = command_in(tmp_path, monkeypatch, capsys)
    workspace = ["--workspace", str(stores.root)]
    told = run("measure", "diagnose", "spring", *workspace)
    assert "segment loyal" in told.out
    assert "Try: Try another subject line" not in told.out
    document = run("measure", "diagnose", "ten", "--json", *workspace).json
    assert document["offer"] == "ten"
    assert document["findings"][0]["place"] == "segment loyal"
    assert run("measure", "diagnose", "nothing", *workspace, code=1).err


def test_the_passed_over_are_told_and_count_in_the_effect(stores: Stores) -> None:
    """As if a policy had given nothing to most of the loyal of the newest plan."""
    plan = next(one for one in list_plans(stores.control) if one.starts_at == SECOND)
    given = [one.profile_id for one in places(stores.control, plan.plan_id, arms=("treatment",))]
    loyal = {origin(stores, f"c{number:05}") for number in range(0, 260, 2)}
    over = [one for one in given if one in loyal][:70]
    people = metadata.tables["plan_people"]
    with stores.control.begin() as connection:
        connection.execute(
            sa.update(people)
            .where(people.c.plan_id == plan.plan_id, people.c.profile_id.in_(over))
            .values(arm="passed", action=None, variant=None)
        )
    found = diagnose(stores, plan.plan_id, now=OVER)
    assert found.passed is not None
    assert (found.passed.people, found.passed.of) == (70, len(given))
    assert "segment loyal" in [one.place for one in found.passed.unlike]
    assert {one.passed for one in found.passed.unlike} <= {0.0, 1.0}
    assert found.passed.sentence in found.notes
    steps = {one.step: one for one in found.steps}
    assert steps["sent"].of == len(given) - 70

    span = span_of(plan, OVER, timezone="UTC")
    parts = parts_of_plan(plan.document)
    placed = assigned(stores, plan.plan_id)
    read = read_plan(stores, plan, parts, placed, span=span, valued=False).people
    bought = replace(read, margin=np.random.default_rng(2).gamma(2.0, 5.0, len(read)))
    plain: dict[str, Any] = {"plan": plan, "parts": parts, "span": span, "currency": "GBP"}
    effects, said = effects_of(bought, {}, offer=None, **plain)
    assert said is None
    whole = lift_of(bought, "margin", seed=seed_of(plan)).difference
    assert effects[EVERYONE].estimate == pytest.approx(whole.estimate)
    # By the offer alone chances were not those of everybody: it is weighed, or not told.
    effects, said = effects_of(bought, {}, offer="ten", **plain)
    assert said is not None
    assert "different chances of this offer" in said
    assert effects == {}
