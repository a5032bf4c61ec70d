"""What somebody did, as a query: events counted, summed, first and last, within and where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlglot import exp

from aimwell.definitions.conditions import CountCondition, parse_moment
from aimwell.definitions.rules import PRODUCT_FIELDS, EventRule, When
from aimwell.errors import SegmentError
from aimwell.segment.comparing import (
    NUMBER_FIELDS,
    compare_number,
    compare_text,
    field_number,
    field_text,
    limits,
)
from aimwell.store.sql import identifier, sql

__all__ = ["event_query"]


def event_query(
    rule: EventRule, *, as_of: datetime, timezone: str, stream: exp.Expr
) -> tuple[exp.Expr, bool]:
    """The people of an event leaf, one column `profile_id`, not distinct.

    Args:
        rule: The leaf.
        as_of: The moment before which everything lies.
        timezone: The firm's, for days.
        stream: What to read: rows of `activity`, with all of the event's among them.

    Returns:
        The query, and whether the leaf holds for those who are *not* in it: one that holds for people who did
        nothing at all ("at most twice") is asked the other way round.
    """
    asked = [field for field in rule.where or () if rule.is_order and field in PRODUCT_FIELDS]
    if asked:
        stream = exp.Subquery(
            this=_orders_of_products(rule, asked, stream),
            alias=exp.TableAlias(this=identifier("bought")),
        )
    query = exp.select("profile_id").from_(stream, copy=False)
    query = query.where(*_filters(rule, as_of, timezone), copy=False)
    tests = _aggregates(rule, as_of)
    if not tests:
        return query, False
    query = query.group_by("profile_id")
    if not _holds_for_nothing(rule):
        return query.having(*tests), False
    return query.having(exp.not_(exp.paren(exp.and_(*tests)))), True


def _orders_of_products(rule: EventRule, asked: list[str], orders: exp.Expr) -> exp.Expr:
    """Orders as if each held only the lines whose product is as asked."""
    lines = sql(
        """
        SELECT l.profile_id, l.order_id, l.kind, sum(l.revenue) AS revenue, sum(l.quantity) AS quantity,
               sum(l.discount) AS discount
        FROM order_lines AS l LEFT JOIN product_facts AS p ON p.sku = l.sku
        WHERE l.goods AND l.profile_id IS NOT NULL
        GROUP BY l.profile_id, l.order_id, l.kind
        """
    )
    assert isinstance(lines, exp.Select)  # noqa: S101 - the text above is a SELECT
    for field in asked:
        assert rule.where is not None  # noqa: S101 - asked comes from it
        value = field_text(field, "l" if field == "sku" else "p")
        lines = lines.where(*compare_text(value, rule.where[field]))
    return sql(
        """
        SELECT o.profile_id, o.event, o.occurred_at, o.order_id, o.coupon, o.shop_id, o.machine, o.properties,
               l.revenue, l.quantity, l.discount
        FROM :orders AS o
        JOIN :lines AS l ON l.profile_id = o.profile_id AND l.order_id = o.order_id
         AND l.kind = CASE o.event WHEN 'Order Refunded' THEN 'return' ELSE 'sale' END
        """,
        orders=orders,
        lines=lines,
    )


def _filters(rule: EventRule, as_of: datetime, timezone: str) -> Iterator[exp.Expr]:
    yield sql("event = :event", event=rule.event)
    if rule.within is not None:
        yield sql("occurred_at >= :start", start=_ago(as_of, rule.within))
    if rule.between is not None:
        start, end, open_ended = _span(rule.between, timezone)
        yield sql("occurred_at >= :start", start=start)
        symbol = "<" if open_ended else "<="
        yield sql(f"occurred_at {symbol} :end", end=end)
    if not rule.machines and not rule.is_order:
        yield sql("NOT machine")
    for field, condition in (rule.where or {}).items():
        if rule.is_order and field in PRODUCT_FIELDS:
            continue
        if field in NUMBER_FIELDS:
            yield from compare_number(field_text(field), condition)
        else:
            yield from compare_text(field_text(field), condition)


def _ago(as_of: datetime, span: timedelta) -> datetime:
    try:
        return as_of - span
    except OverflowError:
        raise SegmentError(
            f"{span.days} days before {as_of:%Y-%m-%d} lie before the calendar; give a shorter span."
        ) from None


def _span(between: tuple[str, str], timezone: str) -> tuple[datetime, datetime, bool]:
    """Start, end, and whether the end itself is left out. Days are the firm's, the last one included."""
    first, last = parse_moment(between[0]), parse_moment(between[1])
    if isinstance(first, datetime) and isinstance(last, datetime):
        return first, last, False
    after = last + timedelta(days=1) if last < date.max else last
    return _midnight(first, timezone), _midnight(after, timezone), True


def _midnight(day: date, timezone: str) -> datetime:
    # Days so far away mean "always"; the clip keeps them inside the calendar in every time zone.
    day = min(max(day, date(1900, 1, 1)), date(9000, 1, 1))
    return datetime.combine(day, time(), tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _aggregates(rule: EventRule, as_of: datetime) -> list[exp.Expr]:
    """What must hold for all events of a person together."""
    tests: list[exp.Expr] = []
    if rule.count is not None:
        tests.extend(_count(rule.count))
    if rule.sum is not None:
        total = sql("coalesce(sum(:value), 0)", value=field_number(rule.sum.of))
        tests.extend(
            sql(f":total {symbol} :bound", total=total, bound=bound)
            for symbol, bound in limits(rule.sum)
        )
    tests.extend(_when(rule.first, sql("min(occurred_at)"), as_of))
    tests.extend(_when(rule.last, sql("max(occurred_at)"), as_of))
    return tests


def _count(wanted: CountCondition) -> Iterator[exp.Expr]:
    if wanted.exactly is not None:
        yield sql("count(*) = :n", n=wanted.exactly)
    if wanted.at_least is not None:
        yield sql("count(*) >= :n", n=wanted.at_least)
    if wanted.at_most is not None:
        yield sql("count(*) <= :n", n=wanted.at_most)


def _when(wanted: When | None, moment: exp.Expr, as_of: datetime) -> Iterator[exp.Expr]:
    if wanted is None:
        return
    if wanted.within is not None:
        yield sql(":moment >= :start", moment=moment, start=_ago(as_of, wanted.within))
    if wanted.before is not None:
        yield sql(":moment < :end", moment=moment, end=_ago(as_of, wanted.before))


def _holds_for_nothing(rule: EventRule) -> bool:
    """Whether somebody without any such event fulfils the leaf: a count of 0 and a sum of 0 are enough."""
    if rule.first is not None or rule.last is not None:
        return False
    if rule.count is not None and not rule.count.holds(0):
        return False
    return rule.sum is None or rule.sum.holds(0)
