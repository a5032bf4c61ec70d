"""`feature`: a figure of a person's history, compared."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlglot import exp

from aimwell.definitions.leaves.feature import FeatureRule
from aimwell.history.catalogue import FEATURES
from aimwell.segment.rules.changing import BY_OTHERS, Boundary, Changes, by_rows
from aimwell.segment.rules.comparing import number_tests
from aimwell.segment.rules.phrases import both, limited, quoted
from aimwell.segment.rules.scope import People, Scope
from aimwell.store.sql import sql

__all__ = ["changes", "people", "words"]


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


_PARTS = {
    "o": by_rows("orders", "ordered_at"),
    "r": by_rows("orders", "ordered_at"),
    "g": by_rows("orders", "ordered_at"),
    "h": by_rows("orders", "ordered_at"),
    "l": by_rows("order_lines", "ordered_at", shared=["products"]),
    "e": by_rows("events", "occurred_at"),
    "t": by_rows("touches", "occurred_at"),
    "c": by_rows("order_lines", "ordered_at", shared=["products"]),
    "u": by_rows("usage", "occurred_at"),
    "v": by_rows("reviews", "reviewed_at"),
    "a": by_rows("answers", "answered_at"),
    "d": by_rows("payments", "set_at"),
    "y": by_rows("loyalty", "set_at"),
}
_SINCE = {
    "tenure_days": ("profiles", "first_seen_at"),
    "recency_days": ("orders", "ordered_at"),
    "customer_days": ("orders", "ordered_at"),
    "event_recency_days": ("events", "occurred_at"),
    "message_recency_days": ("touches", "occurred_at"),
    "usage_recency_days": ("usage", "occurred_at"),
}
"""Features that are the age of a row: they cross a limit when the row is so old."""

_DAYS_MAX = 1_000_000
"""Nothing grows older."""

_ROUNDING = timedelta(seconds=1)
_LAST_DAYS = re.compile(r"last (\d+) days")


def changes(rule: FeatureRule) -> Changes:
    """By the rows that it is made of, and as these leave its window or reach the age that is compared with."""
    feature = next((one for one in FEATURES if one.name == rule.feature), None)
    if feature is None:
        return BY_OTHERS
    found = Changes()
    for part in feature.parts:
        found |= _PARTS.get(part, BY_OTHERS)
    if feature.name in _SINCE:
        table, time = _SINCE[feature.name]
        for days in _limits(rule):
            span = timedelta(days=days) - _ROUNDING
            found |= Changes(frozenset({Boundary(table, time, span, 2 * _ROUNDING)}))
        return found
    window = _LAST_DAYS.fullmatch(feature.window)
    if window is not None:
        span = timedelta(days=int(window[1])) - _ROUNDING
        return found | Changes(
            frozenset(
                Boundary(one.table, one.time, span, 2 * _ROUNDING) for one in found.boundaries
            )
        )
    return found | Changes(clock=":now" in feature.sql or feature.window != "all before")


def _limits(rule: FeatureRule) -> list[float]:
    """The numbers that it is compared with."""
    given = [rule.above, rule.below, rule.at_least, rule.at_most, *(rule.between or ())]
    return [float(one) for one in given if one is not None and abs(one) < _DAYS_MAX]
