"""What stands from a moment on: firms and their people, prices, shops, plans, subscriptions, payments, balances,
outside figures. Kept when it says something new (see `statements`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from sqlglot import exp

from aimwell.collect.fields import under
from aimwell.collect.job import Job
from aimwell.collect.lake_types import cast_to_lake, lake_query
from aimwell.collect.provenance import json_text
from aimwell.collect.statements import ALWAYS, make_news
from aimwell.definitions.kinds.source import Entity
from aimwell.definitions.source_more import MarketEntity
from aimwell.store.sql import column, sql, union_all
from aimwell.store.tables import LAKE_TABLES

__all__ = ["KEYS", "add_members", "add_statements"]

KEYS: Mapping[str, tuple[str, str | None]] = {
    "accounts": ("account_id", None),
    "account_members": ("account_id", "origin_id"),
    "prices": ("sku", "seller"),
    "shops": ("shop_id", None),
    "subscription_plans": ("plan", None),
    "subscriptions": ("subscription_id", None),
    "payments": ("payment_id", None),
    "loyalty": ("origin_id", "programme"),
    "market": ("name", "place"),
}
"""Table → what its statements are about, by one column or two."""

_FROM_COLLECTING = ("subscriptions", "payments", "loyalty")
"""What changes all the time: an undated first statement holds from when it was collected, not always."""

_MARK = "\x1f"


def add_statements(job: Job, entity: Entity, table: str) -> int:
    """Write the statements of `fresh` that say something new; returns how many."""
    return _add(job, table, _SAID.get(table, _plainly)(job, entity, table))


def add_members(job: Job) -> int:
    """Write which firms the people of `told` (account_id, account_role, person, set_at) belong to."""
    role = column("account_role", "f") if "account_role" in job.names else exp.null()
    when = column("set_at", "f")
    values = {"role": role, "state": exp.Literal.string("member")}
    rows = _said(
        "account_members", sql("f.account_id"), sql("o.origin_id"), values, when, of="told"
    )
    return _add(job, "account_members", rows.where("NOT f.account_id IS NULL"))


def _add(job: Job, table: str, said: exp.Query) -> int:
    session = job.session
    session.materialise("said", said)
    session.bind("lake_rows", job.lake(table))
    session.bind("before", _before(job, table))
    first = job.now if table in _FROM_COLLECTING else ALWAYS
    make_news(session, now=job.now, first=first)
    return job.write(table, lake_query(table, _after(table), job.provenance, "news"))


def _facts_of(table: str) -> list[str]:
    """The columns that statements are made of: all but what they are about, when, and where they came from."""
    first, second = KEYS[table]
    left_out = {first, second, "set_at", "source", "load_id", "received_at", "dimension", "key"}
    return [name for name in LAKE_TABLES[table].names if name not in left_out]


def _struct(table: str, values: Mapping[str, exp.Expr]) -> exp.Expr:
    names = _facts_of(table)
    text = ", ".join(f"'{name}': :v_{name}" for name in names)
    parts = {f"v_{name}": cast_to_lake(table, name, values.get(name)) for name in names}
    return sql(f"{{{text}}}", **parts)


def _before(job: Job, table: str) -> exp.Expr:
    first, second = KEYS[table]
    two: exp.Expr = exp.Literal.string("")
    if table == "market":
        two = _place(column("dimension"), column("key"))
    elif second is not None:
        two = sql("coalesce(:x, '')", x=column(second))
    rows = exp.select(
        exp.alias_(column(first), "k1"),
        exp.alias_(two, "k2"),
        exp.alias_(_struct(table, {n: column(n) for n in _facts_of(table)}), "v"),
        "set_at",
    ).from_("lake_rows")
    rows = rows.where(sql("source = :source", source=job.source.name))
    return rows.where("name NOT LIKE 'rate:%'") if table == "market" else rows


def _after(table: str) -> dict[str, exp.Expr]:
    """The lake's columns of `news`."""
    first, second = KEYS[table]
    values: dict[str, exp.Expr] = {name: column(name, "v") for name in _facts_of(table)}
    values |= {first: column("k1"), "set_at": column("set_at")}
    if table == "market":
        values["dimension"] = sql("nullif(split_part(k2, :mark, 1), '')", mark=_MARK)
        values["key"] = sql("nullif(split_part(k2, :mark, 2), '')", mark=_MARK)
    elif second is not None:
        values[second] = sql("nullif(k2, '')")
    return values


def _place(dimension: exp.Expr, key: exp.Expr) -> exp.Expr:
    return sql("concat(:dimension, :mark, :key)", dimension=dimension, mark=_MARK, key=key)


def _said(
    table: str,
    one: exp.Expr,
    two: exp.Expr,
    values: Mapping[str, exp.Expr],
    when: exp.Expr,
    *,
    of: str = "fresh",
) -> exp.Select:
    """`said` (see make_news) of the rows `f` of a view, with their origins `o`."""
    return (
        exp.select(
            "f.n",
            exp.alias_(one, "k1"),
            exp.alias_(two, "k2"),
            exp.alias_(_struct(table, values), "v"),
            exp.alias_(sql("CAST(:moment AS timestamptz)", moment=when), "set_at"),
        )
        .from_(exp.to_table(of).as_("f"))
        .join(exp.to_table("origins").as_("o"), on="o.person = f.person", join_type="left")
    )


def _values(job: Job, table: str) -> dict[str, exp.Expr]:
    values: dict[str, exp.Expr] = {}
    for name in _facts_of(table):
        if name == "properties":
            values[name] = json_text("properties", job.names)
        elif name == "origin_id":
            values[name] = column("origin_id", "o")
        else:
            values[name] = column(name, "f")
    return values


def _plainly(job: Job, _entity: Entity, table: str) -> exp.Query:
    first, second = KEYS[table]
    one = column(first, "o" if first == "origin_id" else "f")
    two: exp.Expr = exp.Literal.string("")
    if second is not None:
        two = sql("coalesce(:x, '')", x=column(second, "o" if second == "origin_id" else "f"))
    return _said(table, one, two, _values(job, table), column("set_at", "f"))


def _subscriptions(job: Job, _entity: Entity, table: str) -> exp.Query:
    """A state holds from `set_at`; else an end from `ended_at`, and what was active before from `started_at`.

    Of a subscription that the lake knows, only its end has such a date: other news hold from now.
    """
    values = _values(job, table)
    job.bind_own("subscriptions", "lake_subscriptions", "subscription_id")
    known = exp.select("subscription_id").distinct().from_("lake_subscriptions")
    job.session.materialise("known_subscriptions", known)
    new = sql("f.subscription_id NOT IN (SELECT subscription_id FROM known_subscriptions)")
    when = sql(
        """
        CASE WHEN f.set_at IS NOT NULL THEN f.set_at
             WHEN f.state = 'ended' AND f.ended_at <= :now THEN f.ended_at
             WHEN f.state IN ('active', 'trial') AND :new THEN f.started_at END
        """,
        now=job.now,
        new=new,
    )
    one, two = sql("f.subscription_id"), exp.Literal.string("")
    now = _said(table, one, two, values, when)
    earlier = {**values, "state": exp.Literal.string("active")}
    del earlier["ended_at"], earlier["reason"]
    started = _said(table, one.copy(), two.copy(), earlier, sql("f.started_at")).where(
        sql(
            "f.set_at IS NULL AND f.started_at IS NOT NULL AND f.state NOT IN ('active', 'trial') AND :new "
            "AND (f.ended_at IS NULL OR f.started_at < f.ended_at)",
            new=new.copy(),
        )
    )
    whole = union_all([now, started])
    assert isinstance(whole, exp.Query)  # noqa: S101 - of SELECTs
    return whole


def _market(job: Job, entity: Entity, table: str) -> exp.Query:
    own = cast(MarketEntity, entity)
    dimension = exp.Literal.string(own.dimension or "")
    two = _place(dimension, sql("coalesce(f.key, '')"))
    measured = under("measured", job.names)
    series: list[tuple[exp.Expr, exp.Expr]] = [
        (exp.Literal.string(last), column(name, "f")) for last, name in measured.items()
    ]
    parts = []
    for name, x in series or [(column("name", "f"), column("value", "f"))]:
        number = sql("TRY_CAST(:x AS double)", x=x)
        values = {
            "value": sql("coalesce(:number, 1)", number=number),
            "text": sql("CASE WHEN :number IS NULL THEN :x END", number=number.copy(), x=x.copy()),
        }
        said = _said(table, name, two.copy(), values, sql("f.set_at"))
        parts.append(
            said.where(sql(":x IS NOT NULL AND :name IS NOT NULL", x=x.copy(), name=name.copy()))
        )
    whole = union_all(list(parts))
    assert isinstance(whole, exp.Query)  # noqa: S101 - of SELECTs
    return whole


_SAID: Mapping[str, Callable[[Job, Entity, str], exp.Query]] = {
    "subscriptions": _subscriptions,
    "market": _market,
}
