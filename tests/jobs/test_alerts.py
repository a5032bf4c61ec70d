"""Alerts: each trouble once, with how often it came."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from aimwell.errors import JobError
from aimwell.jobs.alerts import Alerts
from aimwell.store.control import Control
from job_clock import SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def alerts(control: Control, clock: SetClock) -> Alerts:
    return Alerts(control, clock=clock)


def test_the_same_trouble_is_counted_and_not_repeated(alerts: Alerts, clock: SetClock) -> None:
    first = clock.now
    alerts.alert("disk", "The disk is nearly full: 3 GB.", severity="warning")
    clock.on(60)
    alerts.alert("disk", "The disk is nearly full: 1 GB.", severity="error")
    [found] = alerts.all()
    assert (found.key, found.severity, found.count) == ("disk", "error", 2)
    assert found.message == "The disk is nearly full: 1 GB."
    assert (found.first_at, found.last_at) == (first, first + timedelta(seconds=60))
    assert found.resolved_at is None


def test_what_is_over_is_no_longer_listed_and_begins_anew(alerts: Alerts, clock: SetClock) -> None:
    alerts.alert("disk", "full")
    alerts.alert("disk", "full")
    assert alerts.resolve("disk")
    assert not alerts.resolve("disk")
    assert not alerts.resolve("unknown")
    assert alerts.all() == ()
    [old] = alerts.all(resolved=True)
    assert old.resolved_at == clock.now
    clock.on(3600)
    alerts.alert("disk", "full again")
    [new] = alerts.all()
    assert (new.count, new.first_at, new.resolved_at) == (1, clock.now, None)


def test_the_worst_come_first_then_the_newest(alerts: Alerts, clock: SetClock) -> None:
    for key, severity in [("a", "info"), ("b", "error"), ("c", "warning"), ("d", "error")]:
        alerts.alert(key, "x", severity=severity)  # type: ignore[arg-type]
        clock.on(1)
    assert [alert.key for alert in alerts.all()] == ["d", "b", "c", "a"]


def test_an_unknown_severity_is_refused(alerts: Alerts) -> None:
    with pytest.raises(JobError, match="Allowed: info, warning, error"):
        alerts.alert("a", "x", severity="fatal")  # type: ignore[arg-type]


def test_troubles_told_at_once_are_all_counted(alerts: Alerts) -> None:
    def tell() -> None:
        for _ in range(10):
            alerts.alert("disk", "full")

    threads = [threading.Thread(target=tell) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [alert.count for alert in alerts.all()] == [50]


def test_what_stands_is_kept_and_all_else_of_that_kind_is_over(alerts: Alerts) -> None:
    alerts.alert("disk", "full")
    assert alerts.keep("kpi:", {"kpi:a": "low", "kpi:b": "high"}) == ("kpi:a", "kpi:b")
    assert alerts.keep("kpi:", {"kpi:b": "high"}) == ("kpi:b",)
    assert {alert.key: alert.count for alert in alerts.all()} == {"disk": 1, "kpi:b": 2}
