"""Computed traits in the current state: worked out by the catalogue, for all people or for a few, written where they differ."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.survey import Survey
from aimwell.history.computed_catalogue import COMPUTED, ComputedTrait
from aimwell.history.computed_parts import COMPUTED_PARTS
from aimwell.history.features import features_query
from aimwell.history.moment import Moment, open_moment
from aimwell.store.control import SQLITE_TIME, update_columns
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import identifier, sql
from aimwell.store.stores import Stores

__all__ = [
    "COMPUTED",
    "COMPUTED_LEASE",
    "ComputedTrait",
    "compute_within",
    "computed_query",
    "question_kinds",
    "refresh_computed",
]

COMPUTED_LEASE = "computed"
"""Two runs wait for each other."""

_profiles = metadata.tables["profiles"]
_BATCH = 5_000
_READ = 50_000

_CHANGED = """
SELECT c.profile_id, c.computed, c.computed_hash
FROM computed AS c JOIN computed_stored AS s ON s.profile_id = c.profile_id
WHERE s.computed_hash IS DISTINCT FROM c.computed_hash
"""


def refresh_computed(
    stores: Stores, *, now: datetime, profiles: Collection[str] | None = None
) -> int:
    """Bring the computed traits of the control table `profiles` in step with the lake; returns how many rows changed.

    To be called after `unify`, which makes the rows; two runs wait for each other. What a change of a product (its category, its price) does to
    people to whom nothing else happened is seen by the next full run.

    Args:
        stores: The workspace.
        now: Nothing from then on is looked at.
        profiles: Only these; the result is what a full run would give for them. None: everybody.
    """
    if profiles is not None and not profiles:
        return 0
    with (
        stores.leases.hold(COMPUTED_LEASE),
        open_moment(stores, as_of=now, people=profiles) as moment,
    ):
        return compute_within(moment)


def compute_within(moment: Moment) -> int:
    """The same for the people of an opened moment, by whoever holds the lease."""
    stores, profiles, changed = moment.stores, moment.people, 0
    session = moment.session
    moment.bind_profiles()
    session.bind("computed_stored", _stored(stores, profiles))
    session.materialise("computed", computed_query(moment))
    write = (
        sa.update(_profiles)
        .where(_profiles.c.profile_id == sa.bindparam("whose"))
        .values(
            computed=sa.bindparam("found"),
            computed_hash=sa.bindparam("hash"),
            computed_at=sa.bindparam("when"),
        )
    )
    for batch in session.batches(sql(_CHANGED), rows=_BATCH):
        whose, found, hashes = (column.to_pylist() for column in batch.columns)
        if not whose:
            continue
        changed += len(whose)
        with stores.control.begin() as connection:
            if stores.control.is_sqlite:  # texts as they are: several times faster
                when = [moment.as_of.astimezone(UTC).strftime(SQLITE_TIME)] * len(whose)
                columns = {"whose": whose, "found": found, "hash": hashes, "when": when}
                update_columns(connection, write, columns)
                continue
            rows = [
                {"whose": who, "found": json.loads(text), "hash": mark, "when": moment.as_of}
                for who, text, mark in zip(whose, found, hashes, strict=True)
            ]
            connection.execute(write, rows)
    return changed


def computed_query(moment: Moment) -> exp.Expr:
    """A query: profile_id, `computed` (JSON text of the traits that are defined) and its hash; for everybody whom
    `profiles` names, which must be bound."""
    kinds = pa.schema([(name, pa.string()) for name in ("survey", "question", "data")])
    told = pa.Table.from_pylist(question_kinds(moment.stores), schema=kinds)
    moment.session.bind("question_kinds", told)
    query = exp.select("f.profile_id").from_("figures AS f")
    features = [trait.feature for trait in COMPUTED if trait.feature is not None]
    query.with_("figures", as_=features_query(moment, features), copy=False)
    for letter, text in COMPUTED_PARTS.items():
        holes = {"zone": moment.stores.settings.timezone} if ":zone" in text else {}
        name = f"computed_{letter}"
        # Each for itself, so that none has to wait in memory for another.
        moment.materialise_once(name, lambda text=text, holes=holes: sql(text, **holes))  # type: ignore[misc]
        query.join(
            exp.Table(this=identifier(name)),
            on=f"{letter}.profile_id = f.profile_id",
            join_type="left",
            join_alias=letter,
            copy=False,
        )
    members = ", ".join(_member(trait) for trait in COMPUTED)
    query.select(sql(f"'{{' || concat_ws(',', {members}) || '}}' AS computed"), copy=False)
    return sql("SELECT *, md5(computed) AS computed_hash FROM :states AS s", states=query)


def question_kinds(stores: Stores) -> list[dict[str, str]]:
    """survey, question and kind of data of each question that says another kind than feedback."""
    surveys = [
        definitions.find(stores.control, Survey, name)
        for _kind, name in definitions.names(stores.control, "survey")
    ]
    return [
        {"survey": survey.name, "question": name, "data": question.data}
        for survey in surveys
        for name, question in sorted(survey.questions.items())
        if question.data != "feedback"
    ]


def _member(trait: ComputedTrait) -> str:
    """SQL of one member of the JSON text; null where the trait is undefined."""
    value = trait.sql
    if trait.undefined == "never":
        value = f"coalesce({value}, 0)"
    form = {
        "time": f"""'"' || strftime(timezone('UTC', {value}), '%Y-%m-%dT%H:%M:%S.%f') || 'Z"'""",
        "text": f"to_json({value})",
        "count": f"to_json(CAST({value} AS bigint))",
        "hour": f"to_json(CAST({value} AS bigint))",
        "weekday": f"to_json(CAST({value} AS bigint))",
    }.get(trait.unit, f"to_json(CAST({value} AS double))")
    return f"""CASE WHEN {value} IS NOT NULL THEN '"{trait.name}":' || {form} END"""


def _stored(stores: Stores, profiles: Collection[str] | None) -> pa.Table:
    query = sa.select(_profiles.c.profile_id, _profiles.c.computed_hash)
    if profiles is not None:
        query = query.where(among(_profiles.c.profile_id, profiles))
    ids: list[pa.Array] = []
    hashes: list[pa.Array] = []
    with stores.read_control() as connection:
        streamed = connection.execution_options(stream_results=True)
        for part in streamed.execute(query).partitions(_READ):
            columns: list[tuple[Any, ...]] = list(zip(*part, strict=True))
            ids.append(pa.array(columns[0], pa.string()))
            hashes.append(pa.array(columns[1], pa.string()))
    return pa.table(
        {
            "profile_id": pa.chunked_array(ids, pa.string()),
            "computed_hash": pa.chunked_array(hashes, pa.string()),
        }
    )
