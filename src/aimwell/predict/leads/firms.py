"""Firms as rows: what their people did before a moment, taken together, what is known of the firm, and whether anybody of it orders after.

A firm's people are its members at the moment. Firms of which somebody has ordered before are no leads and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.history.features import features_query
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.questions import Question, doers_ahead
from aimwell.predict.tables import FeatureTable
from aimwell.store.lake import Snapshot
from aimwell.store.sql import cast, column, identifier, sql
from aimwell.store.stores import Stores

__all__ = ["FIRM_FEATURES", "RECENCY", "Firms", "firm_words", "read_firms"]

RECENCY = "event_recency_days:least"
"""How long ago anybody of the firm last visited: the bands of the rule that a model has to beat."""

_HOW = {
    "sum": "of all its people",
    "largest": "the largest of its people's",
    "least": "the least of its people's",
}
_PEOPLE_FEATURES: dict[str, tuple[str, ...]] = {
    "events_30d": ("sum",),
    "events_90d": ("sum", "largest"),
    "product_views_30d": ("sum",),
    "cart_adds_30d": ("sum",),
    "searches_30d": ("sum",),
    "opens_90d": ("sum",),
    "clicks_30d": ("sum",),
    "clicks_90d": ("sum", "largest"),
    "messages_sent_90d": ("sum",),
    "event_recency_days": ("least",),
    "message_recency_days": ("least",),
    "tenure_days": ("largest", "least"),
}
_FUNCTIONS = {"sum": exp.Sum, "largest": exp.Max, "least": exp.Min}
_OWN = {
    "people": "people of the firm who are known",
    "active_people_90d": "people of the firm who did anything in 90 days",
    "size": "employees",
}
_WORD_FACTS = ("industry", "country")

FIRM_FEATURES: tuple[str, ...] = (
    *_OWN,
    *(f"{name}:{how}" for name, ways in _PEOPLE_FEATURES.items() for how in ways),
)
"""Features of every firm, beside one for each industry and country that was learnt from."""

_WORDS_MAX = 12
"""So many industries, and as many countries, have a feature of their own: those with most firms."""


@dataclass(frozen=True, slots=True, eq=False)
class Firms:
    """Firms that have not ordered, by id: `facts` (account_id, name, industry, country, people, last_visit_days) and features."""

    facts: pa.Table
    table: FeatureTable

    @property
    def ids(self) -> pa.Array:
        """Of the firms."""
        return self.facts.column("account_id").combine_chunks()


def firm_words(name: str) -> str:
    """A feature in words."""
    if name in _OWN:
        return _OWN[name]
    plain, _, how = name.partition(":")
    return f"its {plain} is {how}" if plain in _WORD_FACTS else f"{plain}, {_HOW[how]}"


def read_firms(
    stores: Stores,
    *,
    as_of: datetime,
    horizon: timedelta,
    question: Question,
    outcome: bool,
    names: Sequence[str] | None = None,
    snapshot: Snapshot | None = None,
    since: datetime | None = None,
) -> Firms:
    """The firms that were known and had not ordered.

    Args:
        stores: The workspace.
        as_of: The cut.
        horizon: How far the outcome looks, or would look.
        question: What anybody of a firm does or does not do.
        outcome: Read what they did, too.
        names: Features; default: all, with the industries and countries that most firms have.
        snapshot: Versions of the lake's tables; default: the newest.
        since: As if records had begun then; default: everything.
    """
    with open_moment(
        stores,
        as_of=as_of,
        horizon=horizon if outcome else None,
        snapshot=snapshot,
        since=since,
        engine=stores.history_engine,
    ) as moment:
        moment.bind_profiles()
        moment.materialise_once("firm_people", _firm_people)
        table = moment.session.table(_firms(moment))
        happened = None
        if outcome:
            happened = _happened(moment, question, table.column("account_id"))
    chosen = tuple(names) if names is not None else (*FIRM_FEATURES, *_words_of(table))
    values = np.column_stack([_values(table, name) for name in chosen])
    facts = table.select(["account_id", "name", *_WORD_FACTS, "people"])
    facts = facts.append_column("last_visit_days", table.column(RECENCY))
    return Firms(facts, FeatureTable(chosen, values, as_of.astimezone(UTC), horizon, happened))


def _firm_people() -> exp.Expr:
    """Who belongs to which firm at the moment: account_id, profile_id."""
    return sql(
        """
        SELECT account_id, profile_id FROM (
          SELECT account_id, profile_id, arg_max(state, (set_at, received_at, state)) AS state
          FROM account_members WHERE profile_id IS NOT NULL GROUP BY account_id, profile_id
        ) AS m
        WHERE state = 'member'
        """
    )


def _firms(moment: Moment) -> exp.Expr:
    """One row a firm that has not ordered: account_id, name, facts, and FIRM_FEATURES."""
    people = exp.select("f.*").from_(features_query(moment, list(_PEOPLE_FEATURES)).subquery("f"))
    query = exp.select(
        column("account_id", "i"),
        *[column(name, "a") for name in ("name", *_WORD_FACTS)],
        exp.alias_(cast(column("size", "a"), "double"), "size"),
        exp.alias_(sql("coalesce(g.people, 0)"), "people"),
        exp.alias_(sql("coalesce(g.active, 0)"), "active_people_90d"),
        *[
            exp.alias_(column(f"{name}:{how}", "g"), f"{name}:{how}", quoted=True)
            for name, ways in _PEOPLE_FEATURES.items()
            for how in ways
        ],
    )
    grouped = exp.select(
        "m.account_id",
        exp.alias_(sql("CAST(count(*) AS double)"), "people"),
        exp.alias_(
            sql("CAST(sum(CASE WHEN f.events_90d > 0 THEN 1 ELSE 0 END) AS double)"), "active"
        ),
        *[
            exp.alias_(_FUNCTIONS[how](this=column(name, "f")), f"{name}:{how}", quoted=True)
            for name, ways in _PEOPLE_FEATURES.items()
            for how in ways
        ],
    )
    grouped = grouped.from_("firm_people AS m").join(
        people.subquery("f"), on="f.profile_id = m.profile_id", join_type="left"
    )
    return (
        query.from_(exp.Subquery(this=_ids(), alias=exp.TableAlias(this=identifier("i"))))
        .join(_facts().subquery("a"), on="a.account_id = i.account_id", join_type="left")
        .join(
            grouped.group_by("m.account_id").subquery("g"),
            on="g.account_id = i.account_id",
            join_type="left",
        )
        .order_by("i.account_id")
    )


def _ids() -> exp.Expr:
    """Firms that are known, and of which nobody has ordered."""
    return sql(
        """
        SELECT k.account_id FROM (
          SELECT account_id FROM accounts UNION SELECT account_id FROM firm_people
        ) AS k
        ANTI JOIN (
          SELECT m.account_id FROM firm_people AS m
          JOIN purchases AS p ON p.profile_id = m.profile_id AND p.kept
        ) AS b ON b.account_id = k.account_id
        """
    )


def _facts() -> exp.Select:
    newest = {
        name: sql("arg_max(:fact, (set_at, received_at, :fact))", fact=column(name))
        for name in ("name", *_WORD_FACTS, "size")
    }
    return (
        exp.select("account_id", *[exp.alias_(value, name) for name, value in newest.items()])
        .from_("accounts")
        .group_by("account_id")
    )


def _happened(moment: Moment, question: Question, ids: pa.ChunkedArray) -> np.ndarray:
    doers = pa.table({"profile_id": pa.array(sorted(doers_ahead(moment, question)), pa.string())})
    moment.session.bind("doers", doers)
    rows = moment.session.rows(
        sql(
            "SELECT DISTINCT m.account_id FROM firm_people AS m JOIN doers AS d ON d.profile_id = m.profile_id"
        )
    )
    did = pa.array(sorted(row[0] for row in rows), pa.string())
    return np.asarray(
        pc.is_in(ids.combine_chunks(), did).to_numpy(zero_copy_only=False), dtype=bool
    )


def _words_of(table: pa.Table) -> list[str]:
    """A feature for each of the commonest industries and countries."""
    found = []
    for fact in _WORD_FACTS:
        counted = pc.value_counts(table.column(fact).combine_chunks().drop_null()).to_pylist()
        most = sorted(counted, key=lambda one: (-one["counts"], one["values"]))[:_WORDS_MAX]
        found += sorted(f"{fact}:{one['values']}" for one in most)
    return found


def _values(table: pa.Table, name: str) -> np.ndarray:
    plain, _, word = name.partition(":")
    if plain not in _WORD_FACTS:
        numbers = table.column(name).cast(pa.float64())
        return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
    same = pc.equal(table.column(plain), word).cast(pa.float64())
    return np.asarray(same.to_numpy(zero_copy_only=False), dtype=np.float64)
