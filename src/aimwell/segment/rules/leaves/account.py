"""`account`: the firm that a person belongs to, and what the person is there."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from aimwell.definitions.leaves.account import AccountRule
from aimwell.definitions.leaves.event_fields import property_keys
from aimwell.segment.rules.changing import Changes, by_rows
from aimwell.segment.rules.comparing import compare_text, field_text
from aimwell.segment.rules.phrases import both, compared, field_words
from aimwell.segment.rules.scope import Named, People, Scope
from aimwell.store.sql import column, sql

__all__ = ["changes", "names", "people", "words"]


def people(rule: AccountRule, _scope: Scope) -> People:
    """Of whose firms one compares so."""
    belongs = sql(
        """
        SELECT profile_id, account_id, arg_max(state, (set_at, received_at, state)) AS state,
               arg_max(role, (set_at, received_at, role)) AS role
        FROM account_members GROUP BY profile_id, account_id
        """
    )
    if rule.account in ("role", "account_id"):
        query = sql("SELECT profile_id FROM :belongs AS b WHERE state = 'member'", belongs=belongs)
        value: exp.Expr = column(rule.account)
    else:
        query = sql(
            """
            SELECT b.profile_id FROM :belongs AS b JOIN (
              SELECT account_id, arg_max(CAST(:fact AS varchar), (set_at, received_at, CAST(:fact AS varchar))) AS fact
              FROM accounts GROUP BY account_id
            ) AS f ON f.account_id = b.account_id
            WHERE b.state = 'member'
            """,
            belongs=belongs,
            fact=field_text(rule.account),
        )
        value = column("fact", "f")
    assert isinstance(query, exp.Select)  # noqa: S101 - the texts above are SELECTs
    if rule.exists is False:
        return People(query.where(sql(":value IS NOT NULL", value=value)), inverted=True)
    return People(query.where(*compare_text(value, rule)))


def words(rule: AccountRule) -> str:
    """As "whose firm's industry is Retail"."""
    if rule.account == "role":
        return f"whose role at their firm {both(compared(rule, 'is'))}"
    name = field_words(rule.account).removeprefix("the ")
    return f"whose firm's {name} {both(compared(rule, 'is'))}"


def names(rule: AccountRule) -> Iterator[Named]:
    """Texts that firms are compared with."""
    if property_keys(rule.account) is not None or rule.account == "size":
        return
    table = "account_members" if rule.account == "role" else "accounts"
    for value in [rule.is_, *(rule.in_ or ())]:
        if isinstance(value, str):
            told = f"No firm's {rule.account} is '{{}}'."
            yield Named(value, table, rule.account, told, compared=True)


def changes(_rule: AccountRule) -> Changes:
    """By what is said of the person's place there, and of any firm."""
    return by_rows("account_members", "set_at", shared=["accounts"])
