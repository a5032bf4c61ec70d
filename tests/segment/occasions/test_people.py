"""When an occasion is for whom: own days, countries, zones, tables, habits, and what people buy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.occasion import Occasion
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.service import apply
from aimwell.errors import DefinitionError, SegmentError
from aimwell.history.moment import open_moment
from aimwell.privacy.vault import keep_people
from aimwell.segment.occasions.people import occasion_days
from aimwell.segment.occasions.service import next_occasions
from aimwell.segment.service import explain, members
from aimwell.store.stores import Stores
from shop import (
    ALWAYS,
    add_orders,
    add_people,
    add_products,
    add_traits,
    append,
    day,
    make_stores,
    origin,
)

NAMES = ("ann", "bob", "cid", "dan", "eve")


def occasion(name: str = "some", **fields: Any) -> Occasion:
    found = check({"kind": "occasion", "name": name, **fields})
    assert isinstance(found, Occasion)
    return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Five people known from 1 January 2026 on, in a firm of London."""
    stores = make_stores(tmp_path_factory.mktemp("town"), timezone="Europe/London", country="GB")
    zones = {"cid": "Pacific/Auckland", "dan": "No/Where"}
    add_people(
        stores,
        [
            {"customer": name, "first_seen_at": day(0), "timezone": zones.get(name)}
            for name in NAMES
        ],
    )
    births = {"ann": "1992-02-29", "bob": "1980-03-05", "cid": "1990-12-31", "dan": "unknown"}
    keep_people(
        stores,
        pa.table(
            {
                "origin_id": [origin(stores, name) for name in births],
                "birth_date": list(births.values()),
            }
        ),
        source="test",
        set_at=day(0),
    )
    countries = {"ann": "GB", "bob": "US", "cid": "NZ", "dan": "Unspecified"}
    add_traits(
        stores,
        [
            {"customer": name, "name": "country", "value": country, "set_at": ALWAYS}
            for name, country in countries.items()
        ],
    )
    yield stores
    stores.close()


def days(stores: Stores, wanted: Occasion, at: datetime) -> dict[str, tuple[Any, Any]]:
    with open_moment(stores, as_of=at) as moment:
        table = moment.session.table(exp.select("*").from_(occasion_days(moment, wanted)))
    by_id = {row["profile_id"]: (row["next_on"], row["previous_on"]) for row in table.to_pylist()}
    return {name: by_id[origin(stores, name)] for name in NAMES if origin(stores, name) in by_id}


def test_who_was_born_on_29_february_keeps_it_every_year(town: Stores) -> None:
    at = datetime(2026, 2, 20, 12, tzinfo=UTC)
    found = days(town, occasion(when={"birthday": "february"}), at)
    assert found["ann"] == (date(2026, 2, 28), date(2025, 2, 28))
    assert found["bob"] == (date(2026, 3, 5), date(2025, 3, 5))
    assert set(found) == {"ann", "bob", "cid"}  # of dan no date can be read, of eve none is known
    march = days(town, occasion(when={"birthday": "march"}), at)
    assert march["ann"] == (date(2026, 3, 1), date(2025, 3, 1))
    leap = days(town, occasion(when={"birthday": "february"}), datetime(2028, 1, 5, tzinfo=UTC))
    assert leap["ann"] == (date(2028, 2, 29), date(2027, 2, 28))


def test_today_is_where_the_person_is(town: Stores) -> None:
    # In Auckland it is already the 31st, in London not; a zone that there is not is the firm's.
    at = datetime(2026, 12, 30, 12, tzinfo=UTC)
    last = occasion(when={"yearly": "12-30"})
    found = days(town, last, at)
    assert found["ann"] == found["dan"] == (date(2026, 12, 30), date(2025, 12, 30))
    assert found["cid"] == (date(2027, 12, 30), date(2026, 12, 30))
    # The night in which clocks change is no other day.
    for hour in (0, 1, 2):
        found = days(town, last, datetime(2026, 10, 25, hour, tzinfo=UTC))
        assert found["ann"] == (date(2026, 12, 30), date(2025, 12, 30))


def test_each_keeps_the_calendar_of_their_country_and_without_one_none(town: Stores) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    mothers = {"common": "mothers-day"}
    found = days(town, occasion(when=mothers), at)
    assert {name: ahead for name, (ahead, _past) in found.items()} == {
        "ann": date(2026, 3, 15),
        "bob": date(2026, 5, 10),
        "cid": date(2026, 5, 10),
    }
    home = days(town, occasion(when=mothers, without_country="home"), at)
    assert home["dan"][0] == home["eve"][0] == date(2026, 3, 15)
    summer = days(town, occasion(when={"season": "summer"}), at)
    assert summer["ann"][0] == date(2026, 6, 1)
    assert summer["cid"][0] == date(2026, 12, 1)


def test_anniversaries_begin_a_year_later(town: Stores) -> None:
    signup = occasion(when={"anniversary": "signup"})
    assert days(town, signup, day(10))["ann"] == (date(2027, 1, 1), None)
    assert days(town, signup, day(400))["ann"] == (date(2028, 1, 1), date(2027, 1, 1))


def test_days_of_tables_are_known_from_when_they_were_told(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in NAMES])
    add_traits(
        stores,
        [{"customer": "ann", "name": "region", "value": "Leeds", "set_at": ALWAYS}],
    )
    rows = [
        ("school", "Leeds", 1.0, "2026-07-22", 5),
        ("school", "York", 1.0, "2026-07-10", 5),
        ("school", "Leeds", 1.0, "2026-07-01", 40),
        ("school", "Leeds", 1.0, "no day", 5),
        ("rain", "Leeds", 30.0, None, 20),
        ("rain", "Leeds", 2.0, None, 25),
    ]
    append(
        stores,
        "market",
        [
            {
                "name": name,
                "dimension": "region",
                "key": key,
                "value": value,
                "text": text,
                "set_at": day(told),
            }
            for name, key, value, text, told in rows
        ],
    )
    school = occasion(when={"calendar": {"series": "school", "trait": "region"}})
    assert days(stores, school, day(30)) == {"ann": (date(2026, 7, 22), None)}
    assert days(stores, school, day(60)) == {"ann": (date(2026, 7, 1), None)}
    wet = {"series": "rain", "trait": "region", "value": {"above": 10}, "within": "7d"}
    assert days(stores, occasion(when={"trigger": wet}), day(22)) == {
        "ann": (None, date(2026, 1, 21))
    }
    assert days(stores, occasion(when={"trigger": wet}), day(26)) == {}  # the newest figure says no
    assert days(stores, occasion(when={"trigger": {**wet, "value": {"above": 1}}}), day(40)) == {}
    stores.close()


def test_a_refill_is_due_one_median_gap_after_the_last(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    bought = {"ann": (0, 30, 58, 90), "bob": (0, 10, 40), "cid": (0, 5)}
    add_products(stores, [{"sku": "bean", "category": "Coffee"}])
    add_orders(
        stores,
        [
            {
                "customer": name,
                "order_id": f"{name} {at}",
                "ordered_at": day(at),
                "lines": [("bean", 1, 5)],
            }
            for name, times in bought.items()
            for at in times
        ]
        + [{"customer": "ann", "order_id": "x", "ordered_at": day(95), "lines": [("mug", 1, 5)]}],
    )
    refill = occasion(when={"replenishment": {"category": "Coffee"}})
    found = days(stores, refill, day(100))
    assert found["ann"] == (date(2026, 5, 1), None)  # gaps of 30, 28 and 32 days
    assert found["bob"] == (None, date(2026, 3, 2))  # 20 days after the last: overdue
    assert "cid" not in found  # one gap is no habit
    stores.close()


def test_a_life_event_is_told_by_signs_with_a_probability_or_not_at_all(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    add_products(
        stores, [{"sku": "cot", "name": "Cot of beech"}, {"sku": "mug", "name": "Cotton mug"}]
    )

    def orders(parents: int) -> list[dict[str, Any]]:
        # A hundred people buy a mug each week; every fiftieth day of buying has a cot, those of new parents lately most.
        rows = []
        for person in range(100):
            for week in range(20):
                new = person < parents and week >= 16
                rare = (person * 7 + week) % 50 == 0
                rows.append(
                    {
                        "customer": f"p{person}",
                        "order_id": f"{person} {week}",
                        "ordered_at": day(week * 7 + person % 5),
                        "lines": [("cot" if new or rare else "mug", 1, 5)],
                    }
                )
        return rows

    add_orders(stores, orders(10))
    baby = occasion(when={"life_event": {"words": ["cot of"], "within": "30d"}})
    apply(stores.control, [baby], now=day(0), by="test")
    found = check({"kind": "segment", "name": "parents", "rule": "occasion(some)"})
    assert isinstance(found, Segment)
    ids = set(members(stores, found, as_of=day(139)).column("profile_id").to_pylist())
    assert ids == {origin(stores, f"p{person}") for person in range(10)}
    # Three months before nobody had more cots than chance brings: nothing can be told.
    assert members(stores, found, as_of=day(105)).num_rows == 0
    stores.close()


def test_a_segment_asks_for_an_occasion_and_says_so(town: Stores) -> None:
    mothers = occasion("mothers-day", when={"common": "mothers-day"}, after="3d")
    eid = occasion("eid", when={"holiday": "Eid al-Fitr"}, religious=True)
    apply(town.control, [mothers, eid], now=day(0), by="test")

    def rule(text: str) -> Segment:
        found = check({"kind": "segment", "name": "soon", "rule": text})
        assert isinstance(found, Segment)
        return found

    def who(text: str, at: datetime) -> set[str]:
        ids = members(town, rule(text), as_of=at).column("profile_id").to_pylist()
        return {name for name in NAMES if origin(town, name) in ids}

    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert who("occasion(mothers-day)", at) == {"ann"}  # its lead time of 14 days
    assert who("occasion(mothers-day)", at - timedelta(days=1)) == set()
    assert who("occasion(mothers-day)", at + timedelta(days=17)) == {"ann"}  # three days after it
    assert who("occasion(mothers-day)", at + timedelta(days=18)) == set()
    assert who("occasion(mothers-day, within: 90d)", at) == {"ann", "bob", "cid"}
    assert who("occasion(mothers-day, past: 7d)", at + timedelta(days=18)) == {"ann"}
    told = explain(town, rule("occasion(mothers-day, within: 14d, buys: 0.5)"), as_of=at)
    assert told.words == (
        "People whose occasion “mothers-day” is within the next 14 days (and who buy for it with a probability of at "
        "least 50 %)."
    )
    with pytest.raises(SegmentError, match="tells of a religion"):
        who("occasion(eid, buys: 0.5)", at)
    with pytest.raises(SegmentError, match="counted in days"):
        who("occasion(mothers-day, within: 5h)", at)
    with pytest.raises(DefinitionError):
        apply(town.control, [rule("occasion(mother-day)")], now=day(0), by="test")


def test_the_next_occasion_of_each_is_the_nearest(town: Stores) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    wanted = [
        occasion("birthday", when={"birthday": "february"}),
        occasion("mothers-day", when={"common": "mothers-day"}),
    ]
    with open_moment(town, as_of=at) as moment:
        rows = next_occasions(moment, wanted).to_pylist()
    found = {row["profile_id"]: (row["occasion"], row["on"], row["days"]) for row in rows}
    assert {name: found.get(origin(town, name)) for name in NAMES} == {
        "ann": ("mothers-day", date(2026, 3, 15), 14),
        "bob": ("birthday", date(2026, 3, 5), 4),
        "cid": ("mothers-day", date(2026, 5, 10), 70),
        "dan": None,
        "eve": None,
    }
