"""`lifecycle`: who is in one of these stages of a customer's life."""

from __future__ import annotations

from sqlglot import exp

from aimwell.definitions.leaves.lifecycle import LIFE_STAGES, LifecycleRule
from aimwell.segment.rules.changing import BY_OTHERS, Changes, by_rows
from aimwell.segment.rules.phrases import both, either, quoted, span
from aimwell.segment.rules.scope import People, Scope
from aimwell.store.sql import sql

__all__ = ["changes", "people", "words"]

_LEARNED = {"retention", "loyalty"}
"""Stages that hang on how often others order, whatever limits are given."""


def people(rule: LifecycleRule, scope: Scope) -> People:
    """Whose stage, or marketing stage, is one of those."""
    states = scope.lifecycle(rule.active, rule.lapsed)
    stages = [one for one in rule.lifecycle if one in LIFE_STAGES]
    marketing = [one for one in rule.lifecycle if one not in LIFE_STAGES]
    wanted = sql("stage IN :stages OR marketing IN :marketing", stages=stages, marketing=marketing)
    return People(exp.select("profile_id").from_(states).where(wanted, copy=False))


def changes(rule: LifecycleRule) -> Changes:
    """By the person's own orders as they grow old, where no limit is learned from others."""
    if rule.active is None or rule.lapsed is None or _LEARNED & set(rule.lifecycle):
        return BY_OTHERS
    return by_rows("orders", "ordered_at", [rule.active, rule.lapsed]) | by_rows(
        "profiles", "first_seen_at"
    )


def words(rule: LifecycleRule) -> str:
    """As "who are at the stage “lapsing” of the customer's life"."""
    told = f"who are at the stage {either(map(quoted, rule.lifecycle))} of a customer's life"
    given = [
        f"{name} {said} {span(limit)}"
        for name, said, limit in (
            ("active", "for", rule.active),
            ("lapsed", "after", rule.lapsed),
        )
        if limit is not None
    ]
    return f"{told} ({both(given)})" if given else told
