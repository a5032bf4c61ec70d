"""Rules as queries: a leaf is a query of profile ids, the tree around it the algebra of sets.

Every leaf becomes its own `profile_id IN (SELECT …)` over the known people. That is the fastest form for an
engine, and it keeps `not` relative to the known people. A leaf that holds for those who did nothing at all ("at
most twice") is asked the other way round: not in the set of those who break it.

The queries read the names that a cut session has bound, and `known` and `rfm`, which the service binds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from sqlglot import exp

from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.rules import (
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
)
from aimwell.errors import SegmentError
from aimwell.segment.comparing import compare_text
from aimwell.segment.event_queries import event_query
from aimwell.stats.buckets import BUCKETS, HEX_DIGITS
from aimwell.store.sql import identifier, sql

__all__ = ["Group", "LeafQuery", "Negation", "Scope", "Tree", "compile_rule", "leaves", "predicate"]


@dataclass(frozen=True)
class Scope:
    """What a rule is compiled for: the moment, the firm's time zone, how to find other segments, and what to read
    for an event's rows and for the values of a trait."""

    as_of: datetime
    timezone: str
    find: Callable[[str], Segment]
    activity_of: Callable[[str], exp.Expr]
    latest_trait: Callable[[str], exp.Expr]


@dataclass(frozen=True)
class LeafQuery:
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


Tree = LeafQuery | Group | Negation


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
        return _trait(rule, scope, path)
    if isinstance(rule, EventRule):
        query, inverted = event_query(
            rule,
            as_of=scope.as_of,
            timezone=scope.timezone,
            stream=scope.activity_of(rule.event),
        )
        return LeafQuery(path, rule, query, inverted)
    if isinstance(rule, RfmRule):
        return _rfm(rule, path)
    if isinstance(rule, BucketRule):
        return _bucket(rule, path)
    if isinstance(rule, SegmentRule):
        return _segment(rule, scope, path, around)
    assert_never(rule)


def _segment(rule: SegmentRule, scope: Scope, path: str, around: tuple[str, ...]) -> LeafQuery:
    if rule.segment in around:
        way = " → ".join([*around[around.index(rule.segment) :], rule.segment])
        raise SegmentError(
            f"Segments refer to each other in a circle: {way}. Take one of these references away."
        )
    inner = scope.find(rule.segment).rule
    return LeafQuery(path, rule, inner=_compile(inner, scope, "rule", (*around, rule.segment)))


def _trait(rule: TraitRule, scope: Scope, path: str) -> LeafQuery:
    newest = exp.select("profile_id").from_(
        exp.Subquery(
            this=scope.latest_trait(rule.trait), alias=exp.TableAlias(this=identifier("newest"))
        )
    )
    if rule.exists is False:
        return LeafQuery(path, rule, newest, inverted=True)
    return LeafQuery(path, rule, newest.where(*compare_text(sql("value"), rule), copy=False))


def _rfm(rule: RfmRule, path: str) -> LeafQuery:
    query = exp.select("profile_id").from_("rfm")
    wanted = {"r": rule.rfm.recency, "f": rule.rfm.frequency, "m": rule.rfm.monetary}
    for name, quintiles in wanted.items():
        if quintiles is not None:
            query = query.where(
                sql(":name IN :wanted", name=exp.column(name), wanted=sorted(set(quintiles)))
            )
    if rule.rfm.groups is not None:
        query = query.where(sql('"group" IN :wanted', wanted=list(rule.rfm.groups)))
    return LeafQuery(path, rule, query)


def _bucket(rule: BucketRule, path: str) -> LeafQuery:
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
    return LeafQuery(path, rule, query)


# --- the algebra ----------------------------------------------------------------------------------------


def predicate(tree: Tree) -> exp.Expr:
    """What must hold for a row of `known` (its `profile_id`); made anew each time."""
    if isinstance(tree, Negation):
        return _not(predicate(tree.part))
    if isinstance(tree, Group):
        join = exp.and_ if tree.kind == "all" else exp.or_
        parts = [predicate(part) for part in tree.parts]
        return exp.paren(join(*parts, copy=False), copy=False)
    if tree.inner is not None:
        return exp.paren(predicate(tree.inner), copy=False)
    assert tree.query is not None  # noqa: S101 - a leaf has a query or an inner tree
    inside = sql("profile_id IN :people", people=tree.query)
    return exp.not_(inside, copy=False) if tree.inverted else inside


def _not(test: exp.Expr) -> exp.Expr:
    return exp.not_(exp.paren(test, copy=False), copy=False)


def leaves(tree: Tree) -> Iterator[LeafQuery]:
    """Every leaf in the order of the document; another segment is one leaf."""
    if isinstance(tree, Negation):
        yield from leaves(tree.part)
    elif isinstance(tree, Group):
        for part in tree.parts:
            yield from leaves(part)
    else:
        yield tree
