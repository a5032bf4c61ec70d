"""What somebody did, as a query: events counted, summed, first and last, within and where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlglot import exp

from aimwell.definitions.conditions import CountCondition, parse_moment
from aimwell.definitions.leaves.acts import Acts, Measure
from aimwell.definitions.leaves.base import When
from aimwell.definitions.leaves.event import EventRule
from aimwell.definitions.leaves.event_fields import PRODUCT_FIELDS
from aimwell.segment.rules.comparing import (
    NUMBER_FIELDS,
    compare_number,
    compare_text,
    field_number,
    field_text,
    limits,
)
from aimwell.segment.rules.scope import People, Scope, ago
from aimwell.store.sql import identifier, sql

__all__ = ["acts_query", "count_tests", "event_people", "total", "when_tests"]


def event_people(rule: EventRule, scope: Scope) -> People:
    """The people of an event leaf; one that holds for people who did nothing at all is asked the other way round."""
    query = _rows(rule, scope)
    tests = _aggregates(rule, scope.as_of)
    if not tests:
        return People(query)
    query = query.group_by("profile_id")
    if not _holds_for_nothing(rule):
        return People(query.having(*tests))
    return People(query.having(exp.not_(exp.paren(exp.and_(*tests)))), inverted=True)


def acts_query(acts: Acts, scope: Scope, *, within: timedelta | None = None) -> exp.Select:
    """The rows of acts that are meant, one column `profile_id`; select more of `activity` to them."""
    rule = EventRule(
        event=acts.event, where=acts.where, machines=bool(acts.machines), within=within
    )
    return _rows(rule, scope)


def total(measure: Measure) -> exp.Expr:
    """The aggregate of a measure's value over rows: how many, or the sum of a field (null: nothing to add)."""
    if measure.of == "count":
        return sql("count(*)")
    if measure.of == "gross":
        return sql("sum(revenue + coalesce(discount, 0))")
    return sql("sum(:value)", value=field_number(measure.of))


def _rows(rule: EventRule, scope: Scope) -> exp.Select:
    """The rows that fit, one column `profile_id`, not distinct."""
    stream = scope.activity_of(rule.event)
    asked = [field for field in rule.where or () if rule.is_order and field in PRODUCT_FIELDS]
    if asked:
        stream = exp.Subquery(
            this=_orders_of_products(rule, asked, stream),
            alias=exp.TableAlias(this=identifier("bought")),
        )
    query = exp.select("profile_id").from_(stream, copy=False)
    return query.where(*_filters(rule, scope.as_of, scope.timezone), copy=False)


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
        yield sql("occurred_at >= :start", start=ago(as_of, rule.within))
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
        tests.extend(count_tests(rule.count))
    if rule.sum is not None:
        total = sql("coalesce(sum(:value), 0)", value=field_number(rule.sum.of))
        tests.extend(
            sql(f":total {symbol} :bound", total=total, bound=bound)
            for symbol, bound in limits(rule.sum)
        )
    tests.extend(when_tests(rule.first, sql("min(occurred_at)"), as_of))
    tests.extend(when_tests(rule.last, sql("max(occurred_at)"), as_of))
    return tests


def count_tests(wanted: CountCondition) -> Iterator[exp.Expr]:
    """What must hold for the number of rows."""
    if wanted.exactly is not None:
        yield sql("count(*) = :n", n=wanted.exactly)
    if wanted.at_least is not None:
        yield sql("count(*) >= :n", n=wanted.at_least)
    if wanted.at_most is not None:
        yield sql("count(*) <= :n", n=wanted.at_most)


def when_tests(wanted: When | None, moment: exp.Expr, as_of: datetime) -> Iterator[exp.Expr]:
    """What must hold for a moment in the past."""
    if wanted is None:
        return
    if wanted.within is not None:
        yield sql(":moment >= :start", moment=moment, start=ago(as_of, wanted.within))
    if wanted.before is not None:
        yield sql(":moment < :end", moment=moment, end=ago(as_of, wanted.before))


def _holds_for_nothing(rule: EventRule) -> bool:
    """Whether somebody without any such event fulfils the leaf: a count of 0 and a sum of 0 are enough."""
    if rule.first is not None or rule.last is not None:
        return False
    if rule.count is not None and not rule.count.holds(0):
        return False
    return rule.sum is None or rule.sum.holds(0)
