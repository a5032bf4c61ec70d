"""Robots and mere visitors: marked, never lost, and not counted among people."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.collect.tracking import floods
from aimwell.definitions.kinds.segment import Segment
from aimwell.history.current import bring_up_to_date, refresh_state
from aimwell.history.features import features
from aimwell.history.moment import open_moment
from aimwell.segment.service import explain, members
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.unify.live import flush_and_unify
from aimwell.unify.service import counted
from shop import make_stores
from tracked import NOW, put, rows

GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36"
LATER = NOW + timedelta(seconds=5)
_profiles = metadata.tables["profiles"]
_SEEN = sql(
    "SELECT profile_id, count(*) FROM activity WHERE event = 'Page Viewed' AND NOT machine GROUP BY profile_id"
)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def page(who: str, message: str, *, agent: str = CHROME, **context: Any) -> dict[str, Any]:
    return {
        "type": "page",
        "anonymousId": who,
        "messageId": message,
        "context": {"userAgent": agent, **context},
    }


def flush(stores: Stores, *messages: dict[str, Any]) -> None:
    put(stores, *messages)
    flush_and_unify(
        stores, now=LATER, refresh=lambda s, profiles, now: refresh_state(s, profiles, now)
    )


def known(stores: Stores) -> list[tuple[bool, Any]]:
    """(visitor, visits) of each profile."""
    with stores.read_control() as connection:
        found = connection.execute(sa.select(_profiles.c.visitor, _profiles.c.computed)).all()
    return sorted((row.visitor, (row.computed or {}).get("visits")) for row in found)


def counts(stores: Stores) -> tuple[int, int, int]:
    report = counted(stores, overrides_changed=0, profiles_changed=0)
    return report.profiles, report.prospects, report.visitors


def test_a_robot_is_nobody_a_browser_a_visitor_and_who_does_more_is_a_person(
    stores: Stores,
) -> None:
    flush(
        stores,
        page("robot", "m1", agent=GOOGLE),
        page("robot", "m2", agent=GOOGLE),
        page("looks", "m3"),
        {"type": "track", "anonymousId": "looks", "messageId": "m4", "event": "Time on Page"},
        page("buys", "m5"),
        {"type": "track", "anonymousId": "buys", "messageId": "m6", "event": "Product Added"},
        {"type": "identify", "userId": "ann", "messageId": "m7"},
    )
    assert known(stores) == [(False, 1), (False, 1), (True, 1)]
    assert counts(stores) == (2, 2, 1)
    assert len(rows(stores, "events")) == 7, "nothing is lost"
    document = {"kind": "segment", "name": "seen", "rule": {"event": "Page Viewed"}}
    found = explain(stores, Segment.model_validate(document), as_of=LATER)
    assert (found.members, found.visitors, found.known, found.known_visitors) == (2, 1, 3, 1)
    bring_up_to_date(stores, now=LATER)
    assert known(stores) == [(False, 1), (False, 1), (True, 1)], "as looking at everybody leaves it"
    flush(stores, {"type": "identify", "userId": "bob", "anonymousId": "robot", "messageId": "m8"})
    assert known(stores) == [(False, 1), (False, 1), (False, 1), (True, 1)], (
        "whoever says who they are is somebody, and what their robot did is still not theirs"
    )
    assert counts(stores) == (3, 3, 1)


def test_figures_and_rules_leave_machines_out_unless_they_are_asked_for(stores: Stores) -> None:
    flush(
        stores,
        page("a", "m1", agent=GOOGLE),
        page("a", "m2", agent=GOOGLE),
        page("b", "m3"),
        {"type": "identify", "userId": "ann", "anonymousId": "a", "messageId": "m4"},
        {"type": "identify", "userId": "bob", "anonymousId": "b", "messageId": "m5"},
    )
    viewed: dict[str, Any] = {"event": "Page Viewed"}
    for rule, number in ((viewed, 1), ({**viewed, "machines": True}, 2)):
        segment = Segment.model_validate({"kind": "segment", "name": "seen", "rule": rule})
        assert members(stores, segment, as_of=LATER).num_rows == number
    with open_moment(stores, as_of=LATER) as moment:
        found = features(moment, ["events_30d"]).column("events_30d").to_pylist()
    assert sorted(found) == [1.0, 2.0], "identify messages and one page, of a person"


def test_a_flood_of_ids_without_a_browsers_signs_is_marked_and_given_back(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floods, "FLOOD_IDS_MIN", 20)
    flush(stores, *(page(f"f{n}", f"f{n}") for n in range(12)))
    assert counts(stores) == (0, 0, 12), "so few may be anybody"
    crowd = [page(f"c{n}", f"c{n}", locale="en-GB") for n in range(30)]
    flush(stores, *(page(f"f{n}", f"f{n}") for n in range(12, 30)), *crowd)
    marked = [machine for _, machine in rows(stores, "events", "event_id", "machine") if machine]
    assert marked == ["flood"] * 18
    assert counts(stores) == (0, 0, 12 + 30), (
        "a crowd with one browser, as after an advertisement, is none"
    )
    flush(stores, page("f20", "again"), page("f1", "once more"))
    assert len([m for (m,) in rows(stores, "events", "machine") if m]) == 18, (
        "who comes again does not do so by the dozen"
    )
    assert counts(stores) == (0, 0, 43)
    with open_moment(stores, as_of=LATER) as moment:
        seen = dict(moment.session.rows(_SEEN))
    assert sorted(seen.values()).count(2) == 2, "all they did counts as theirs"
    assert sum(seen.values()) == 12 + 30 + 3
