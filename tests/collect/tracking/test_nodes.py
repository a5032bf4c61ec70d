"""Inboxes of several machines over one control database: each is one machine's, and all are known."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from aimwell.cli.doctor.work import check_inboxes
from aimwell.collect.tracking import flush as flushing
from aimwell.collect.tracking import flushes
from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.errors import InboxElsewhereError, WorkspaceError
from aimwell.jobs.model import utc_now
from aimwell.store import nodes
from aimwell.store.inbox import sealed_segments
from aimwell.store.nodes import claim_inbox, oldest_elsewhere
from aimwell.store.stores import create_stores, open_stores
from tracked import NOW, put, rows

ONE = {"type": "track", "userId": "u1", "event": "E", "messageId": "m1"}


def test_an_inbox_is_one_machines_until_that_is_silent(
    empty_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = open_stores(shutil.copytree(empty_workspace, tmp_path / "w"))
    folder, now = inbox_folder(stores), utc_now()
    name = claim_inbox(stores.control, folder, seconds=30, now=now)
    assert claim_inbox(stores.control, folder, seconds=30, now=now) == name
    monkeypatch.setattr(nodes, "machine_name", lambda: "another")
    with pytest.raises(InboxElsewhereError, match="AIMWELL_INBOX_FOLDER"):
        claim_inbox(stores.control, folder, seconds=30, now=now + timedelta(seconds=29))
    put(stores, ONE)
    with pytest.raises(InboxElsewhereError):
        flush_inbox(stores, now=NOW)
    assert len(sealed_segments(folder)) == 1, "what is another machine's is not touched"
    assert claim_inbox(stores.control, folder, seconds=30, now=now + timedelta(seconds=31)) == name
    stores.close()


def test_what_one_machine_prepared_another_brings_into_the_lake_and_nothing_is_taken_twice(
    empty_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shutil.copytree(empty_workspace, tmp_path / "w")
    first = open_stores(root, inbox_folder=str(tmp_path / "a"))
    second = open_stores(root, inbox_folder=str(tmp_path / "b"))
    put(first, ONE, {**ONE, "messageId": "m2"})
    put(second, ONE, {**ONE, "messageId": "m3"})  # a client that got no answer tried the other
    with monkeypatch.context() as patch:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(flushing.flushes, "publish", dies)
        with pytest.raises(KeyboardInterrupt):
            flush_inbox(first, now=NOW)
    assert rows(first, "events") == []
    report = flush_inbox(second, now=NOW)
    assert (report.taken, report.duplicates) == (1, 1)
    assert [one for (one,) in rows(second, "events", "event_id")] == ["m1", "m2", "m3"]
    assert len(sealed_segments(tmp_path / "a")) == 1, "only its own machine may remove it"
    assert flush_inbox(second, now=NOW).flushes == ()
    assert len(flush_inbox(first, now=NOW).flushes) == 1
    assert sealed_segments(tmp_path / "a") == []
    assert len(rows(first, "events")) == 3
    assert flushes.unfinished(first, node="none") == []
    first.close()
    second.close()


def test_an_erasure_waits_for_what_may_wait_elsewhere_and_doctor_tells_who_is_silent(
    empty_workspace: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(empty_workspace, tmp_path / "w")
    first = open_stores(root, inbox_folder=str(tmp_path / "a"))
    second = open_stores(root, inbox_folder=str(tmp_path / "b"))
    now = utc_now()
    own = claim_inbox(first.control, inbox_folder(first), seconds=30, now=now)
    assert oldest_elsewhere(first.control, own, now=now) is None
    put(second, ONE)
    claim_inbox(second.control, inbox_folder(second), seconds=30, now=now)
    oldest = oldest_elsewhere(first.control, own, now=now)
    assert oldest is not None
    assert oldest <= now
    assert list(check_inboxes(first, now=now)) == []
    [told] = check_inboxes(first, now=now + timedelta(hours=1))
    assert "has said nothing since" in told.told
    assert oldest_elsewhere(first.control, own, now=now + timedelta(days=31)) is None
    first.close()
    second.close()


def test_a_second_lake_over_one_control_database_is_refused(tmp_path: Path) -> None:
    control_url = f"sqlite+pysqlite:///{tmp_path / 'control.sqlite3'}"
    create_stores(tmp_path / "one", control_url=control_url).close()
    create_stores(tmp_path / "two", control_url=control_url).close()
    told = "belongs to the lake of another folder"
    with pytest.raises(WorkspaceError, match=told):
        open_stores(tmp_path / "one")
    stores = open_stores(tmp_path / "two")
    put(stores, ONE)
    flush_inbox(stores, now=NOW)
    stores.close()
    with pytest.raises(WorkspaceError, match=told):
        create_stores(tmp_path / "three", control_url=control_url)
    create_stores(tmp_path / "two", control_url=control_url).close()
