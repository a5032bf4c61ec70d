"""`rfm`: quintiles of recency, frequency and monetary value, and named groups of them."""

from __future__ import annotations

from sqlglot import exp

from aimwell.definitions.leaves.rfm import RfmRule
from aimwell.segment.rules.phrases import both, either, quoted
from aimwell.segment.rules.scope import People, Scope
from aimwell.store.sql import sql

__all__ = ["group_words", "people", "words"]

_GROUPS = {"cant_lose_them": "can't lose them"}


def people(rule: RfmRule, scope: Scope) -> People:
    """Who is in these quintiles and groups."""
    query = exp.select("profile_id").from_(scope.rfm())
    wanted = {"r": rule.rfm.recency, "f": rule.rfm.frequency, "m": rule.rfm.monetary}
    for name, quintiles in wanted.items():
        if quintiles is not None:
            query = query.where(
                sql(":name IN :wanted", name=exp.column(name), wanted=sorted(set(quintiles)))
            )
    if rule.rfm.groups is not None:
        query = query.where(sql('"group" IN :wanted', wanted=list(rule.rfm.groups)))
    return People(query)


def group_words(group: str) -> str:
    """An RFM group as people say it."""
    return _GROUPS.get(group, group.replace("_", " "))


def words(rule: RfmRule) -> str:
    """As "whose recency is in quintile 1 or 2 of 5"."""
    names = {"recency": "recency", "frequency": "frequency", "monetary": "monetary value"}
    parts = [
        f"{name} is in quintile {either(map(str, sorted(set(getattr(rule.rfm, field)))))}"
        for field, name in names.items()
        if getattr(rule.rfm, field) is not None
    ]
    text = f"whose {both(parts)} of 5" if parts else ""
    if rule.rfm.groups is not None:
        groups = f"who are among {either(quoted(group_words(group)) for group in rule.rfm.groups)}"
        return f"{text} and {groups}" if text else groups
    return text
