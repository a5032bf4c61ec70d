"""A segment's report on a shop with a measured campaign, reviews and a survey; and feedback by segment and campaign."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from aimwell.decide.stored import load_plan
from aimwell.deliver import service as deliver
from aimwell.errors import MeasureError, UnknownDefinitionError
from aimwell.measure.feedback.joined_service import feedback_by, feedback_of_campaign
from aimwell.measure.feedback.of_campaign import said_in_window
from aimwell.measure.report import report_html
from aimwell.measure.segment_report.page import segment_csv, segment_html
from aimwell.measure.segment_report.service import segment_report
from aimwell.measure.service import measure, store_report
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from command import Run, command_in
from shop import RECEIVED_AT, add_orders, append, day, make_stores, origin

OVER = NOW + timedelta(days=20)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("reported"), margin_default=0.4)
    names = set_up(
        opened,
        120,
        loyal={
            "kind": "segment",
            "name": "loyal",
            "rule": {"event": "Order Completed", "count": {"at_least": 2}},
        },
        asked={
            "kind": "survey",
            "name": "asked",
            "questions": {"recommend": {"type": "nps", "wording": "Would you?"}},
        },
    )
    loyal = names[::3]
    add_orders(
        opened,
        [
            {"customer": n, "order_id": f"{n}-2", "ordered_at": day(57), "revenue": 30}
            for n in loyal
        ],
    )
    add_orders(
        opened,
        [
            {"customer": n, "order_id": f"{n}-3", "ordered_at": day(63), "revenue": 10 + place % 7}
            for place, n in enumerate(loyal)
        ],
    )
    shared = {"received_at": RECEIVED_AT, "source": "test"}
    append(
        opened,
        "reviews",
        [
            {
                "review_id": n,
                "origin_id": origin(opened, n),
                "rating": 5.0 if n in loyal else 2.0,
                "rating_max": 5.0,
                "reviewed_at": day(62),
                **shared,
            }
            for n in names[:60]
        ],
    )
    append(
        opened,
        "answers",
        [
            {
                "origin_id": origin(opened, n),
                "survey": "asked",
                "question": "recommend",
                "number": number,
                "answered_at": day(58 + place),
                **shared,
            }
            for n in names[:30]
            for place, number in enumerate((0.0, 10.0))
        ],
    )
    plan = executed(opened)
    deliver.run_sending(opened, plan.plan_id, clock=lambda: NOW + timedelta(seconds=2))
    store_report(opened, measure(opened, plan.plan_id, now=OVER))
    yield opened
    opened.close()


def test_size_movement_people_campaigns_and_what_they_say(stores: Stores) -> None:
    found = segment_report(stores, "loyal", now=OVER, months=2)
    assert [(one.members, one.entered, one.left) for one in found.sizes] == [
        (40, None, None),
        (40, 0, 0),
    ]
    assert found.sizes[-1].known == 120
    assert found.persona is not None
    assert found.persona.size == 40
    (plan,) = found.campaigns
    assert 20 < plan.contacted <= 40
    assert plan.sent == plan.contacted
    assert found.revenue == plan.revenue
    assert found.revenue.covers(0.0)
    said = {one.question: one for one in found.feedback.rows}
    assert said["reviews"].value.estimate == pytest.approx(1.0)
    assert said["reviews"].against_others.estimate == pytest.approx(1.0)
    assert said["asked: recommend"].value.estimate == pytest.approx(100.0)
    assert said["asked: recommend"].answered == 10
    assert found.sentence.startswith("40 people are in “loyal”, 33.3% of all")
    page = segment_html(found)
    assert "<script" not in page
    assert "What they say" in page
    assert page == segment_html(found)
    rows = list(csv.DictReader(io.StringIO(segment_csv(found))))
    assert {row["part"] for row in rows} == {"size", "campaign", "feedback"}
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_cannot_be_reported_says_why(stores: Stores) -> None:
    with pytest.raises(UnknownDefinitionError, match="loyal"):
        segment_report(stores, "loyl", now=OVER)
    with pytest.raises(MeasureError, match="1 to 24"):
        segment_report(stores, "loyal", now=OVER, months=25)


def test_feedback_is_joined_to_segments_and_to_the_arms_of_a_campaign(stores: Stores) -> None:
    by_segment = feedback_by(stores, "segments:loyal", until=OVER)
    reviews = {one.group: one for one in by_segment.rows if one.question == "reviews"}
    assert reviews["loyal"].answered == 20
    assert reviews["none of these"].value.estimate == 0.0
    arms = feedback_of_campaign(stores, "latest:spring", now=OVER)
    assert {one.group for one in arms.rows} == {"contacted", "held out"}
    # Answers of before the start are none about the campaign.
    assert {one.question for one in arms.rows} == {"reviews"}
    assert sum(one.answered for one in arms.rows) == 60


def test_the_report_of_the_campaign_shows_what_people_said(stores: Stores) -> None:
    found = measure(stores, "latest:spring", now=OVER, permutations=199)
    assert found.said is not None
    arms = feedback_of_campaign(stores, "latest:spring", now=OVER)
    assert found.said.answers == arms
    assert {one.figure for one in found.said.shifts} <= {"reviews", "asked: recommend"}
    page = report_html(found)
    assert "What people said" in page
    assert "contacted" in page.split("What people said")[1]
    assert arms.notes[0] in page
    json.dumps(found.to_dict(), allow_nan=False)
    assert (
        said_in_window(
            stores, replace(load_plan(stores.control, found.plan_id), trial=True), found.span
        )
        is None
    )
    assert "What people said" not in report_html(replace(found, said=None))


def test_the_commands(
    stores: Stores,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Run = command_in(tmp_path, monkeypatch, capsys)
    workspace = ["--workspace", str(stores.root)]
    told = run("measure", "segment-report", "loyal", "--months", 1, *workspace)
    assert "40 people are in" in told.out
    assert (stores.root / "reports" / "segment-loyal.html").exists()
    grouped = run("measure", "feedback", "--by", "segments:loyal", *workspace)
    assert "none of these" in grouped.out
    assert run("measure", "feedback", "--by", "rfm", "--campaign", "x", *workspace, code=2).err
