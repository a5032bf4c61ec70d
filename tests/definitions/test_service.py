"""Definitions in the control database: all or none, revisions, differences, references."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.definitions import service
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.offer import Offer
from aimwell.errors import DefinitionError, UnknownDefinitionError
from aimwell.store.control import Control
from aimwell.store.migrate import upgrade

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def control(control_url: str) -> Iterator[Control]:
    opened = Control(control_url)
    upgrade(opened)
    yield opened
    opened.close()


def offer(name: str = "ten", percent: float = 10) -> Offer:
    found = check({"kind": "offer", "name": name, "benefit": {"percent": percent}})
    assert isinstance(found, Offer)
    return found


def campaign(**change: Any) -> Any:
    body = {
        "kind": "campaign",
        "name": "spring",
        "audience": {"everyone": True},
        "actions": [{"offer": "ten", "channel": "email", "template": "hello"}],
    }
    return check({**body, **change})


FRIENDS = [
    check({"kind": "channel", "name": "email", "sender": {"address": "a@example.com"}, "sink": {}}),
    check({"kind": "template", "name": "hello", "variants": [{"subject": "Hi", "text": "Hello"}]}),
]


def apply(control: Control, *definitions: Any, **more: Any) -> list[str]:
    return [c.action for c in service.apply(control, definitions, now=NOW, by="ann", **more)]


def test_the_second_time_nothing_changes(control: Control) -> None:
    assert apply(control, offer()) == ["created"]
    assert apply(control, offer()) == ["unchanged"]
    assert [r.revision for r in service.revisions(control, "offer", "ten")] == [1]


def test_a_change_is_a_revision_with_who_when_and_what(control: Control) -> None:
    apply(control, offer(percent=10))
    assert apply(control, offer(percent=15)) == ["updated"]
    newest, first = service.revisions(control, "offer", "ten")
    assert (newest.revision, newest.changed_by, newest.changed_at) == (2, "ann", NOW)
    assert "-  percent: 10.0" in newest.diff
    assert "+  percent: 15.0" in newest.diff
    assert first.document is not None
    old, _ = service.get(control, "offer", "ten", revision=1)
    assert old == offer(percent=10)
    assert service.find(control, Offer, "ten") == offer(percent=15)


def test_a_dry_run_shows_the_difference_and_writes_nothing(control: Control) -> None:
    apply(control, offer(percent=10))
    (change,) = service.apply(control, [offer(percent=15)], now=NOW, by="ann", dry_run=True)
    assert (change.action, change.revision) == ("updated", 2)
    assert "+  percent: 15.0" in change.diff
    assert service.find(control, Offer, "ten") == offer(percent=10)


def test_references_must_exist_here_or_there_and_nothing_is_taken_otherwise(
    control: Control,
) -> None:
    with pytest.raises(DefinitionError) as caught:
        apply(control, offer("teen"), campaign())
    assert [f.path for f in caught.value.faults] == [
        "campaign spring: actions[0].channel",
        "campaign spring: actions[0].template",
        "campaign spring: actions[0].offer",
    ]
    assert "Did you mean 'teen'?" in str(caught.value)
    assert service.names(control) == []
    assert apply(control, campaign(), offer(), *FRIENDS) == ["created"] * 4


def test_what_is_in_use_cannot_be_removed(control: Control) -> None:
    apply(control, campaign(), offer(), *FRIENDS)
    with pytest.raises(DefinitionError, match="in use"):
        service.remove(control, "offer", "ten", now=NOW, by="ann")
    service.remove(control, "campaign", "spring", now=NOW, by="ann")
    service.remove(control, "offer", "ten", now=NOW, by="ann")
    with pytest.raises(UnknownDefinitionError):
        service.get(control, "offer", "ten")
    assert service.revisions(control, "offer", "ten")[0].document is None


def test_a_removed_definition_can_come_back_with_a_higher_revision(control: Control) -> None:
    apply(control, offer())
    service.remove(control, "offer", "ten", now=NOW, by="ann")
    assert apply(control, offer()) == ["created"]
    assert [r.revision for r in service.revisions(control, "offer", "ten")] == [3, 2, 1]


def test_unknown_names_get_the_nearest(control: Control) -> None:
    apply(control, offer("spring-offer"))
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'spring-offer'"):
        service.get(control, "offer", "spring-ofer")
    with pytest.raises(UnknownDefinitionError, match="Did you mean 'offer'"):
        service.get(control, "offr", "x")
    with pytest.raises(UnknownDefinitionError):
        service.get(control, "offer", "spring-offer", revision=9)


def test_two_who_apply_at_once_both_leave_their_revision(control: Control) -> None:
    apply(control, offer(percent=1))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda p: apply(control, offer(percent=p)), [11, 12, 13, 14]))
    found = service.revisions(control, "offer", "ten")
    assert [r.revision for r in found] == [5, 4, 3, 2, 1]
    assert service.get(control, "offer", "ten")[1] == 5


def test_who_writes_the_same_new_document_meanwhile_waits(control: Control) -> None:
    wrote = threading.Event()

    def linger(_: sa.Connection) -> None:
        wrote.set()
        time.sleep(0.3)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(service.apply, control, [offer()], now=NOW, by="ann", also=linger)
        assert wrote.wait(30)
        [second] = service.apply(control, [offer()], now=NOW, by="bob")
        assert first.result()[0].action == "created"
    assert second.action == "unchanged"
