"""What a rule means, the slow way round: a person is looked at alone, with plain Python, row by row."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
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
    firms: list[Row] = field(default_factory=list)
    subscriptions: list[Row] = field(default_factory=list)
    usage: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    consents: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """What a rule needs beyond the person."""

    as_of: datetime
    zone: str
    products: Mapping[str, Row]
    quintiles: Mapping[str, Row]
    segments: Mapping[str, Any]
    features: Mapping[str, Row] = field(default_factory=dict)
    accounts: Mapping[str, Row] = field(default_factory=dict)
    shops: Mapping[str, Row] = field(default_factory=dict)
    people: Sequence[Life] = ()


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
    for kind, test in _OTHERS.items():
        if kind in rule:
            return test(rule, life, world)
    return _event(rule, life, world)


def _rfm(wanted: Row, life: Life, world: World) -> bool:
    own = world.quintiles.get(life.profile_id)
    if own is None:
        return False
    names = {"recency": "r", "frequency": "f", "monetary": "m", "groups": "group"}
    return all(own[short] in wanted[name] for name, short in names.items() if name in wanted)


def _event(rule: Row, life: Life, world: World) -> bool:
    return _together(rule, _rows(rule, life, world), world)


def _rows(rule: Row, life: Life, world: World) -> list[Row]:
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
    return [
        row
        for row in rows
        if all(
            _compare(_field(row, name), test)
            for name, test in rule.get("where", {}).items()
            if not (row["event"].startswith("Order") and name in ("sku", "category"))
        )
    ]


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
                "revenue": sign
                * sum(
                    line["quantity"] * Decimal(line["price"]) - Decimal(line.get("discount", 0))
                    for line in lines
                ),
                "discount": sum((Decimal(line.get("discount", 0)) for line in lines), Decimal(0)),
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


# --- leaves of other tables ------------------------------------------------------------------------------


def _seen(rows: Iterable[Row], name: str, world: World, within: str | None = None) -> list[Row]:
    """Rows before the moment, and not longer before."""
    start = None if within is None else world.as_of - parse_duration(within)
    return [
        row for row in rows if row[name] < world.as_of and (start is None or row[name] >= start)
    ]


def _ago(test: Row, when: datetime, world: World) -> bool:
    ago = world.as_of - when
    return ("within" not in test or ago <= parse_duration(test["within"])) and (
        "before" not in test or ago > parse_duration(test["before"])
    )


def _tests(rule: Row) -> Row:
    names = ("is", "in", "above", "below", "at_least", "at_most", "between", "exists")
    return {name: rule[name] for name in names if name in rule}


def _any(values: Sequence[Any], test: Row) -> bool:
    """Whether one of the known values compares so; without any only `exists: false`."""
    known = [value for value in values if value is not None]
    if test.get("exists") is False:
        return not known
    return any(_compare(str(value), test) for value in known)


def _sequence(rule: Row, life: Life, world: World) -> bool:
    *steps, last = rule["sequence"]
    within = parse_duration(rule["within"]) if "within" in rule else None
    times = [row["occurred_at"] for row in _rows(steps[0], life, world)]
    times = [time for time in times if "started" not in rule or _ago(rule["started"], time, world)]

    def follow(before: Iterable[datetime], step: Row) -> list[datetime]:
        return [
            row["occurred_at"]
            for row in _rows(step, life, world)
            if any(
                one < row["occurred_at"] and (within is None or row["occurred_at"] - one <= within)
                for one in before
            )
        ]

    for step in steps[1:]:
        times = follow(times, step)
    if "not" not in last:
        return bool(follow(times, last))
    return any(
        not follow([time], last["not"]) and (within is None or time + within < world.as_of)
        for time in times
    )


def _total(measure: Row, rows: Iterable[Row]) -> Decimal | None:
    of, values = measure.get("of", "count"), list(rows)
    if of == "count":
        return Decimal(len(values))
    numbers = [
        (row["revenue"] + row["discount"]) if of == "gross" else _number(_field(row, of))
        for row in values
    ]
    known = [number for number in numbers if number is not None]
    return sum(known, start=Decimal(0)) if known else None


def _trend(rule: Row, life: Life, world: World) -> bool:
    window = parse_duration(rule["window"])
    rows = _rows(rule["trend"], life, world)
    ages = [(world.as_of - row["occurred_at"], row) for row in rows]
    last = _total(rule["trend"], [row for age, row in ages if age <= window]) or Decimal(0)
    before = _total(rule["trend"], [r for age, r in ages if window < age <= 2 * window])
    if before is None or before <= 0:
        return False
    if "falling" in rule:
        return before - last >= Decimal(str(rule["falling"])) * before
    return last - before >= Decimal(str(rule["rising"])) * before


def _ratio(rule: Row, life: Life, world: World) -> bool:
    lately = {"within": rule["within"]} if "within" in rule else {}
    sizes = []
    for name in ("part", "whole"):
        measure = rule["ratio"][name]
        sizes.append(abs(_total(measure, _rows({**measure, **lately}, life, world)) or Decimal(0)))
    if not sizes[1]:
        return False
    tests = {name: str(Decimal(str(bound)) * sizes[1]) for name, bound in _tests(rule).items()}
    return all(
        {
            "above": sizes[0] > Decimal(bound),
            "at_least": sizes[0] >= Decimal(bound),
            "below": sizes[0] < Decimal(bound),
        }[name]
        for name, bound in tests.items()
    )


def _value_of(figure: Row, life: Life, world: World) -> Any:
    if "feature" in figure:
        return world.features[life.profile_id][figure["feature"]]
    lately = {"within": figure["within"]} if "within" in figure else {}
    rows = _rows({**figure["measure"], **lately}, life, world)
    return _total(figure["measure"], rows) if rows else None


def _trait_of(name: str, life: Life, world: World) -> str | None:
    said = [row for row in _seen(life.traits, "set_at", world) if row["name"] == name]
    newest: Row = max(said, key=lambda row: row["set_at"], default={"value": None})
    return newest["value"]


def _percentile(rule: Row, life: Life, world: World) -> bool:
    def group(one: Life) -> Any:
        return _trait_of(rule["by"], one, world) if "by" in rule else ""

    def ranked(one: Life) -> bool:
        return "among" not in rule or fulfils(world.segments[rule["among"]], one, world)

    own, mine = _value_of(rule["percentile"], life, world), group(life)
    if own is None or mine is None or not ranked(life):
        return False
    values = [
        _value_of(rule["percentile"], one, world)
        for one in world.people
        if group(one) == mine and ranked(one)
    ]
    known = [value for value in values if value is not None]
    top = "top" in rule
    ahead = sum(value > own if top else value < own for value in known)
    return ahead < Decimal(str(rule["top"] if top else rule["bottom"])) * len(known)


def _feature(rule: Row, life: Life, world: World) -> bool:
    value = world.features[life.profile_id][rule["feature"]]
    if "exists" in rule:
        return (value is not None) is rule["exists"]
    return value is not None and _compare(repr(value), _tests(rule))


def _score_of(rule: Row, life: Life, world: World) -> float | None:
    rows = [
        r
        for r in _seen(life.scores, "as_of", world, rule.get("within"))
        if r["model"] == rule["score"]
    ]
    newest: Row = max(
        rows, key=lambda row: (row["as_of"], row["version"], row["score"]), default={"score": None}
    )
    return newest["score"]


def _score(rule: Row, life: Life, world: World) -> bool:
    own = _score_of(rule, life, world)
    if own is None:
        return False
    if "as" not in rule:
        return _compare(repr(own), _tests(rule))
    found = [_score_of(rule, one, world) for one in world.people]
    known = [one for one in found if one is not None]
    lower = sum(one < own for one in known)
    if rule["as"] == "decile":
        return _compare(str(1 + 10 * lower // len(known)), _tests(rule))
    return lower >= Decimal(str(rule["at_least"])) * len(known)


def _account(rule: Row, life: Life, world: World) -> bool:
    rows = _seen(life.firms, "set_at", world)
    values = []
    for account in {row["account_id"] for row in rows}:
        own = [row for row in rows if row["account_id"] == account]
        if max(own, key=lambda row: (row["set_at"], row["state"]))["state"] != "member":
            continue
        roles = [row for row in own if row["role"] is not None]
        if rule["account"] != "role":
            values.append(world.accounts[account][rule["account"]])
        elif roles:
            values.append(max(roles, key=lambda row: (row["set_at"], row["role"]))["role"])
    return _any(values, _tests(rule))


def _months_later(time: datetime, months: int) -> datetime:
    years, month = divmod(time.month - 1 + months, 12)
    for days in range(time.day, 27, -1):
        try:
            return time.replace(year=time.year + years, month=month + 1, day=days)
        except ValueError:
            continue
    return time.replace(year=time.year + years, month=month + 1)


def _subscription(rule: Row, life: Life, world: World) -> bool:
    rows = _seen(life.subscriptions, "set_at", world)
    newest = [
        max(
            (row for row in rows if row["subscription_id"] == one),
            key=lambda row: (row["set_at"], row["state"]),
        )
        for one in {row["subscription_id"] for row in rows}
    ]
    return any(_subscribed(rule["subscription"], row, world) for row in newest)


def _subscribed(asked: Row, row: Row, world: World) -> bool:
    now, ended = world.as_of, row["ended_at"]
    state = "ended" if ended is not None and ended <= now else row["state"]
    if row["state"] == "ended" and ended is None:
        ended = row["set_at"]
    for name, value in (("plan", row["plan"]), ("state", state), ("price", row["price"])):
        if name in asked and not _compare(value if value is None else str(value), asked[name]):
            return False
    live = state in ("trial", "active", "past_due")
    if "started" in asked:
        start = row["started_at"]
        if start is None or start >= now or not _ago(asked["started"], start, world):
            return False
    if "ended" in asked and (state != "ended" or not _ago(asked["ended"], ended, world)):
        return False
    if "ends" in asked and not (
        live and ended is not None and ended <= now + parse_duration(asked["ends"]["within"])
    ):
        return False
    if "renews" in asked:
        if not live or row["started_at"] is None or row["period_months"] is None:
            return False
        periods = 0
        while (at := _months_later(row["started_at"], periods * row["period_months"])) < now:
            periods += 1
        return at <= now + parse_duration(asked["renews"]["within"]) and (
            ended is None or at < ended
        )
    return True


def _used(rule: Row, life: Life, world: World) -> Decimal:
    rows = _seen(life.usage, "occurred_at", world, rule.get("within"))
    return sum(
        (Decimal(str(row["amount"])) for row in rows if row["name"] == rule["usage"]), Decimal(0)
    )


def _usage(rule: Row, life: Life, world: World) -> bool:
    own = _used(rule, life, world)
    if "level" not in rule:
        return _compare(str(own), _tests(rule))
    users = [used for one in world.people if (used := _used(rule, one, world)) > 0]
    ahead = sum(used > own if rule["level"] == "heavy" else used < own for used in users)
    return own > 0 and ahead < Decimal(str(rule.get("share", 0.2))) * len(users)


def _payments(rule: Row, life: Life, world: World) -> bool:
    rows = _seen(life.payments, "set_at", world)
    came = []
    for one in {row["payment_id"] for row in rows}:
        own = [row for row in rows if row["payment_id"] == one]
        newest = max(own, key=lambda row: (row["set_at"], row["state"]))
        paid = min((row["set_at"] for row in own if row["state"] == "paid"), default=None)
        due = newest["due_at"]
        if due is not None:
            day = due.astimezone(ZoneInfo(world.zone)).date() + timedelta(days=1)
            until = datetime.combine(day, time(), ZoneInfo(world.zone))
        if newest["state"] == "refunded":
            how = "refunded"
        elif newest["state"] == "paid":
            how = "on_time" if due is None or (paid is not None and paid < until) else "late"
        elif newest["state"] in ("failed", "late") or (due is not None and until <= world.as_of):
            how = "missed"
        else:
            how = "due"
        when = due or paid or newest["set_at"]
        lately = "within" not in rule or when >= world.as_of - parse_duration(rule["within"])
        if (
            how == rule["payments"]
            and lately
            and rule.get("kind", newest["kind"]) == newest["kind"]
        ):
            came.append({"occurred_at": when})
    return _together({"count": rule["count"]} if "count" in rule else {}, came, world)


def _consent(rule: Row, life: Life, world: World) -> bool:
    rows = [
        row
        for row in _seen(life.consents, "occurred_at", world)
        if row["channel"] == rule["consent"]["channel"]
    ]
    state = "unknown"
    if rows:
        state = max(rows, key=lambda row: (row["occurred_at"], row["state"] != "granted"))["state"]
    return bool(state == rule["consent"].get("state", "granted"))


def _survey(rule: Row, life: Life, world: World) -> bool:
    rows = [
        row
        for row in _seen(life.answers, "answered_at", world, rule.get("within"))
        if (row["survey"], row["question"]) == (rule["survey"], rule["question"])
    ]
    newest = max((row["answered_at"] for row in rows), default=None)
    given = [
        row
        for row in rows
        if row["answered_at"] == newest
        and row["applicable"] is not False
        and not (row["value"] is None and row["number"] is None)
    ]
    test = _tests(rule)
    if test.get("exists") is False:
        return not given
    return any(
        _compare(None if value is None else str(value), test)
        for row in given
        for value in (row["value"], row["number"])
    )


def _channel(rule: Row, life: Life, world: World) -> bool:
    rows = [
        row
        for row in _seen(life.events, "occurred_at", world, rule.get("within"))
        if row["event"].endswith(" Clicked") and not row["machine"] and row.get("channel")
    ]
    counts = Counter(row["channel"] for row in rows)
    latest = {name: max(r["occurred_at"] for r in rows if r["channel"] == name) for name in counts}
    best = max(counts, key=lambda name: (counts[name], latest[name], name), default=None)
    return bool(best == rule["channel"])


def _shop(rule: Row, life: Life, world: World) -> bool:
    rows = _seen(life.orders, "occurred_at", world, rule.get("within"))
    bought = [row["shop_id"] for row in rows if row["kind"] == "sale" and row["shop_id"]]
    field_ = rule["shop"]
    known = [one if field_ == "shop_id" else world.shops.get(one, {}).get(field_) for one in bought]
    return _any(known, _tests(rule))


def _freshness(rule: Row, life: Life, world: World) -> bool:
    of = rule["freshness"]
    rows, name = {
        "orders": (life.orders, "occurred_at"),
        "answers": (life.answers, "answered_at"),
        "usage": (life.usage, "occurred_at"),
        None: ([row for row in life.traits if row["name"] == of.get("trait")], "set_at"),
    }[of.get("table")]
    times = [row[name] for row in _seen(rows, name, world)]
    return bool(times) and _ago(rule, max(times), world)


def _distance(rule: Row, life: Life, world: World) -> bool:
    """Everybody's city is Leeds, London or unknown in the town."""
    km = {"Leeds": 0, "London": 270}.get(_trait_of("city", life, world) or "")
    return km is not None and (
        km <= rule["within_km"] if "within_km" in rule else km > rule["beyond_km"]
    )


def _lifecycle(rule: Row, life: Life, world: World) -> bool:
    """No return undoes an order in the town."""

    def times(one: Life) -> list[datetime]:
        return sorted(
            row["occurred_at"]
            for row in one.orders
            if row["kind"] == "sale" and row["occurred_at"] < world.as_of
        )

    counts = sorted(len(times(one)) for one in world.people if times(one))
    usual = counts[max(-(-4 * len(counts) // 5) - 1, 0)] if counts else 0
    active, lapsed = parse_duration(rule["active"]), parse_duration(rule["lapsed"])
    own = times(life)
    if not own:
        return bool({"prospect", "acquisition"} & set(rule["lifecycle"]))
    ago = world.as_of - own[-1]
    back = [two for one, two in pairwise(own) if two - one > lapsed]
    if ago > lapsed:
        stage = "lapsed"
    elif ago > active:
        stage = "lapsing"
    elif world.as_of - own[0] <= active:
        stage = "new"
    else:
        stage = "reactivated" if back and world.as_of - back[-1] <= active else "active"
    marketing = "onboarding" if stage == "new" else "retention"
    if stage in ("active", "reactivated") and len(own) >= max(3, usual):
        marketing = "loyalty"
    return bool({stage, marketing} & set(rule["lifecycle"]))


def _occasion(rule: Row, _life: Life, world: World) -> bool:
    """The only one in town is on the last day of each month, for everybody."""
    today = world.as_of.astimezone(ZoneInfo(world.zone)).date()
    last = today.replace(day=monthrange(today.year, today.month)[1])
    before = today.replace(day=1) - timedelta(days=1)
    within = parse_duration(rule["within"]) if "within" in rule else None
    past = parse_duration(rule["past"]) if "past" in rule else None
    if within is None and past is None:
        within = timedelta(days=14)
    ahead = within is not None and (last - today).days <= within.days
    return ahead or (past is not None and (today - before).days <= past.days)


_OTHERS: Mapping[str, Callable[[Row, Life, World], bool]] = {
    "sequence": _sequence,
    "trend": _trend,
    "ratio": _ratio,
    "percentile": _percentile,
    "feature": _feature,
    "score": _score,
    "account": _account,
    "subscription": _subscription,
    "usage": _usage,
    "payments": _payments,
    "consent": _consent,
    "survey": _survey,
    "channel": _channel,
    "shop": _shop,
    "freshness": _freshness,
    "distance": _distance,
    "lifecycle": _lifecycle,
    "occasion": _occasion,
}
