"""Rules as queries: a leaf is a query of profile ids, the tree around it the algebra of sets.

Every leaf becomes its own `profile_id IN (SELECT …)` over the known people. That is the fastest form for an
engine, and it keeps `not` relative to the known people. A leaf that holds for those who did nothing at all ("at
most twice") is asked the other way round: not in the set of those who break it.

The queries read the names that a cut session has bound, and `known` and `rfm`, which the service binds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, assert_never
from zoneinfo import ZoneInfo

from sqlglot import exp

from aimwell.definitions.conditions import CountCondition, parse_moment
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.rules import (
    PRODUCT_FIELDS,
    All,
    AnyOf,
    BucketRule,
    EventRule,
    Leaf,
    Not,
    RfmRule,
    Rule,
    SegmentRule,
    TraitRule,
    When,
)
from aimwell.errors import SegmentError
from aimwell.history.moment import latest_trait
from aimwell.segment.comparing import (
    NUMBER_FIELDS,
    compare_number,
    compare_text,
    field_number,
    field_text,
    limits,
)
from aimwell.stats.buckets import BUCKETS, HEX_DIGITS
from aimwell.store.sql import identifier, sql

__all__ = ["Group", "Negation", "Scope", "Test", "Tree", "compile_rule", "leaves", "predicate"]


@dataclass(frozen=True)
class Scope:
    """What a rule is compiled for: the moment, the firm's time zone, and how to find other segments."""

    as_of: datetime
    timezone: str
    find: Callable[[str], Segment]


@dataclass(frozen=True)
class Test:
    """A leaf: the people in `query`, or with `inverted` everybody who is not; `inner` for another segment."""

    path: str
    rule: Leaf
    query: exp.Expr | None = None
    inverted: bool = False
    inner: Tree | None = None


@dataclass(frozen=True)
class Group:
    """All or any of several parts."""

    kind: Literal["all", "any"]
    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Negation:
    """Everybody known who is not in the part."""

    part: Tree


Tree = Test | Group | Negation


def compile_rule(rule: Rule, scope: Scope, *, path: str = "rule", name: str | None = None) -> Tree:
    """The tree of queries of a rule.

    Args:
        rule: The rule.
        scope: What it is compiled for.
        path: Where the rule stands in its document.
        name: The segment whose rule it is, so that a circle is noticed.

    Raises:
        SegmentError: Segments refer to each other in a circle.
        UnknownDefinitionError: A segment that the rule asks for is not there.
    """
    return _compile(rule, scope, path, (name,) if name is not None else ())


def _compile(rule: Rule, scope: Scope, path: str, around: tuple[str, ...]) -> Tree:
    if isinstance(rule, All | AnyOf):
        kind: Literal["all", "any"] = "all" if isinstance(rule, All) else "any"
        rules = rule.all if isinstance(rule, All) else rule.any
        parts = [
            _compile(one, scope, f"{path}.{kind}[{number}]", around)
            for number, one in enumerate(rules)
        ]
        return Group(kind, tuple(parts))
    if isinstance(rule, Not):
        return Negation(_compile(rule.not_, scope, f"{path}.not", around))
    if isinstance(rule, TraitRule):
        return _trait(rule, path)
    if isinstance(rule, EventRule):
        return _event(rule, scope, path)
    if isinstance(rule, RfmRule):
        return _rfm(rule, path)
    if isinstance(rule, BucketRule):
        return _bucket(rule, path)
    if isinstance(rule, SegmentRule):
        return _segment(rule, scope, path, around)
    assert_never(rule)


def _segment(rule: SegmentRule, scope: Scope, path: str, around: tuple[str, ...]) -> Test:
    if rule.segment in around:
        way = " → ".join([*around[around.index(rule.segment) :], rule.segment])
        raise SegmentError(
            f"Segments refer to each other in a circle: {way}. Take one of these references away."
        )
    inner = scope.find(rule.segment).rule
    return Test(path, rule, inner=_compile(inner, scope, "rule", (*around, rule.segment)))


def _trait(rule: TraitRule, path: str) -> Test:
    newest = exp.select("profile_id").from_(
        exp.Subquery(this=latest_trait(rule.trait), alias=exp.TableAlias(this=identifier("newest")))
    )
    if rule.exists is False:
        return Test(path, rule, newest, inverted=True)
    return Test(path, rule, newest.where(*compare_text(sql("value"), rule), copy=False))


def _rfm(rule: RfmRule, path: str) -> Test:
    query = exp.select("profile_id").from_("rfm")
    wanted = {"r": rule.rfm.recency, "f": rule.rfm.frequency, "m": rule.rfm.monetary}
    for name, quintiles in wanted.items():
        if quintiles is not None:
            query = query.where(
                sql(":name IN :wanted", name=exp.column(name), wanted=sorted(set(quintiles)))
            )
    if rule.rfm.groups is not None:
        query = query.where(sql('"group" IN :wanted', wanted=list(rule.rfm.groups)))
    return Test(path, rule, query)


def _bucket(rule: BucketRule, path: str) -> Test:
    query = sql(
        """
        SELECT profile_id FROM known
        WHERE CAST('0x' || substr(md5(:salt || profile_id), 1, :digits) AS bigint) % :buckets
              BETWEEN :first AND :last
        """,
        salt=f"{rule.bucket.salt}:",
        digits=HEX_DIGITS,
        buckets=BUCKETS,
        first=rule.bucket.from_,
        last=rule.bucket.to - 1,
    )
    return Test(path, rule, query)


# --- what somebody did ----------------------------------------------------------------------------------


def _event(rule: EventRule, scope: Scope, path: str) -> Test:
    query = exp.select("profile_id").from_(_stream(rule)).where(*_filters(rule, scope))
    tests = _aggregates(rule, scope)
    if not tests:
        return Test(path, rule, query)
    query = query.group_by("profile_id")
    if not _holds_for_nothing(rule):
        return Test(path, rule, query.having(*tests))
    return Test(path, rule, query.having(exp.not_(exp.paren(exp.and_(*tests)))), inverted=True)


def _stream(rule: EventRule) -> exp.Expr:
    if not rule.is_order:
        return exp.Table(this=identifier("activity_others"))
    asked = [field for field in rule.where or () if field in PRODUCT_FIELDS]
    if not asked:
        return exp.Table(this=identifier("activity_orders"))
    return exp.Subquery(
        this=_orders_of_products(rule, asked), alias=exp.TableAlias(this=identifier("bought"))
    )


def _orders_of_products(rule: EventRule, asked: list[str]) -> exp.Expr:
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
        FROM activity_orders AS o
        JOIN :lines AS l ON l.profile_id = o.profile_id AND l.order_id = o.order_id
         AND l.kind = CASE o.event WHEN 'Order Refunded' THEN 'return' ELSE 'sale' END
        """,
        lines=lines,
    )


def _filters(rule: EventRule, scope: Scope) -> Iterator[exp.Expr]:
    yield sql("event = :event", event=rule.event)
    if rule.within is not None:
        yield sql("occurred_at >= :start", start=_ago(scope.as_of, rule.within))
    if rule.between is not None:
        start, end, open_ended = _span(rule.between, scope.timezone)
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


def _aggregates(rule: EventRule, scope: Scope) -> list[exp.Expr]:
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
    tests.extend(_when(rule.first, sql("min(occurred_at)"), scope))
    tests.extend(_when(rule.last, sql("max(occurred_at)"), scope))
    return tests


def _count(wanted: CountCondition) -> Iterator[exp.Expr]:
    if wanted.exactly is not None:
        yield sql("count(*) = :n", n=wanted.exactly)
    if wanted.at_least is not None:
        yield sql("count(*) >= :n", n=wanted.at_least)
    if wanted.at_most is not None:
        yield sql("count(*) <= :n", n=wanted.at_most)


def _when(wanted: When | None, moment: exp.Expr, scope: Scope) -> Iterator[exp.Expr]:
    if wanted is None:
        return
    if wanted.within is not None:
        yield sql(":moment >= :start", moment=moment, start=_ago(scope.as_of, wanted.within))
    if wanted.before is not None:
        yield sql(":moment < :end", moment=moment, end=_ago(scope.as_of, wanted.before))


def _holds_for_nothing(rule: EventRule) -> bool:
    """Whether somebody without any such event fulfils the leaf: a count of 0 and a sum of 0 are enough."""
    if rule.first is not None or rule.last is not None:
        return False
    if rule.count is not None and not rule.count.holds(0):
        return False
    return rule.sum is None or rule.sum.holds(0)


# --- the algebra ----------------------------------------------------------------------------------------


def predicate(tree: Tree) -> exp.Expr:
    """What must hold for a row of `known` (its `profile_id`)."""
    if isinstance(tree, Negation):
        return exp.not_(exp.paren(predicate(tree.part)))
    if isinstance(tree, Group):
        join = exp.and_ if tree.kind == "all" else exp.or_
        return exp.paren(join(*[predicate(part) for part in tree.parts]))
    if tree.inner is not None:
        return exp.paren(predicate(tree.inner))
    assert tree.query is not None  # noqa: S101 - a leaf has a query or an inner tree
    inside = sql("profile_id IN :people", people=tree.query)
    return exp.not_(inside) if tree.inverted else inside


def leaves(tree: Tree) -> Iterator[Test]:
    """Every leaf in the order of the document; another segment is one leaf."""
    if isinstance(tree, Negation):
        yield from leaves(tree.part)
    elif isinstance(tree, Group):
        for part in tree.parts:
            yield from leaves(part)
    else:
        yield tree
