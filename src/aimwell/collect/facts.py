"""Facts that are added once: touches, assignments, outcomes, answers, reviews.

A row of a file may hold several, one in each of its columns. What makes two of them the same is written for each
table; one that this source told before is not added again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from sqlglot import exp

from aimwell.collect.fields import under
from aimwell.collect.job import Job
from aimwell.collect.known import GONE
from aimwell.collect.lake_types import cast_to_lake, lake_query
from aimwell.collect.provenance import json_text
from aimwell.collect.shaping import number_of
from aimwell.collect.surveys import find_survey, read_answers
from aimwell.definitions.kinds.source import Entity
from aimwell.definitions.source_more import AnswersEntity, ReviewsEntity
from aimwell.privacy.hashing import identifier_hash_sql
from aimwell.privacy.vault import keep_texts
from aimwell.store.sql import column, sql, union_all
from aimwell.store.tables import LAKE_TABLES

__all__ = ["FACTS", "add_facts"]

_MARK = "\x1f"
_BATCH = 20_000

_SAME: Mapping[str, tuple[str, ...]] = {
    "touches": ("touch_id",),
    "reviews": ("review_id",),
    "assignments": ("experiment", "origin_id", "arm", "assigned_at"),
    "outcomes": ("experiment", "origin_id", "name", "observed_at"),
    "answers": (
        *("survey", "question", "response_id", "origin_id", "value", "number", "applicable"),
        "text_id",
    ),
}
"""Table → columns that make two of its rows the same fact."""


def add_facts(job: Job, entity: Entity) -> int:
    """Write the facts of `fresh` that the lake lacks; returns how many. Rows all of whose facts it had are noted
    in `gone` as known."""
    session, table = job.session, entity.entity
    session.materialise("facts", _keyed(FACTS[table](job, entity), table, job))
    session.bind("lake_rows", job.lake(table))
    session.bind(
        "own_rows", sql("SELECT * FROM lake_rows WHERE source = :source", source=job.source.name)
    )
    session.materialise(
        "known_keys", exp.select(exp.alias_(_key(table, job), "key")).from_("own_rows")
    )
    session.materialise(
        "new_facts",
        sql(
            """
            SELECT * FROM (
              SELECT *, row_number() OVER (PARTITION BY key ORDER BY n) AS place FROM facts
              WHERE key NOT IN (SELECT key FROM known_keys)
            ) AS ranked WHERE place = 1
            """
        ),
    )
    known = sql(
        """
        SELECT n, 'known' AS why FROM (SELECT DISTINCT n FROM facts) AS f
        WHERE n NOT IN (SELECT n FROM new_facts) AND n NOT IN (SELECT n FROM :gone)
        """,
        gone=exp.to_table(GONE),
    )
    session.materialise(
        "more_gone", union_all([sql("SELECT n, why FROM :g", g=exp.to_table(GONE)), known])
    )
    session.materialise(GONE, sql("SELECT * FROM more_gone"))
    _keep_texts(job, table)
    values = {name: column(name) for name in LAKE_TABLES[table].names}
    return job.write(table, lake_query(table, values, job.provenance, "new_facts"))


def _keyed(facts: exp.Query, table: str, job: Job) -> exp.Query:
    return exp.select("*", exp.alias_(_key(table, job), "key")).from_(facts.subquery("told"))


def _key(table: str, job: Job) -> exp.Expr:
    columns = _SAME[table]
    if table == "answers" and "answered_at" in job.names:
        columns = (*columns, "answered_at")
    parts: list[exp.Expr] = []
    for name in columns:
        is_time = name.endswith("_at")
        text = sql("epoch_us(:x)", x=column(name)) if is_time else column(name)
        parts += [sql("coalesce(CAST(:x AS varchar), '')", x=text), exp.Literal.string(_MARK)]
    return sql("md5(:whole)", whole=exp.Anonymous(this="concat", expressions=parts))


def _keep_texts(job: Job, table: str) -> None:
    """Free texts of new facts, to the vault."""
    if "text_id" not in LAKE_TABLES[table].names:
        return
    time = {"reviews": "reviewed_at", "answers": "answered_at"}[table]
    rows = sql(
        """
        SELECT text_id, origin_id, :kind AS kind, text AS content, :time AS said_at FROM new_facts
        WHERE text_id IS NOT NULL
        """,
        kind=table.removesuffix("s"),
        time=column(time),
    )
    for batch in job.session.batches(rows, rows=_BATCH):
        keep_texts(job.stores, batch, source=job.source.name, received_at=job.now)


def _text_id(job: Job, *parts: exp.Expr) -> exp.Expr:
    """The key of a text; null where there is none."""
    texts: list[exp.Expr] = [exp.Literal.string(f"{job.source.name}{_MARK}")]
    for part in parts:
        texts += [sql("coalesce(CAST(:x AS varchar), '')", x=part), exp.Literal.string(_MARK)]
    whole = exp.Anonymous(this="concat", expressions=texts)
    hashed = identifier_hash_sql(job.stores.identity_key, "text", whole)
    return sql("CASE WHEN :x IS NOT NULL THEN :hashed END", x=parts[-1], hashed=hashed)


def _rows(
    table: str, values: Mapping[str, exp.Expr], *more: exp.Expr, all_: bool = False
) -> exp.Select:
    """A query over `fresh` with `n` and the columns of a table; `all_`: also rows that name nobody."""
    provenance = ("source", "load_id", "received_at")
    columns = [
        exp.alias_(cast_to_lake(table, name, values.get(name)), name, quoted=True)
        for name in LAKE_TABLES[table].names
        if name not in provenance
    ]
    return (
        exp.select("f.n", *columns, *more)
        .from_(exp.to_table("fresh").as_("f"))
        .join(
            exp.to_table("origins").as_("o"),
            on="o.person = f.person",
            join_type="left" if all_ else "",
        )
    )


def _of(*names: str) -> dict[str, exp.Expr]:
    values: dict[str, exp.Expr] = {name: column(name, "f") for name in names}
    return {**values, "origin_id": column("origin_id", "o")}


def _touches(job: Job, _entity: Entity) -> exp.Query:
    values = _of(
        *("touch_id", "event", "occurred_at", "message_id", "campaign", "channel", "action"),
        *("variant", "link_id", "machine", "cost"),
    )
    values["properties"] = json_text("properties", job.names)
    times = under("times", job.names)
    if not times:
        return _rows("touches", values)
    parts = []
    for place, (event, name) in enumerate(times.items()):
        made = {
            **values,
            "event": exp.Literal.string(event),
            "occurred_at": column(name, "f"),
            # What a message cost is counted with the first thing that happened to it.
            "cost": values["cost"] if place == 0 else None,
            "touch_id": sql("md5(concat(f.touch_id, :mark, :event))", mark=_MARK, event=event),
        }
        kept = {key: value for key, value in made.items() if value is not None}
        parts.append(_rows("touches", kept).where(sql(":x IS NOT NULL", x=column(name, "f"))))
    return _union(parts)


def _union(parts: list[exp.Select]) -> exp.Query:
    whole = union_all(list(parts))
    assert isinstance(whole, exp.Query)  # noqa: S101 - of SELECTs
    return whole


def _assignments(_job: Job, _entity: Entity) -> exp.Query:
    names = ("experiment", "arm", "action", "variant", "probability", "assigned_at")
    return _rows("assignments", _of(*names))


def _outcomes(job: Job, _entity: Entity) -> exp.Query:
    values = _of("experiment", "name", "window_days", "observed_at")
    measured = under("measured", job.names)
    if not measured:
        return _rows("outcomes", {**values, "value": number_of(column("value", "f"))})
    return _union(
        [
            _rows(
                "outcomes",
                {**values, "name": exp.Literal.string(last), "value": number_of(column(name, "f"))},
            ).where(sql(":x IS NOT NULL", x=column(name, "f")))
            for last, name in measured.items()
        ]
    )


def _answers(job: Job, entity: Entity) -> exp.Query:
    own = cast(AnswersEntity, entity)
    survey = find_survey(job.stores, own)
    parts = []
    for one in read_answers(own, survey):
        when = sql("coalesce(f.answered_at, :now)", now=job.now)
        who = sql("coalesce(f.response_id, o.origin_id)")
        dated = [column("answered_at", "f")] if "answered_at" in job.names else []
        text_id = _text_id(
            job, sql(":q", q=f"{survey.name}{_MARK}{one.name}"), who, *dated, one.text
        )
        values = {
            **_of("response_id"),
            "survey": exp.Literal.string(survey.name),
            "question": exp.Literal.string(one.name),
            "value": one.value,
            "number": one.number,
            "applicable": one.applicable,
            "text_id": text_id,
            "answered_at": when,
        }
        if one.many is not None:
            # An answer that does not apply is one row without a value.
            values["value"] = sql(
                "unnest(CASE WHEN :x IS NULL THEN [NULL] ELSE "
                "list_transform(string_split(:x, :mark), lambda one: trim(one)) END)",
                x=one.value,
                mark=one.many,
            )
        text = exp.alias_(one.text, "text")
        parts.append(_rows("answers", values, text).where(one.asked))
    return _union(parts)


def _reviews(job: Job, entity: Entity) -> exp.Query:
    own = cast(ReviewsEntity, entity)
    words = sql("nullif(concat_ws(chr(10), f.title, f.text), '')")
    values = _of(
        *("review_id", "sku", "order_id", "shop_id", "category", "rating", "recommended", "helpful")
    )
    values |= {
        "rating_max": sql("CASE WHEN f.rating IS NOT NULL THEN :most END", most=own.rating_max),
        "text_id": _text_id(job, column("review_id", "f"), words),
        "reviewed_at": sql("coalesce(f.reviewed_at, :now)", now=job.now),
        "properties": json_text("properties", job.names),
    }
    return _rows("reviews", values, exp.alias_(words.copy(), "text"), all_=True)


FACTS: Mapping[str, Callable[[Job, Entity], exp.Query]] = {
    "touches": _touches,
    "assignments": _assignments,
    "outcomes": _outcomes,
    "answers": _answers,
    "reviews": _reviews,
}
"""Table → the query over `fresh` and `origins` that gives its facts."""
