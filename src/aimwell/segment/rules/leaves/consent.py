"""`consent`: what a person answered when asked for consent."""

from __future__ import annotations

from datetime import timedelta

from sqlglot import exp

from aimwell.definitions.leaves.consent import ConsentRule
from aimwell.segment.rules.changing import Boundary, Changes
from aimwell.segment.rules.phrases import quoted
from aimwell.segment.rules.scope import People, Scope
from aimwell.store.sql import sql

__all__ = ["changes", "people", "words"]


def people(rule: ConsentRule, scope: Scope) -> People:
    """Whose newest answer is that; who never answered is `unknown`."""
    asked = rule.consent
    query = exp.select("profile_id").from_(
        scope.consents(asked.channel, asked.purpose, asked.explicit)
    )
    if asked.state == "unknown":
        return People(query, inverted=True)
    return People(query.where(sql("state = :state", state=asked.state)))


def words(rule: ConsentRule) -> str:
    """As "who granted consent to “marketing” by “email”"."""
    about = f"to {quoted(rule.consent.purpose)}"
    if rule.consent.channel != "any":
        about += f" by {quoted(rule.consent.channel)}"
    if rule.consent.state == "unknown":
        return f"who never answered on consent {about}"
    how = " explicit" if rule.consent.explicit else ""
    return f"who {rule.consent.state}{how} consent {about}"


_LATE = timedelta(minutes=5)


def changes(_rule: ConsentRule) -> Changes:
    """By answers. They come in on many ways, so those of the last minutes are looked at once more."""
    return Changes(frozenset({Boundary("consents", "occurred_at", slack=_LATE)}))
