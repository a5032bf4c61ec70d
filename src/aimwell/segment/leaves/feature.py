"""`feature`: a figure of a person's history, compared."""

from __future__ import annotations

from sqlglot import exp

from aimwell.definitions.leaves.feature import FeatureRule
from aimwell.segment.comparing import number_tests
from aimwell.segment.phrases import both, limited, quoted
from aimwell.segment.scope import People, Scope
from aimwell.store.sql import sql

__all__ = ["people", "words"]


def people(rule: FeatureRule, scope: Scope) -> People:
    """For whom the feature compares so."""
    query = exp.select("profile_id").from_(scope.feature(rule.feature))
    defined = query.where(sql("value IS NOT NULL"))
    if rule.exists is not None:
        return People(defined, inverted=not rule.exists)
    return People(defined.where(*number_tests(sql("value"), rule)))


def words(rule: FeatureRule) -> str:
    """As "whose feature “orders_90d” is at least 2"."""
    name = f"whose feature {quoted(rule.feature)} is"
    if rule.exists is not None:
        return f"{name} {'known' if rule.exists else 'not known'}"
    return f"{name} {both(limited(rule))}"
