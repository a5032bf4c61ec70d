"""What a rule means, the slow way round: a person is looked at alone, with plain Python, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.definitions.base import parse_duration
from aimwell.stats.buckets import bucket

__all__ = ["Life", "World", "fulfils"]

Row = dict[str, Any]


@dataclass
class Life:
    """What is known of one person, at all times."""

    profile_id: str
    first_seen_at: datetime
    traits: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """What a rule needs beyond the person."""

    as_of: datetime
    zone: str
    products: Mapping[str, Row]
    quintiles: Mapping[str, Row]
    segments: Mapping[str, Any]


def fulfils(rule: Any, life: Life, world: World) -> bool:
    """Whether the person fulfils the rule, a plain document."""
    if "all" in rule:
        return all(fulfils(part, life, world) for part in rule["all"])
    if "any" in rule:
        return any(fulfils(part, life, world) for part in rule["any"])
    if "not" in rule:
        return not fulfils(rule["not"], life, world)
    if "trait" in rule:
        said = [
            row
            for row in life.traits
            if row["name"] == rule["trait"] and row["set_at"] < world.as_of
        ]
        newest = max(said, key=lambda row: row["set_at"], default={"value": None})["value"]
        return _compare(newest, {key: rule[key] for key in rule if key != "trait"})
    if "segment" in rule:
        return fulfils(world.segments[rule["segment"]], life, world)
    if "bucket" in rule:
        place = bucket(rule["bucket"]["salt"], life.profile_id)
        return bool(rule["bucket"].get("from", 0) <= place < rule["bucket"]["to"])
    if "rfm" in rule:
        return _rfm(rule["rfm"], life, world)
    return _event(rule, life, world)


def _rfm(wanted: Row, life: Life, world: World) -> bool:
    own = world.quintiles.get(life.profile_id)
    if own is None:
        return False
    names = {"recency": "r", "frequency": "f", "monetary": "m", "groups": "group"}
    return all(own[short] in wanted[name] for name, short in names.items() if name in wanted)


def _event(rule: Row, life: Life, world: World) -> bool:
    rows = [row for row in _stream(rule, life, world) if row["occurred_at"] < world.as_of]
    rows = [row for row in rows if rule.get("machines") or not row.get("machine")]
    if "within" in rule:
        start = world.as_of - parse_duration(rule["within"])
        rows = [row for row in rows if row["occurred_at"] >= start]
    if "between" in rule:
        first, last = (date.fromisoformat(day) for day in rule["between"])
        zone = ZoneInfo(world.zone)
        start = datetime.combine(first, time(), zone)
        end = datetime.combine(last + timedelta(days=1), time(), zone)
        rows = [row for row in rows if start <= row["occurred_at"] < end]
    rows = [
        row
        for row in rows
        if all(
            _compare(_field(row, name), test)
            for name, test in rule.get("where", {}).items()
            if not (row["event"].startswith("Order") and name in ("sku", "category"))
        )
    ]
    return _together(rule, rows, world)


def _together(rule: Row, rows: list[Row], world: World) -> bool:
    count, total, when = rule.get("count"), rule.get("sum"), [row["occurred_at"] for row in rows]
    if not any(name in rule for name in ("count", "sum", "first", "last")):
        return bool(rows)
    if count is not None and not (
        len(rows) == count.get("exactly", len(rows))
        and count.get("at_least", 0) <= len(rows) <= count.get("at_most", 10**9)
    ):
        return False
    if total is not None:
        values = [_number(_field(row, total["of"])) for row in rows]
        added = sum((value for value in values if value is not None), start=Decimal(0))
        if not _compare(str(added), {key: total[key] for key in total if key != "of"}):
            return False
    for name, pick in (("first", min), ("last", max)):
        if name in rule:
            if not when:
                return False
            ago = world.as_of - pick(when)
            test = rule[name]
            if "within" in test and ago > parse_duration(test["within"]):
                return False
            if "before" in test and ago <= parse_duration(test["before"]):
                return False
    return True


def _stream(rule: Row, life: Life, world: World) -> list[Row]:
    if not rule["event"].startswith("Order "):
        return [row for row in life.events if row["event"] == rule["event"]]
    asked = {key: test for key, test in rule.get("where", {}).items() if key in ("sku", "category")}
    found = []
    for order in life.orders:
        event = "Order Refunded" if order["kind"] == "return" else "Order Completed"
        lines = [
            line
            for line in order["lines"]
            if all(
                _compare(
                    line["sku"] if key == "sku" else world.products.get(line["sku"], {}).get(key),
                    test,
                )
                for key, test in asked.items()
            )
        ]
        if event != rule["event"] or (asked and not lines):
            continue
        sign = -1 if order["kind"] == "return" else 1
        found.append(
            {
                **order,
                "event": event,
                "revenue": sign * sum(line["quantity"] * Decimal(line["price"]) for line in lines),
                "quantity": sign * Decimal(sum(line["quantity"] for line in lines)),
            }
        )
    return found


def _field(row: Row, name: str) -> Any:
    if not name.startswith("properties."):
        return row.get(name)
    value: Any = row.get("properties") or {}
    for key in name.removeprefix("properties.").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compare(value: Any, test: Row) -> bool:
    if test.get("exists") is False:
        return value is None
    if value is None:
        return False
    wanted = ([test["is"]] if "is" in test else []) or test.get("in")
    if wanted is not None and not any(_same(value, one) for one in wanted):
        return False
    low, high = test.get("between", (None, None))
    limits = [
        ("above", lambda a, b: a > b, test.get("above")),
        ("below", lambda a, b: a < b, test.get("below")),
        ("at_least", lambda a, b: a >= b, test.get("at_least")),
        ("at_most", lambda a, b: a <= b, test.get("at_most")),
        ("low", lambda a, b: a >= b, low),
        ("high", lambda a, b: a <= b, high),
    ]
    return all(_beyond(value, holds, bound) for _name, holds, bound in limits if bound is not None)


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return _text(value).lower() == _text(wanted)
    if isinstance(wanted, str):
        return _text(value) == wanted
    return _number(value) == Decimal(str(wanted))


def _beyond(value: Any, holds: Any, bound: Any) -> bool:
    if isinstance(bound, str):
        try:
            return bool(holds(date.fromisoformat(_text(value)), date.fromisoformat(bound)))
        except ValueError:
            return False
    number = _number(value)
    return number is not None and bool(holds(number, Decimal(str(bound))))
