"""How a rule comes to its members: each leaf is computed once, and every count is read off from that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlglot import exp

from aimwell.definitions.rules import Rule
from aimwell.segment.model import Explanation, LeafCount
from aimwell.segment.rules.queries import Group, LeafQuery, Negation, Tree, leaves, predicate
from aimwell.segment.rules.words import describe, describe_leaf
from aimwell.store.engine import Session
from aimwell.store.sql import identifier, sql

__all__ = ["explain_rule", "explained_members"]


def explain_rule(
    session: Session, rule: Rule, tree: Tree, *, segment: str | None, as_of: datetime
) -> Explanation:
    """Counts of every leaf, in a session where `known` and what the tree reads are bound."""
    tests = list(leaves(tree))
    names = {id(test): f"leaf_{number}" for number, test in enumerate(tests)}
    flags = [exp.alias_(predicate(test), names[id(test)]) for test in tests]
    session.materialise("leaf_flags", exp.select("profile_id", "visitor", *flags).from_("known"))
    everyone = set(names)
    visitors, inside = exp.column("visitor"), _kept(tree, everyone, names)
    wanted: list[exp.Expr | None] = [visitors, _both(visitors, inside), None, inside]
    for number, test in enumerate(tests):
        wanted.append(_flag(test, names))
        wanted.append(_kept(tree, {id(one) for one in tests[: number + 1]}, names))
        wanted.append(_kept(tree, everyone - {id(test)}, names))
    known_visitors, visitors_inside, *counts = _counted(session, wanted)
    known, members = counts[0], counts[1]
    counted = tuple(
        LeafCount(test.path, describe_leaf(test.rule), *counts[2 + 3 * number : 5 + 3 * number])
        for number, test in enumerate(tests)
    )
    most_excluding = _most_excluding(counted, members)
    return Explanation(
        segment=segment,
        as_of=as_of,
        words=describe(rule),
        known=known,
        members=members,
        leaves=counted,
        most_excluding=most_excluding,
        note=_note(known, members, len(counted), most_excluding),
        visitors=visitors_inside,
        known_visitors=known_visitors,
    )


def explained_members(tree: Tree) -> exp.Expr:
    """After `explain_rule` in the same session: who fulfils the rule, read off from what is known of each leaf."""
    names = {id(test): f"leaf_{number}" for number, test in enumerate(leaves(tree))}
    inside = _kept(tree, set(names), names)
    return exp.select("profile_id").from_("leaf_flags").where(inside)


def _both(one: exp.Expr, other: exp.Expr | None) -> exp.Expr:
    return one if other is None else exp.and_(one, other)


def _most_excluding(counted: Sequence[LeafCount], members: int) -> LeafCount | None:
    if len(counted) == 1:
        return None  # there is no other to compare it with, and without it there is no rule
    worst = max(counted, key=lambda leaf: leaf.without)
    return worst if worst.without > members else None


def _note(known: int, members: int, leaves: int, most_excluding: LeafCount | None) -> str | None:
    if members:
        return None
    if not known:
        return "Nobody was known before this moment. Collect data and unify it, or take a later moment."
    if leaves == 1:
        return "Nobody fulfils this rule."
    if most_excluding is None:
        return "Nobody fulfils this rule, and leaving out any one part of it changes nothing."
    return (
        f"Nobody fulfils this rule. Without {most_excluding.path} ({most_excluding.words}) there would be "
        f"{most_excluding.without:,} people."
    )


def _flag(test: LeafQuery, names: dict[int, str]) -> exp.Expr:
    return exp.column(identifier(names[id(test)]))


def _kept(tree: Tree, kept: set[int], names: dict[int, str]) -> exp.Expr | None:
    """What must hold where only the `kept` leaves are asked; None: nothing."""
    if isinstance(tree, Negation):
        part = _kept(tree.part, kept, names)
        return None if part is None else exp.not_(exp.paren(part))
    if isinstance(tree, Group):
        asked = (_kept(part, kept, names) for part in tree.parts)
        parts = [part for part in asked if part is not None]
        join = exp.and_ if tree.kind == "all" else exp.or_
        return exp.paren(join(*parts)) if parts else None
    return _flag(tree, names) if id(tree) in kept else None


def _counted(session: Session, conditions: list[exp.Expr | None]) -> list[int]:
    """People for each condition (None: all), from one pass."""
    counts = [
        sql("count(*)") if one is None else sql("count(*) FILTER (WHERE :one)", one=one)
        for one in conditions
    ]
    return [int(count) for count in session.rows(exp.select(*counts).from_("leaf_flags"))[0]]
