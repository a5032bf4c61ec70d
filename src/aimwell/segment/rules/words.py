"""A rule as a plain English sentence."""

from __future__ import annotations

from aimwell.definitions.leaves.base import Leaf
from aimwell.definitions.rules import All, AnyOf, Not, Rule
from aimwell.segment.rules.leaf_kinds import kind_of

__all__ = ["describe", "describe_leaf"]


def describe(rule: Rule) -> str:
    """The rule as one sentence, as "People who ordered in the last 30 days."."""
    if isinstance(rule, Not):
        return f"Everyone except people {_inside(rule.not_)}."
    return f"People {_phrase(rule)}."


def describe_leaf(rule: Leaf) -> str:
    """What one leaf asks, as "who ordered in the last 30 days"."""
    return kind_of(rule).words(rule)


def _phrase(rule: Rule) -> str:
    if isinstance(rule, All):
        return ", and ".join(_inside(part) for part in rule.all)
    if isinstance(rule, AnyOf):
        return ", or ".join(_inside(part) for part in rule.any)
    if isinstance(rule, Not):
        return f"not those {_inside(rule.not_)}"
    return describe_leaf(rule)


def _inside(rule: Rule) -> str:
    """The phrase as a part of a larger one; brackets show where a group of several begins and ends."""
    parts = rule.all if isinstance(rule, All) else rule.any if isinstance(rule, AnyOf) else ()
    return f"({_phrase(rule)})" if len(parts) > 1 else _phrase(rule)
