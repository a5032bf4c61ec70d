"""Amounts that add up: usage and advertising cost. What a source says anew of a period is netted with what it said
before, so that the rows of the lake always sum to its last word."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from aimwell.collect.fields import under
from aimwell.collect.job import Job
from aimwell.collect.lake_types import cast_to_lake, lake_query
from aimwell.store.sql import column, sql, union_all

__all__ = ["add_amounts"]

_ABOUT: Mapping[str, tuple[str, ...]] = {
    "usage": ("origin_id", "name", "unit", "subscription_id", "occurred_at"),
    "ad_spend": ("campaign", "channel", "starts_at", "ends_at"),
}
_SUMS: Mapping[str, tuple[str, ...]] = {
    "usage": ("amount",),
    "ad_spend": ("cost", "impressions", "clicks"),
}
_EXACT = 1e-9


def add_amounts(job: Job, table: str) -> int:
    """Write the differences between what `fresh` says of each period and what the lake's rows come to."""
    session, about, sums = job.session, _ABOUT[table], _SUMS[table]
    session.bind("lake_rows", job.lake(table))
    told = _usage(job) if table == "usage" else _spend(table)
    session.materialise("told_sums", _summed(told, table))
    own = exp.select("*").from_("lake_rows")
    own = own.where(sql("source = :source", source=job.source.name))
    session.materialise("lake_sums", _summed(own, table))
    # Through one more grouping, and not by a join: missing parts of a key are equal there.
    signs = union_all(
        [
            exp.select(*about, *(exp.alias_(column(n), n) for n in sums), "TRUE AS is_told").from_(
                "told_sums"
            ),
            exp.select(
                *about, *(exp.alias_(sql("-:x", x=column(n)), n) for n in sums), "FALSE AS is_told"
            ).from_("lake_sums"),
        ]
    )
    assert isinstance(signs, exp.Query)  # noqa: S101 - of SELECTs
    differs = [sql("abs(coalesce(sum(:x), 0)) > :least", x=column(n), least=_EXACT) for n in sums]
    news = (
        exp.select(*about, *(exp.alias_(sql("sum(:x)", x=column(n)), n) for n in sums))
        .from_(signs.subquery("signs"))
        .group_by(*about)
        .having(exp.and_("bool_or(is_told)", exp.paren(exp.or_(*differs))))
    )
    session.materialise("differences", news)
    values: dict[str, exp.Expr] = {name: column(name) for name in (*about, *sums)}
    if table == "ad_spend":
        values["cost"] = sql("coalesce(cost, 0)")
    return job.write(table, lake_query(table, values, job.provenance, "differences"))


def _summed(rows: exp.Query, table: str) -> exp.Query:
    about = [exp.alias_(cast_to_lake(table, name, column(name)), name) for name in _ABOUT[table]]
    sums = [
        exp.alias_(cast_to_lake(table, name, sql("sum(:x)", x=column(name))), name)
        for name in _SUMS[table]
    ]
    return exp.select(*about, *sums).from_(rows.subquery("r")).group_by(*_ABOUT[table])


def _spend(table: str) -> exp.Query:
    names = (*_ABOUT[table], *_SUMS[table])
    return exp.select(*(column(name) for name in names)).from_("fresh")


def _usage(job: Job) -> exp.Query:
    joined = (
        exp.select("o.origin_id", "f.unit", "f.subscription_id", "f.occurred_at")
        .from_(exp.to_table("fresh").as_("f"))
        .join(exp.to_table("origins").as_("o"), on="o.person = f.person")
    )
    measured = under("measured", job.names)
    if not measured:
        return joined.select("f.name", "f.amount")
    parts = [
        joined.copy()
        .select(
            exp.alias_(exp.Literal.string(last), "name"), exp.alias_(column(name, "f"), "amount")
        )
        .where(sql(":x IS NOT NULL", x=column(name, "f")))
        for last, name in measured.items()
    ]
    whole = union_all(list(parts))
    assert isinstance(whole, exp.Query)  # noqa: S101 - of SELECTs
    return whole
