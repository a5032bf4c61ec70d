"""A shop whose customers begin to speak of size, crossly: told by group, by shift and by alert."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from aimwell.errors import MeasureError
from aimwell.jobs.alerts import Alerts
from aimwell.measure.feedback.shifts import ALERTS
from aimwell.measure.feedback.shifts_service import feedback_shifts, tell_shifts
from aimwell.measure.feedback.spoken_service import spoken_by
from aimwell.measure.jobs import MEASURE, measure_handlers
from aimwell.measure.segment_report.page import segment_csv, segment_html
from aimwell.measure.segment_report.service import segment_report
from aimwell.store.stores import Stores
from campaigns import apply
from command import Run, command_in
from reviews import add_reviews, texts_made
from shop import add_orders, add_people, add_traits, day, make_stores

PEOPLE = 1_200
NOW = day(120)
SINCE = day(60)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """The second half of the people write from day 60 on, mostly of size; who speaks of size is tall."""
    made = make_stores(tmp_path_factory.mktemp("talking"))
    texts, marks, _ = texts_made(PEOPLE)
    names = [f"c{n}" for n in range(PEOPLE)]
    add_people(made, [{"customer": name, "seen_at": day(1)} for name in names])
    cross = ["size" in one or "small" in one or "waist" in one for one in texts]
    add_traits(
        made,
        [
            {"customer": name, "name": "height", "value": "tall" if big else "short"}
            for name, big in zip(names, cross, strict=True)
        ],
    )
    add_orders(
        made, [{"customer": name, "order_id": name, "ordered_at": day(2)} for name in names[:5]]
    )
    half = PEOPLE // 2
    when = [day(2 + 57 * n / half) if n < half else day(60 + 59 * (n - half) / half) for n in range(PEOPLE)]  # fmt: skip
    add_reviews(made, list(zip(names, texts, marks.tolist(), when, strict=True)))
    tall = {"trait": "height", "is": "tall"}
    apply(made, tall={"kind": "segment", "name": "tall", "rule": tall})
    yield made
    made.close()


def test_what_shifted_is_told_with_its_direction(stores: Stores) -> None:
    found = feedback_shifts(stores, now=NOW, since=SINCE, topics=4)
    rows = {(one.kind, one.figure): one for one in found.found}
    marks = rows["csat", "reviews"]
    assert (marks.answered_before, marks.answered_since) == (600, 600)
    assert (marks.direction, marks.alarm) == ("fell", True)
    topics = {one.figure: one for one in found.found if one.kind == "topic"}
    assert len(topics) == 5
    assert sum(one.answered_before for one in topics.values()) == 5 * 200
    grown = [name for name, one in topics.items() if one.alarm]
    assert grown
    assert not any({"soft", "cotton", "fabric"} & set(name.split()) for name in grown)
    assert any(one.direction == "fell" for one in topics.values())
    calm = feedback_shifts(stores, now=SINCE, since=day(30), topics=4)
    assert not any(one.alarm for one in calm.found)
    with pytest.raises(MeasureError, match="is to come"):
        feedback_shifts(stores, now=SINCE, since=NOW)


def test_alerts_stand_while_the_shift_does_and_leave_others_alone(stores: Stores) -> None:
    alerts = Alerts(stores.control, clock=lambda: NOW)
    alerts.alert("kpi:other", "another matter")
    found = feedback_shifts(stores, now=NOW, since=SINCE, topics=4)
    standing = tell_shifts(stores, found.found, now=NOW)
    assert "feedback:csat:reviews" in standing
    assert {one.key for one in alerts.all()} == {"kpi:other", *standing}
    told = next(one for one in alerts.all() if one.key == "feedback:csat:reviews")
    assert told.message.startswith("Satisfied (reviews) fell: ")
    assert tell_shifts(stores, (), now=NOW + timedelta(days=1)) == ()
    assert [one.key for one in alerts.all()] == ["kpi:other"]
    alerts.resolve("kpi:other")


def test_workers_look_each_night_from_the_start_of_the_quarter_on(stores: Stores) -> None:
    # Day 120 lies in a quarter in which hardly anybody has written yet, so nothing is told.
    handler = measure_handlers(stores, clock=lambda: NOW)[MEASURE]
    done = handler(None, {})  # type: ignore[arg-type]
    assert done is not None
    assert not [key for key in done["alerts"] if not key.startswith((ALERTS, "kpi:"))]
    since = feedback_shifts(stores, now=NOW).since
    assert (since.month % 3, since.day) == (1, 1)
    assert since < NOW


def test_groups_are_told_apart_by_what_they_speak_of(stores: Stores) -> None:
    found = spoken_by(stores, "segments:tall", until=NOW, topics=2)
    rows = {(one.topic, one.group): one for one in found.topics}
    assert len(rows) == 4
    top = max((one for one in rows.values() if one.group == "tall"), key=lambda one: one.share.estimate or 0)  # fmt: skip
    assert (top.share.estimate or 0) > 0.6
    assert (top.against_others.lower or 0) > 0.2
    sounds = {one.group: one for one in found.sounds}
    assert (sounds["tall"].against_others.upper or 0) < 0
    early = spoken_by(stores, "segments:tall", until=day(4), topics=2)
    assert early.topics == ()
    assert "topics need at least 200" in early.notes[0]


def test_the_page_of_a_segment_shows_it(stores: Stores) -> None:
    found = segment_report(stores, "tall", now=NOW, months=1)
    assert {one.group for one in found.spoken.topics} == {"tall"}
    page = segment_html(found)
    assert "What they write about" in page
    assert "words that sound satisfied" in page
    assert "sound_satisfied" in segment_csv(found)
    assert "annabel" not in page.lower()


def test_the_commands_show_groups_shifts_and_alerts(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Run = command_in(stores.root.parent, monkeypatch, capsys)
    workspace = ("-w", stores.root.name)
    shifted = run("measure", "feedback", "--shifts", "--since", SINCE.isoformat(), "--as-of", NOW.isoformat(), *workspace)  # fmt: skip
    assert "Satisfied (reviews) fell" in shifted.out
    assert "ALARM" in shifted.out
    by = run("measure", "feedback", "--by", "segments:tall", "--as-of", NOW.isoformat(), *workspace)
    assert "speak mostly of" in by.out
    assert "words sound satisfied" in by.out
    told = run("measure", "alerts", *workspace, "--json").json
    assert {"alpha", "watched", "feedback", "alerts"} == set(told)
    assert run("measure", "feedback", "--since", "2026-01-01", *workspace, code=2).err
