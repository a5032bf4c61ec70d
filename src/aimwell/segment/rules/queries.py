"""Rules as queries: a leaf is a query of profile ids, the tree around it the algebra of sets.

Every leaf becomes its own `profile_id IN (SELECT …)` over the known people. That is the fastest form for an
engine, and it keeps `not` relative to the known people. A leaf that holds for those who did nothing at all ("at
most twice") is asked the other way round: not in the set of those who break it.

What a leaf asks is said by its module in `leaves`. The queries read the names that a cut session has bound, and `known`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from aimwell.definitions.kinds.privacy_rules import PrivacyRules
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.leaves.consent import Consent, ConsentRule
from aimwell.definitions.leaves.segment import SegmentRule
from aimwell.definitions.rules import All, AnyOf, Not, Rule, asked_segments, walk
from aimwell.definitions.special_data import asks
from aimwell.errors import SegmentError
from aimwell.segment.rules.leaf_kinds import kind_of
from aimwell.segment.rules.scope import Scope
from aimwell.store.sql import sql

__all__ = [
    "Group",
    "LeafQuery",
    "Negation",
    "Tree",
    "compile_rule",
    "every_leaf",
    "inner_rule",
    "leaves",
    "predicate",
]


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

    Returns:
        The tree. Where the rule, or a segment that it asks for, looks at data of a special category, all of it holds
        only for those who consented explicitly: also its `not` says something of a person.

    Raises:
        SegmentError: Segments refer to each other in a circle, or the rule looks at data of a special category for which
            no consent is declared.
        UnknownDefinitionError: A segment that the rule asks for is not there.
    """
    around = (name,) if name is not None else ()
    tree = _compile(rule, scope, path, around)
    gates = [
        _compile(one, scope, "consent", ())
        for one in needed_consents(
            every_leaf(rule, scope.find, path=path, around=around), scope.privacy
        )
    ]
    return Group("all", (tree, *gates)) if gates else tree


def needed_consents(asked: Iterable[tuple[str, Leaf]], privacy: PrivacyRules) -> list[ConsentRule]:
    """The consents without which these leaves may not look at somebody.

    Args:
        asked: Where a leaf stands, and the leaf; see `every_leaf`.
        privacy: Which data need a consent.

    Raises:
        SegmentError: One looks at data of a special category for which no consent is declared.
    """
    purposes: set[str] = set()
    for path, leaf in asked:
        for one in asks(leaf):
            refusal = privacy.refusal(one)
            if refusal is not None:
                raise SegmentError(f"{path}.{one.field}: {refusal}")
            purpose = privacy.purpose(one)
            purposes |= set() if purpose is None else {purpose}
    return [
        ConsentRule(consent=Consent(channel="any", purpose=purpose, explicit=True))
        for purpose in sorted(purposes)
    ]


def every_leaf(
    rule: Rule, find: Callable[[str], Segment], *, path: str = "rule", around: tuple[str, ...] = ()
) -> Iterator[tuple[str, Leaf]]:
    """Where a leaf stands, and the leaf: those of a rule and of all segments that it asks for, in its own words or to rank among.

    Raises:
        SegmentError: Segments refer to each other in a circle.
        UnknownDefinitionError: A segment that the rule asks for is not there.
    """
    for place, node in walk(rule, path):
        if isinstance(node, Leaf) and not isinstance(node, SegmentRule):
            yield place, node
    for _place, asked in asked_segments(rule):
        inner = inner_rule(asked, find, around)
        yield from every_leaf(inner, find, around=(*around, asked.segment))


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
    if isinstance(rule, SegmentRule):
        return _segment(rule, scope, path, around)
    ask = kind_of(rule).people
    assert ask is not None  # noqa: S101 - every leaf but another segment asks for people
    found = ask(rule, scope)
    return LeafQuery(path, rule, found.query, found.inverted)


def _segment(rule: SegmentRule, scope: Scope, path: str, around: tuple[str, ...]) -> LeafQuery:
    inner = inner_rule(rule, scope.find, around)
    return LeafQuery(path, rule, inner=_compile(inner, scope, "rule", (*around, rule.segment)))


def inner_rule(
    rule: SegmentRule, find: Callable[[str], Segment], around: tuple[str, ...] = ()
) -> Rule:
    """The rule of the segment that a leaf asks for, with the parameters that the leaf gives.

    Args:
        rule: The leaf.
        find: Gives a segment by its name.
        around: The segments in whose rules the leaf stands, the outermost first.

    Raises:
        SegmentError: The segment is one of those around.
    """
    if rule.segment in around:
        way = " → ".join([*around[around.index(rule.segment) :], rule.segment])
        raise SegmentError(
            f"Segments refer to each other in a circle: {way}. Take one of these references away."
        )
    return find(rule.segment).with_parameters(rule.parameters or {}).rule


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
