"""Robots: known ones are marked or left out; a flood of ids that nobody has seen does no harm to neighbours."""

from __future__ import annotations

import resource
import time
from datetime import timedelta
from typing import Any

import pytest

from aimwell.collect.tracking.allowance import Allowance
from aimwell.collect.tracking.flush import flush_inbox
from aimwell.collect.tracking.robots import is_robot
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.store.stores import Stores
from tracked import NOW, put, put_bodies, rows

GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        (GOOGLE, True),
        ("Mozilla/5.0 (X11) HeadlessChrome/141.0", True),
        ("facebookexternalhit/1.1", True),
        ("AhrefsBot", True),
        (PERSON, False),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 7)", False),
        ("analytics-python/2.3.4", False),
        ("okhttp/4.9", False),
        ("", False),
    ],
)
def test_known_robots_say_what_they_are(agent: str, robot: bool) -> None:
    assert is_robot(agent) is robot


def seen(number: int, agent: str, **more: Any) -> dict[str, Any]:
    message = {"type": "page", "anonymousId": f"a{number}", "messageId": f"m{number}"}
    return {**message, "context": {"userAgent": agent}, **more}


def test_robots_are_marked_or_left_out_and_people_stay(stores: Stores) -> None:
    put(stores, seen(1, GOOGLE), seen(2, PERSON), seen(3, GOOGLE, userId="ann"))
    report = flush_inbox(stores, now=NOW)
    assert (report.taken, report.robots) == (3, 0)
    marked = dict(rows(stores, "events", "event_id", "machine"))
    assert marked == {"m1": "user_agent", "m2": None, "m3": None}
    source = check({"kind": "source", "name": "web", "tracking": {"robots": False}})
    definitions.apply(stores.control, [source], now=NOW, by="test")
    put(stores, seen(4, GOOGLE), seen(5, PERSON), seen(6, GOOGLE, userId="ann"))
    report = flush_inbox(stores, now=NOW)
    assert (report.messages, report.taken, report.robots, report.duplicates) == (3, 2, 1, 0)
    assert len(rows(stores, "events")) == 5


@pytest.mark.parametrize("ids", [10_000, pytest.param(1_000_000, marks=pytest.mark.long)])
@pytest.mark.timeout(3_600)
def test_a_flood_of_new_ids_is_bounded_and_neighbours_are_unharmed(
    stores: Stores, ids: int
) -> None:
    """What says that it is a robot leaves nothing behind; its neighbours in the same batches all come."""
    source = check({"kind": "source", "name": "web", "tracking": {"robots": False}})
    definitions.apply(stores.control, [source], now=NOW, by="test")
    size = 500
    for start in range(0, ids, 50_000):
        bodies = []
        for first in range(start, min(ids, start + 50_000), size):
            batch = [seen(n, GOOGLE) for n in range(first, first + size)]
            batch.append(seen(ids + first, PERSON, userId=f"u{first // size % 7}"))
            bodies.append(({"batch": batch}, NOW, False))
        put_bodies(stores, bodies)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    report = flush_inbox(stores, now=NOW + timedelta(seconds=1))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (report.robots, report.taken) == (ids, ids // size)
    assert len(report.origins) == 7, "seven people, and no robot among them"
    assert len(rows(stores, "events")) == ids // size
    assert grown < 1_000_000, "kilobytes"
    assert time.monotonic() - began < 30 + ids / 2_000


def test_what_does_not_say_so_is_held_to_its_sources_allowance() -> None:
    allowance = Allowance(100.0)
    taken = sum(allowance.wait_for("web", 1, n / 1_000) == 0.0 for n in range(10_000))
    assert taken <= 100 * 10 + 100 * 10 + 1, "of ten seconds' flood the burst and what is allowed"
    assert allowance.wait_for("shop", 1, 10.0) == 0.0, "another source has its own"
