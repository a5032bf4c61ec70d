"""Features: each against an independent computation, undefined ones null, and nothing from after the moment seen."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aimwell.errors import HistoryError
from aimwell.history.features import FEATURES, feature_names, features
from aimwell.history.moment import open_moment
from aimwell.store.stores import Stores
from shop import (
    add_events,
    add_orders,
    add_people,
    add_products,
    add_touches,
    append,
    day,
    make_stores,
    merge_people,
    origin,
)

ZONE = "America/New_York"
AS_OF = day(800.3)
Row = dict[str, Any]
FURTHER = ("subscriptions", "usage", "reviews", "answers", "payments", "loyalty")


def by_person(stores: Stores, as_of: datetime, names: list[str] | None = None) -> dict[str, Row]:
    with open_moment(stores, as_of=as_of) as moment:
        table = features(moment, names)
    ids = table.column("profile_id").to_pylist()
    assert ids == sorted(ids)
    return {row.pop("profile_id"): row for row in table.to_pylist()}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, dict[str, Row]]]:
    """A workspace of forty people with random lives, and those lives as plain rows."""
    stores = make_stores(tmp_path_factory.mktemp("history"), timezone=ZONE)
    lives = {f"person {number}": _life(random.Random(number)) for number in range(40)}  # noqa: S311
    add_products(stores, [{"sku": f"sku {n}", "category": f"category {n % 3}"} for n in range(6)])
    add_people(stores, [{"customer": name, "first_seen_at": day(-3.25)} for name in lives])
    add_orders(
        stores,
        [{"customer": name, **row} for name, life in lives.items() for row in life["orders"]],
    )
    add_events(
        stores,
        [{"customer": name, **row} for name, life in lives.items() for row in life["events"]],
    )
    add_touches(
        stores,
        [{"customer": name, **row} for name, life in lives.items() for row in life["touches"]],
    )
    for table in FURTHER:
        rows = [
            {"origin_id": origin(stores, name), **row}
            for name, life in lives.items()
            for row in life[table]
        ]
        append(stores, table, rows)
    yield stores, lives
    stores.close()


def _life(draw: random.Random) -> Row:
    orders: list[Row] = []
    for number in range(draw.choice([0, 1, 2, 5, 9])):
        key = f"{draw.random()}"
        lines = [
            {
                "sku": draw.choice([f"sku {n}" for n in range(8)]),
                "quantity": draw.randint(1, 4),
                "unit_price": draw.randint(0, 900) / 100,
                "discount": draw.choice([0, 0, 0.01]),
            }
            for _ in range(draw.randint(1, 3))
        ]
        when = day(draw.uniform(0, 900) if number else draw.uniform(0, 300))
        coupon = draw.choice([None, "SPRING"])
        orders.append({"order_id": key, "ordered_at": when, "lines": lines, "coupon": coupon})
        if draw.random() < 0.4:
            back = lines if draw.random() < 0.5 else lines[:1]
            linked = draw.choice([key, None])
            later = when + timedelta(days=draw.uniform(0, 40))
            orders.append(
                {
                    "order_id": f"R{key}",
                    "ordered_at": later,
                    "kind": "return",
                    "lines": back,
                    "original_order_id": linked,
                }
            )
    kinds = ["Product Viewed", "Product Added", "Products Searched", "Login", "Order Completed"]
    sends = ["Email Sent", "Email Opened", "Email Link Clicked", "SMS Sent", "Unsubscribed"]
    return {
        "orders": orders,
        "events": [
            {"event": draw.choice(kinds), "occurred_at": day(draw.uniform(650, 900))}
            for _ in range(draw.choice([0, 3, 12]))
        ],
        "touches": [
            {
                "event": draw.choice(sends),
                "occurred_at": day(draw.uniform(650, 900)),
                "machine": draw.random() < 0.3,
            }
            for _ in range(draw.choice([0, 3, 12]))
        ],
        **_elsewhere(draw),
    }


def _elsewhere(draw: random.Random) -> Row:
    def when() -> datetime:
        return day(draw.uniform(300, 900))

    def some() -> range:
        return range(draw.choice([0, 0, 1, 3]))

    return {
        "subscriptions": [
            {
                "subscription_id": f"{draw.randrange(2)}",
                "state": draw.choice(["trial", "active", "past_due", "paused", "ended"]),
                "started_at": draw.choice([when(), None]),
                "ended_at": draw.choice([when(), None, None]),
                "set_at": when(),
            }
            for _ in some()
        ],
        "usage": [
            {
                "name": "data",
                "amount": draw.choice([0.0, 1.5]),
                "occurred_at": day(draw.uniform(650, 900)),
            }
            for _ in some()
        ],
        "reviews": [
            {
                "review_id": f"{draw.random()}",
                "rating": draw.choice([1.0, 4.0, 5.0, None]),
                "rating_max": 5.0,
                "reviewed_at": when(),
            }
            for _ in some()
        ],
        "answers": [
            {
                "survey": draw.choice("ab"),
                "question": question,
                "answered_at": moment,
                "number": 1.0,
            }
            for moment in [when() for _ in some()]
            for question in ("q1", "q2")
        ],
        "payments": [
            {
                "payment_id": f"{draw.randrange(3)}",
                "kind": "payment",
                "state": draw.choice(["paid", "late", "failed"]),
                "amount": 1,
                "set_at": when(),
            }
            for _ in some()
        ],
        "loyalty": [
            {
                "programme": draw.choice("xy"),
                "balance": draw.choice([0.0, 10.5, 200.25]),
                "set_at": when(),
            }
            for _ in some()
        ],
    }


def _value(row: Row) -> float:
    return round(
        sum(line["quantity"] * line["unit_price"] - line["discount"] for line in row["lines"]), 4
    )


def expected(life: Row, as_of: datetime) -> Row:
    """All features of one life, computed the slow way round."""
    rows = [row for row in life["orders"] if row["ordered_at"] < as_of]
    sales = [row for row in rows if row.get("kind") != "return"]
    returns = [row for row in rows if row.get("kind") == "return"]
    linked = {row["original_order_id"]: _value(row) for row in returns if row["original_order_id"]}
    loose = [row for row in returns if not row["original_order_id"]]
    net = {row["order_id"]: _value(row) - linked.get(row["order_id"], 0.0) for row in sales}
    kept = [
        row
        for row in sales
        if linked.get(row["order_id"], 0.0) == 0.0 or round(net[row["order_id"]], 4) > 0
    ]

    def ago(row: Row) -> float:
        when: datetime = row.get("ordered_at") or row["occurred_at"]
        return (as_of - when) / timedelta(days=1)

    def money(days: float) -> float:
        return sum(net[row["order_id"]] for row in sales if ago(row) <= days) - sum(
            _value(row) for row in loose if ago(row) <= days
        )

    found: Row = {"tenure_days": (as_of - day(-3.25)) / timedelta(days=1)}
    n = len(kept)
    times = sorted(row["ordered_at"] for row in kept)
    found["orders"] = n
    found["revenue"] = money(math.inf)
    found["recency_days"] = (as_of - times[-1]) / timedelta(days=1) if n else None
    found["customer_days"] = (as_of - times[0]) / timedelta(days=1) if n else None
    found["average_order_value"] = found["revenue"] / n if n else None
    found["largest_order_value"] = max(net[row["order_id"]] for row in kept) if n else None
    for days in (30, 90, 365):
        found[f"orders_{days}d"] = sum(ago(row) <= days for row in kept)
        found[f"revenue_{days}d"] = money(days)
    span = (times[-1] - times[0]) / timedelta(days=1) if n else 0
    found["gap_mean_days"] = span / (n - 1) if n > 1 else None
    found["gap_last_days"] = (times[-1] - times[-2]) / timedelta(days=1) if n > 1 else None
    found["overdue"] = found["recency_days"] / found["gap_mean_days"] if n > 1 else None
    gross = sum(map(_value, sales))
    discount = sum(line["discount"] for row in sales for line in row["lines"])
    found["discount_share"] = discount / (gross + discount) if gross + discount else None
    found["coupon_share"] = sum(row["coupon"] is not None for row in kept) / n if n else None
    found["return_share"] = sum(map(_value, returns)) / gross if gross else None
    skus = {line["sku"] for row in sales for line in row["lines"]}
    found["products"] = len(skus)
    found["categories"] = len({int(sku[4:]) % 3 for sku in skus if int(sku[4:]) < 6})
    local = [row["ordered_at"].astimezone(ZoneInfo(ZONE)) for row in kept]
    for name, values in (
        ("hour", [when.hour for when in local if when.time() != time()]),
        ("weekday", [when.isoweekday() for when in local]),
    ):
        counts = Counter(values)
        best = min((-count, value) for value, count in counts.items())[1] if counts else None
        found[f"favourite_{name}"] = best
        found[f"favourite_{name}_share"] = counts[best] / n if best is not None else None
    found["weekend_share"] = sum(when.isoweekday() >= 6 for when in local) / n if n else None
    year = n and found["customer_days"] >= 365
    angles = [2 * math.pi * when.timetuple().tm_yday / 365.25 for when in local]
    found["season_strength"] = (
        math.hypot(sum(map(math.cos, angles)), sum(map(math.sin, angles))) / n
        if year and n > 1
        else None
    )
    found["orders_year_ago_90d"] = sum(275 < ago(row) <= 365 for row in kept) if year else None
    before = sum(90 < ago(row) <= 180 for row in kept)
    found["orders_trend_90d"] = found["orders_90d"] / before if before else None
    lines = [line for row in sales for line in row["lines"]]
    paid: Counter[int] = Counter()
    for line in lines:
        if int(line["sku"][4:]) < 6:
            worth = line["quantity"] * line["unit_price"] - line["discount"]
            paid[int(line["sku"][4:]) % 3] += max(worth, 0)  # type: ignore[assignment]
    whole = sum(paid.values())
    found["favourite_category_share"] = max(paid.values()) / whole if whole else None
    found["unit_price_mean"] = gross / sum(line["quantity"] for line in lines) if lines else None
    return {**found, **_attention(life, as_of), **_further(life, as_of)}


def _further(life: Row, as_of: datetime) -> Row:
    def days(when: datetime) -> float:
        return (as_of - when) / timedelta(days=1)

    def newest(rows: list[Row], key: str) -> list[Row]:
        found: dict[str, Row] = {}
        for row in sorted(rows, key=lambda row: row["set_at"]):
            if row["set_at"] < as_of:
                found[row[key]] = row
        return list(found.values())

    running = [
        row
        for row in newest(life["subscriptions"], "subscription_id")
        if row["state"] in ("trial", "active", "past_due")
        and (row["ended_at"] is None or row["ended_at"] > as_of)
    ]
    begun = [row["started_at"] for row in running if row["started_at"] is not None]
    used = [
        row["occurred_at"]
        for row in life["usage"]
        if row["amount"] > 0 and row["occurred_at"] < as_of
    ]
    reviews = [row for row in life["reviews"] if row["reviewed_at"] < as_of]
    marks = [row["rating"] / 5 for row in reviews if row["rating"] is not None]
    answered = {
        (row["survey"], row["answered_at"]) for row in life["answers"] if row["answered_at"] < as_of
    }
    balances = newest(life["loyalty"], "programme")
    return {
        "subscriptions_running": len(running),
        "subscription_days": days(min(begun)) if begun else None,
        "usage_recency_days": days(max(used)) if used else None,
        "usage_periods_90d": sum(days(when) <= 90 for when in used),
        "reviews_365d": sum(days(row["reviewed_at"]) <= 365 for row in reviews),
        "review_mark_share": sum(marks) / len(marks) if marks else None,
        "surveys_365d": sum(days(when) <= 365 for _survey, when in answered),
        "payments_late_365d": sum(
            row["state"] in ("late", "failed") and days(row["set_at"]) <= 365
            for row in newest(life["payments"], "payment_id")
        ),
        "loyalty_balance": sum(row["balance"] for row in balances) if balances else None,
    }


def _attention(life: Row, as_of: datetime) -> Row:
    def since(rows: list[Row]) -> float | None:
        return min(((as_of - row["occurred_at"]) / timedelta(days=1) for row in rows), default=None)

    def within(rows: list[Row], days: float) -> list[Row]:
        return [row for row in rows if as_of - row["occurred_at"] <= timedelta(days=days)]

    events = [
        row
        for row in life["events"]
        if row["occurred_at"] < as_of and row["event"] != "Order Completed"
    ]
    touches = [row for row in life["touches"] if row["occurred_at"] < as_of and not row["machine"]]
    sent = [row for row in touches if row["event"].endswith(" Sent")]
    found: Row = {
        "event_recency_days": since(events),
        "message_recency_days": since(sent),
        "messages_sent_90d": len(within(sent, 90)),
    }
    named = {
        "product_views": "Product Viewed",
        "cart_adds": "Product Added",
        "searches": "Products Searched",
    }
    for name, event in named.items():
        found[f"{name}_30d"] = len(within([row for row in events if row["event"] == event], 30))
    for days in (30, 90):
        found[f"events_{days}d"] = len(within(events, days))
        for name, suffix in (("opens", " Opened"), ("clicks", " Clicked")):
            hits = [row for row in touches if row["event"].endswith(suffix)]
            found[f"{name}_{days}d"] = len(within(hits, days))
    return found


@pytest.mark.parametrize("as_of", [AS_OF, day(120), day(2000)])
def test_every_feature_is_what_a_plain_computation_gives(
    history: tuple[Stores, dict[str, Row]], as_of: datetime
) -> None:
    stores, lives = history
    found = by_person(stores, as_of)
    assert len(found) == len(lives)
    for name, life in lives.items():
        wanted = expected(life, as_of)
        row = found[origin(stores, name)]
        assert row.keys() == wanted.keys() == set(feature_names())
        for feature, value in wanted.items():
            close = None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6)
            assert row[feature] == close, (name, feature)


def test_orders_that_bear_a_day_and_no_time_tell_no_hour(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone=ZONE)
    midnight = datetime(2026, 1, 3, tzinfo=ZoneInfo(ZONE))
    moments = {"ann": [0, 1, 2, 2.5], "bob": [0, 1]}
    add_orders(
        stores,
        [
            {
                "customer": who,
                "order_id": f"{who}{n}",
                "ordered_at": (midnight + timedelta(days=n)).astimezone(UTC),
                "revenue": 5,
            }
            for who, days in moments.items()
            for n in days
        ],
    )
    names = ["favourite_hour", "favourite_hour_share", "favourite_weekday"]
    found = by_person(stores, day(30), names)
    ann, bob = (found[origin(stores, who)] for who in ("ann", "bob"))
    assert (ann["favourite_hour"], ann["favourite_hour_share"]) == (12, 0.25)
    assert (bob["favourite_hour"], bob["favourite_hour_share"]) == (None, None)
    assert bob["favourite_weekday"] == 6


def test_some_of_those_lives_reach_every_corner(history: tuple[Stores, dict[str, Row]]) -> None:
    _stores, lives = history
    rows = [expected(life, AS_OF) for life in lives.values()]
    for feature in FEATURES:
        values = [row[feature.name] for row in rows]
        assert any(values), f"no life has a {feature.name}"
        assert (None in values) == (feature.undefined != "never"), feature.name


def test_later_rows_change_no_feature(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone=ZONE)
    draw = random.Random(7)  # noqa: S311
    people = [f"person {n}" for n in range(12)]
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in people])

    def live(start: float, end: float, part: str) -> None:
        for name in people:
            when = [day(draw.uniform(start, end)) for _ in range(4)]
            add_orders(
                stores,
                [
                    {
                        "customer": name,
                        "order_id": f"{name}{part}1",
                        "ordered_at": when[0],
                        "lines": [("a", 1, 5)],
                    },
                    {
                        "customer": name,
                        "order_id": f"{name}{part}2",
                        "ordered_at": when[1],
                        "kind": "return",
                        "revenue": 3,
                        "original_order_id": draw.choice([f"{name}early1", None]),
                    },
                    {
                        "customer": name,
                        "order_id": f"{name}early1",
                        "ordered_at": when[1],
                        "kind": "addition",
                        "revenue": 2,
                    },
                ],
            )
            add_events(stores, [{"customer": name, "event": "Login", "occurred_at": when[2]}])
            add_touches(stores, [{"customer": name, "event": "Email Sent", "occurred_at": when[3]}])

    live(0, 100, "early")
    before = by_person(stores, day(100))
    live(100, 300, "late")
    add_products(stores, [{"sku": "a", "category": "new", "set_at": day(100)}])
    add_people(stores, [{"customer": "stranger", "first_seen_at": day(100)}])
    assert by_person(stores, day(100)) == before
    assert by_person(stores, day(101)) != before
    stores.close()


def test_rows_in_another_order_give_the_same_to_the_last_bit(tmp_path: Path) -> None:
    draw = random.Random(7)  # noqa: S311
    orders = [
        {
            "customer": f"person {number % 9}",
            "order_id": f"order {number}",
            "ordered_at": day(draw.uniform(0, 800)),
            "lines": [
                {
                    "sku": f"sku {draw.randint(1, 5)}",
                    "quantity": draw.randint(1, 3),
                    "unit_price": draw.randint(1, 999) / 100,
                }
            ],
        }
        for number in range(400)
    ]
    found = []
    for name, rows in (("as they came", orders), ("backwards", orders[::-1])):
        stores = make_stores(tmp_path / name, timezone=ZONE)
        try:
            add_people(stores, [{"customer": f"person {n}"} for n in range(9)])
            add_orders(stores, rows)
            people = by_person(stores, AS_OF)
        finally:
            stores.close()
        found.append(sorted(people.values(), key=lambda row: row["revenue"]))
    assert len(found[0]) == 9
    assert found[0] == found[1]


def test_merged_people_have_one_row(tmp_path: Path, control_url: str) -> None:
    stores = make_stores(tmp_path, control_url)
    for name, number in (("ann", 1), ("bob", 2)):
        add_orders(
            stores,
            [{"customer": name, "order_id": name, "ordered_at": day(number), "revenue": number}],
        )
    both = merge_people(stores, ["ann", "bob"])
    found = by_person(stores, day(9))
    assert list(found) == [both]
    assert (found[both]["orders"], found[both]["revenue"]) == (2, 3)
    assert found[both]["tenure_days"] == 8
    stores.close()


def test_chosen_features_are_the_same_as_among_all(history: tuple[Stores, dict[str, Row]]) -> None:
    stores, _lives = history
    names = ["overdue", "clicks_90d", "overdue", "tenure_days"]
    everything = by_person(stores, AS_OF)
    for key, row in by_person(stores, AS_OF, names).items():
        assert list(row) == ["overdue", "clicks_90d", "tenure_days"]
        assert row == {name: everything[key][name] for name in row}
    with pytest.raises(HistoryError, match="Did you mean 'recency_days'"):
        by_person(stores, AS_OF, ["recency_day"])


def test_an_empty_workspace_has_no_rows_and_all_columns(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    with open_moment(stores, as_of=datetime(2026, 1, 1, tzinfo=UTC)) as moment:
        table = features(moment)
    assert table.num_rows == 0
    assert table.schema.names == ["profile_id", *feature_names()]
    stores.close()


def test_the_catalogue_says_everything_once() -> None:
    names = feature_names()
    assert len(set(names)) == len(names)
    for feature in FEATURES:
        assert feature.formula
        assert feature.window
        assert feature.undefined
        # The unit or the window stands last in the name, where one could be in doubt.
        if feature.unit == "days":
            assert feature.name.endswith("_days")
        if feature.unit == "share":
            assert feature.name.endswith(("_share", "_strength"))
