"""`freshness`: how long ago something was last heard of a person."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.freshness import FreshnessRule
from aimwell.history.moment import TIME_COLUMNS
from aimwell.segment.rules.changing import Changes, by_rows, spans_of
from aimwell.segment.rules.event_queries import when_tests
from aimwell.segment.rules.phrases import quoted, when
from aimwell.segment.rules.scope import Named, People, Scope
from aimwell.store.sql import identifier, sql
from aimwell.unify.merging import said_since

__all__ = ["changes", "names", "people", "words"]


def people(rule: FreshnessRule, scope: Scope) -> People:
    """Of whom the newest word came then."""
    table = rule.freshness.table or "traits"
    query = exp.select("profile_id").from_(exp.Table(this=identifier(table)))
    if rule.freshness.trait is not None:
        query = query.where(sql("name = :name", name=rule.freshness.trait))
    if table == "events":
        query = query.where(sql("machine IS NULL"))
    newest = sql("max(:time)", time=_when_said(table, scope))
    query = query.where(sql("profile_id IS NOT NULL")).group_by("profile_id")
    return People(query.having(*when_tests(rule, newest, scope.as_of)))


def _when_said(table: str, scope: Scope) -> exp.Expr:
    """When a row was said; a trait without a date when it came, unless that was after the moment that is looked at."""
    if table != "traits":
        return exp.column(TIME_COLUMNS[table])
    return sql(
        "CASE WHEN received_at < :as_of THEN :since ELSE set_at END",
        as_of=scope.as_of,
        since=said_since(exp.column("set_at"), exp.column("received_at")),
    )


def words(rule: FreshnessRule) -> str:
    """As "of whom the newest word on “country” came in the last 30 days"."""
    of = rule.freshness
    about = f"the trait {quoted(of.trait)}" if of.trait is not None else f"{of.table}"
    return f"of whom the newest word on {about} came {when(rule)}"


def names(rule: FreshnessRule) -> Iterator[Named]:
    """The trait."""
    if rule.freshness.trait is not None:
        yield Named(rule.freshness.trait, "traits", "name", "No trait '{}' was ever collected.")


def changes(rule: FreshnessRule) -> Changes:
    """By such rows, and as they grow old."""
    of = rule.freshness
    table = of.table or "traits"
    only = ("name", of.trait) if of.trait is not None else None
    found = by_rows(table, TIME_COLUMNS[table], spans_of(rule), only=only)
    if table == "traits":
        found |= by_rows(table, "received_at", spans_of(rule), only=only)
    return found
