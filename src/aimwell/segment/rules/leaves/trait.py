"""`trait`: the newest value of a trait, compared."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.trait import TraitRule
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.comparing import compare_text
from aimwell.segment.rules.phrases import both, compared, field_words
from aimwell.segment.rules.scope import Named, People, Scope
from aimwell.store.sql import identifier, sql

__all__ = ["changes", "names", "people", "words"]


def people(rule: TraitRule, scope: Scope) -> People:
    """Whose value compares so."""
    newest = exp.select("profile_id").from_(
        exp.Subquery(
            this=scope.latest_trait(rule.trait), alias=exp.TableAlias(this=identifier("newest"))
        )
    )
    if rule.exists is False:
        return People(newest, inverted=True)
    return People(newest.where(*compare_text(sql("value"), rule), copy=False))


def words(rule: TraitRule) -> str:
    """As "whose country is GB"."""
    return f"whose {trait_words(rule.trait)} {both(compared(rule, 'is'))}"


def trait_words(name: str) -> str:
    """The trait as it is called; between quotation marks where it is no plain word."""
    return name if name.isidentifier() else field_words(name)


def names(rule: TraitRule) -> Iterator[Named]:
    """The trait, and the texts that it is compared with."""
    yield Named(rule.trait, "traits", "name", "No trait '{}' was ever collected.")
    for value in [rule.is_, *(rule.in_ or ())]:
        if isinstance(value, str):
            told = f"Nobody's trait '{rule.trait}' is '{{}}'."
            yield Named(value, "traits", "value", told, (("name", rule.trait),), compared=True)


def changes(rule: TraitRule) -> Changes:
    """By what is said of it."""
    return by_rows("traits", "set_at", only=("name", rule.trait))
