"""Two plans of one campaign: the second is refused, replaced or a wave; at once too, in both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.decide import service
from aimwell.decide.model import Plan
from aimwell.decide.service import approve, cancel, plan, undo
from aimwell.decide.stored import list_plans, load_plan
from aimwell.deliver import service as deliver
from aimwell.errors import OpenPlanError
from aimwell.store.stores import Stores
from campaigns import NOW, apply, executed, planned, set_up
from command import command_in
from shop import make_stores

LATER = NOW + timedelta(hours=3)


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Iterator[Stores]:
    made = make_stores(tmp_path, control_url=control_url)
    set_up(made, 30)
    yield made
    made.close()


def approved(stores: Stores, *, trial: bool = False) -> Plan:
    return approve(stores, planned(stores, trial=trial).plan_id, now=NOW, by="ann")


def states(stores: Stores) -> dict[str, str]:
    return {one.plan_id: one.state for one in list_plans(stores.control, "spring")}


def test_drafts_may_lie_beside_each_other_and_one_of_them_is_approved(stores: Stores) -> None:
    first, second = planned(stores), planned(stores)
    approve(stores, first.plan_id, now=NOW, by="ann")
    with pytest.raises(OpenPlanError, match=f"'{first.plan_id}'.*decide undo {first.plan_id}"):
        approve(stores, second.plan_id, now=NOW, by="ann")
    assert states(stores) == {first.plan_id: "approved", second.plan_id: "planned"}
    undo(stores, first.plan_id, now=NOW, by="ann")
    approve(stores, second.plan_id, now=NOW, by="ann")
    assert states(stores) == {first.plan_id: "planned", second.plan_id: "approved"}


def test_beside_an_approved_plan_none_is_made_and_nothing_is_left_of_the_attempt(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = approved(stores)
    run = command_in(stores.root, monkeypatch, capsys)
    told = run("decide", "plan", "spring", code=1).err
    for words in (first.plan_id, f"deliver run {first.plan_id}", "--replace"):
        assert words in told
    assert states(stores) == {first.plan_id: "approved"}


def test_replacing_gives_the_approved_one_up_and_says_so_in_the_audit_log(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = approved(stores)
    run = command_in(stores.root, monkeypatch, capsys)
    second = run("decide", "plan", "spring", "--replace", "--json").json["plan_id"]
    assert states(stores) == {first.plan_id: "cancelled", second: "planned"}
    with stores.read_control() as connection:
        rows = connection.execute(
            sa.text("SELECT action FROM audit_log WHERE subject = :plan"), {"plan": first.plan_id}
        )
        assert "cancel" in {row[0] for row in rows}


def test_what_has_begun_is_not_replaced_and_once_it_is_over_nothing_is_in_the_way(
    stores: Stores,
) -> None:
    apply(stores, spring={"schedule": {"at": "2026-03-04T09:00"}})
    first = executed(stores)
    assert load_plan(stores.control, first.plan_id).state == "sending"
    with pytest.raises(OpenPlanError, match=f"deliver cancel {first.plan_id}"):
        planned(stores, now=LATER)
    with pytest.raises(OpenPlanError, match="cannot be replaced"):
        planned(stores, now=LATER, replace_open=True)
    cancel(stores, first.plan_id, now=LATER, by="ann")
    assert planned(stores, now=LATER).state == "planned"


def test_trials_reach_nobody_and_are_in_nobodys_way(stores: Stores) -> None:
    approved(stores, trial=True)
    approved(stores)
    assert approved(stores, trial=True).state == "approved"


def test_the_next_wave_may_begin_when_the_window_of_the_last_one_is_over(stores: Stores) -> None:
    apply(stores, spring={"goal": {"window": "7d"}, "schedule": {"at": "2026-03-04T09:00"}})
    first = executed(stores)
    starts = first.starts_at
    with pytest.raises(OpenPlanError):
        planned(stores, now=starts + timedelta(days=6))
    second = planned(stores, now=starts + timedelta(days=7))
    assert approve(stores, second.plan_id, now=second.as_of, by="ann").state == "approved"


def test_of_two_who_approve_at_once_one_wins(stores: Stores) -> None:
    drafts = [planned(stores).plan_id for _ in range(4)]

    def attempt(plan_id: str) -> bool:
        try:
            approve(stores, plan_id, now=NOW, by="ann")
        except OpenPlanError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(attempt, drafts))
    assert sum(won) == 1
    assert sorted(states(stores).values()) == ["approved", "planned", "planned", "planned"]


def test_a_plan_that_was_approved_while_another_was_worked_out_is_found_when_that_is_stored(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = planned(stores)
    store = service.store_plan

    def meanwhile(*given: object, **more: object) -> None:
        approve(stores, draft.plan_id, now=NOW, by="bob")
        store(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "store_plan", meanwhile)
    with pytest.raises(OpenPlanError):
        plan(stores, "spring", now=NOW, by="ann")
    assert states(stores) == {draft.plan_id: "approved"}


def test_one_that_begins_while_it_is_to_be_replaced_goes_on(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = approved(stores)
    store = service.store_plan

    def meanwhile(*given: object, **more: object) -> None:
        deliver.execute(stores, first.plan_id, now=NOW, by="bob")
        store(*given, **more)  # type: ignore[arg-type]

    apply(stores, spring={"schedule": {"at": "2026-03-04T09:00"}})
    monkeypatch.setattr(service, "store_plan", meanwhile)
    with pytest.raises(OpenPlanError, match="cannot be replaced"):
        plan(stores, "spring", now=NOW, by="ann", replace_open=True)
    assert states(stores) == {first.plan_id: "sending"}
