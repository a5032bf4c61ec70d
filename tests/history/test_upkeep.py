"""By the clock: who is new is compared with everybody, everybody is looked at again, and both can be switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aimwell.errors import UnifyError
from aimwell.history import upkeep
from aimwell.history.upkeep import EVERYBODY, MATCH, schedule_upkeep, upkeep_handlers
from aimwell.jobs.service import open_jobs
from aimwell.settings import Settings
from aimwell.unify.matching import service, stored
from shop import make_stores


def test_the_settings_say_when_and_what_was_switched_off_stays_off(tmp_path: Path) -> None:
    jobs = open_jobs(make_stores(tmp_path))
    schedule_upkeep(jobs, Settings())
    crons = {one.name: one.cron for one in jobs.schedules.all()}
    assert crons == {MATCH: "30 3 * * *", EVERYBODY: "15 4 * * *"}
    jobs.schedules.enable(EVERYBODY, False)
    schedule_upkeep(jobs, Settings(match_schedule="off", unify_schedule="0 5 * * sun"))
    [left] = jobs.schedules.all()
    assert (left.name, left.cron, left.enabled) == (EVERYBODY, "0 5 * * sun", False)


def test_nobody_is_compared_before_a_model_was_learned(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    context: Any = None
    assert "aimwell unify match" in upkeep_handlers(stores)[MATCH](context, {})["skipped"]
    assert upkeep_handlers(stores)[EVERYBODY](context, {}) == {"profiles": 0, "changed": 0}


def test_by_the_clock_no_model_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = make_stores(tmp_path)
    context: Any = None
    monkeypatch.setattr(stored, "newest_model", lambda _stores: object())
    monkeypatch.setattr(service, "newest_model", lambda _stores: None)
    with pytest.raises(UnifyError, match="aimwell unify match --learn"):
        upkeep_handlers(stores)[MATCH](context, {})
    assert upkeep.MATCH == "unify.match"
