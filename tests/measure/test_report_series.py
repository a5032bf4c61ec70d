"""Waves and stops in a campaign's report: as rows, on the page, and as the command prints them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aimwell.decide.stops import Stop
from aimwell.deliver import service as deliver
from aimwell.deliver.guarding import guard
from aimwell.measure.model import CampaignResult, plain
from aimwell.measure.report import report_html
from aimwell.measure.report_series import series_table, stop_rows
from aimwell.measure.series_model import Series, SeriesRow, WaveEffect
from aimwell.measure.service import measure
from aimwell.stats.estimate import Estimate
from aimwell.stats.meta_analysis import pool
from aimwell.store.schema import metadata
from campaigns import NOW, executed, set_up
from command import command_in
from shop import day, make_stores


def _stop(**more: Any) -> Stop:
    return Stop(
        plan_id="spring-1",
        campaign="spring",
        guardrail="unsubscribe_rate",
        since=NOW,
        evidence={"words": "Stop: unsubscribes at 9.00% of the contacted."},
        stopped_at=NOW + timedelta(hours=2),
        **more,
    )


def _series(count: int = 3) -> Series:
    effects = [1.0, 2.0, -0.5][:count]
    waves = tuple(
        WaveEffect(
            plan_id=f"spring-{number}",
            starts_at=NOW + timedelta(days=30 * number),
            people=100,
            held_out=20,
            difference=Estimate(
                estimate=one, lower=one - 1, upper=one + 1, confidence=0.95, method="CR2"
            ),
        )
        for number, one in enumerate(effects)
    )
    row = SeriesRow(
        action=None,
        waves=waves,
        correlations=tuple(
            tuple(1.0 if one == other else 0.2 for other in range(count)) for one in range(count)
        ),
        pooled=pool(effects, [0.5] * count),
    )
    return Series(
        metric="margin",
        rows=(row, replace(row, action="mail")),
        total=row.pooled.mean,
        sentence="Over 3 waves sending added £0.83.",
        notes=("Mind the waves.",),
    )


def test_a_stop_says_what_was_seen_and_who_let_it_go_on(result: CampaignResult) -> None:
    later = NOW + timedelta(hours=5)
    lifted = _stop(resumed_at=later, resumed_by="ann", reason="one <bad> list")
    found = replace(result, stops=(_stop(), lifted))
    first, second = stop_rows(found)
    assert first["open"]
    assert first["words"] == "Unsubscribes at 9.00% of the contacted."
    assert (second["by"], second["reason"], second["open"]) == ("ann", "one <bad> list", False)
    page = report_html(found)
    assert "Stopped by a guardrail" in page
    assert "nothing more is sent until a person lets the campaign go on" in page
    assert "one &lt;bad&gt; list" in page
    assert "Stopped by a guardrail" not in report_html(result)
    assert "A person let the campaign go on" in report_html(replace(result, stops=(lifted,)))
    assert plain(found)["stops"][1]["resumed_by"] == "ann"


def test_waves_are_drawn_with_their_mean_and_a_next_one(result: CampaignResult) -> None:
    page = report_html(replace(result, series=_series()))
    for words in ("Over the waves", "All waves together", "A next wave", "Mind the waves."):
        assert words in page
    assert page.count("Added per person: ") == 5
    assert [row["name"] for row in series_table(_series(), "GBP")] == ["all that was sent", "mail"]
    two = report_html(replace(result, series=_series(2)))
    assert "All waves together" in two
    assert "Over the waves" not in report_html(result)


def test_a_guardrail_that_stopped_a_campaign_stands_in_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = make_stores(tmp_path, margin_default=0.4)
    set_up(stores, 120, spring={"holdout": 0.2, "guardrails": {"unsubscribe_rate": 1.0}})
    plan_id = executed(stores).plan_id
    deliver.run_sending(stores, plan_id, clock=lambda: NOW + timedelta(seconds=2))
    messages, events = metadata.tables["messages"], metadata.tables["message_events"]
    with stores.control.begin() as connection:
        ids = connection.execute(messages.select()).all()[:40]
        for one in ids:
            connection.execute(
                events.insert().values(
                    message_id=one.message_id,
                    event="Unsubscribed",
                    occurred_at=NOW + timedelta(hours=1),
                    machine=False,
                )
            )
    stopped_at = NOW + timedelta(hours=2)
    assert guard(stores, now=stopped_at) == (plan_id,)
    found = measure(stores, plan_id, now=day(100), permutations=199)
    (stop,) = found.stops
    assert (stop.guardrail, stop.stopped_at, stop.resumed_at) == (
        "unsubscribe_rate",
        stopped_at,
        None,
    )
    deliver.resume(stores, plan_id, now=NOW + timedelta(hours=5), by="ann", reason="a bad list")
    run = command_in(tmp_path, monkeypatch, capsys)
    told = run("measure", "report", plan_id, "--workspace", stores.root).out
    assert "by its guardrail unsubscribe rate" in told
    assert "by ann: a bad list" in told
    stores.close()
