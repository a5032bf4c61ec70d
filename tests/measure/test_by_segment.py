"""Lifts by segment: each the same as of its own people alone, corrected for their number, and told in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import MeasureError, UnknownDefinitionError
from aimwell.measure.by_segment import segment_lifts
from aimwell.measure.members import InSegments
from aimwell.measure.model import Span
from aimwell.measure.people import People
from aimwell.measure.service import measure_segments
from aimwell.stats.lift import measure_lift
from aimwell.store.stores import Stores
from campaigns import NOW, executed, planned, set_up
from shop import add_orders, day, make_stores


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.4)
    yield opened
    opened.close()


class _Plan:
    plan_id, campaign = "p1", "spring"


def _people(make_people: Callable[..., People]) -> tuple[People, dict[str, np.ndarray]]:
    rng, n = np.random.default_rng(1), 4_000
    cell = np.where(rng.random(n) < 0.7, 0, -1)
    segments = {"keen": rng.random(n) < 0.3, "old": rng.random(n) < 0.5, "few": np.arange(n) < 90}
    before = rng.gamma(3.0, 10.0, n)
    revenue = before + rng.gamma(3.0, 4.0, n) + 6.0 * ((cell == 0) & segments["keen"])
    people = make_people(
        cell.tolist(),
        orders=np.ones(n),
        revenue=revenue,
        margin=revenue / 2,
        spend_before=before,
    )
    return people, segments


def _found(people, segments, span, **more):
    return segment_lifts(
        people, InSegments(segments, {}), plan=_Plan(), span=span, currency="GBP", seed=1, **more
    )


def test_a_segment_that_responds_is_found_and_said_to_differ(
    make_people: Callable[..., People], span: Span
) -> None:
    people, segments = _people(make_people)
    found = _found(people, segments, span, metrics=["revenue"])
    rows = {row.group: row for row in found.rows}
    assert rows["keen"].difference.covers(6.0)
    assert rows["keen"].against_others.covers(6.0)
    assert rows["keen"].p_adjusted_others < 0.001
    assert rows["old"].p_adjusted_others > 0.05
    assert "differs from that on everybody else in 1: keen" in found.sentence
    assert found.everyone[0].treated_n == int((people.cell == 0).sum())
    json.dumps(found.to_dict(), allow_nan=False)
    assert "sending made a difference" in found.sentence
    trial = _found(people, segments, span, metrics=["revenue"], reached_nobody=True)
    assert "sending made" not in trial.sentence
    assert "though nobody was contacted" in trial.sentence


def test_a_small_segment_is_measured_by_the_rule_of_reports(
    make_people: Callable[..., People], span: Span
) -> None:
    people, segments = _people(make_people)
    found = _found(people, segments, span, metrics=["revenue"])
    row = next(row for row in found.rows if row.group == "few")
    assert "buyers, under 200" in row.caution
    part = people.take(segments["few"])
    plain = measure_lift(*part.arms(part.revenue), seed=1)
    assert row.difference == plain.difference
    assert "randomisation" in row.difference.method


def test_nothing_is_found_where_nothing_is(make_people: Callable[..., People], span: Span) -> None:
    people, segments = _people(make_people)
    flat = make_people(people.cell.tolist(), revenue=people.spend_before, orders=np.ones(4_000))
    found = _found(flat, segments, span, metrics=["revenue"])
    assert found.sentence.startswith("In none of 3 segments can a difference be told from chance")
    assert "cannot be told either" in found.sentence


def test_an_open_window_gives_intervals_for_every_look(
    make_people: Callable[..., People], unfinished: Span
) -> None:
    people, segments = _people(make_people)
    found = _found(people, segments, unfinished)
    assert all("always valid" in r.difference.method for r in (*found.everyone, *found.rows))
    assert any("all looks together" in note for note in found.notes)
    assert [row.metric for row in found.everyone] == ["revenue", "margin", "orders", "conversion"]


def test_what_cannot_be_said_says_why(make_people: Callable[..., People], span: Span) -> None:
    people, _ = _people(make_people)
    everybody = make_people([0] * 50, revenue=np.arange(50.0))
    found = _found(everybody, {"all": np.ones(50, dtype=bool)}, span)
    assert "nobody was held out" in found.sentence
    assert _found(people, {}, span).sentence == "There is no segment to look at."
    unknown = make_people([0, -1], margin=[np.nan, 1.0], revenue=[1.0, 1.0])
    with pytest.raises(MeasureError, match="margin_default"):
        _found(unknown, {}, span, metrics=["margin"])


def test_members_are_those_of_the_start_by_todays_identity(lite: Stores) -> None:
    names = set_up(
        lite,
        60,
        loyal={
            "kind": "segment",
            "name": "loyal",
            "rule": {"event": "Order Completed", "sum": {"of": "revenue", "above": 13}},
        },
    )
    plan_id = executed(lite).plan_id
    add_orders(
        lite,
        [
            {
                "customer": n,
                "order_id": f"n-{n}",
                "ordered_at": NOW + timedelta(days=2),
                "revenue": 50,
            }
            for n in names[:30]
        ],
    )
    found = measure_segments(lite, plan_id, now=day(100))
    # Revenue of before was 10 to 16 by the number of the person: above 13 are three of seven.
    loyal = sum(1 for number in range(60) if 10 + number % 7 > 13)
    row = next(row for row in found.rows if row.metric == "revenue")
    assert row.group == "loyal"
    assert row.treated_n + row.control_n == loyal
    with pytest.raises(UnknownDefinitionError):
        measure_segments(lite, plan_id, now=day(100), segments=["loyl"])


def test_empty_segments_are_named(lite: Stores) -> None:
    rule = {"event": "Order Completed", "sum": {"of": "revenue", "above": 1_000}}
    set_up(
        lite,
        20,
        rich={"kind": "segment", "name": "rich", "rule": rule},
        lost={"kind": "segment", "name": "lost", "rule": {"segment": "rich"}},
    )
    plan_id = planned(lite).plan_id
    found = measure_segments(lite, plan_id, now=day(100))
    assert any("was in lost, rich when it began" in note for note in found.notes)
