"""Scores in the lake: what one version of a model expects of each person as of a moment, written once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from aimwell.errors import PredictError
from aimwell.predict.ranges import Ranges
from aimwell.predict.registry import RegisteredModel
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = [
    "SCORES",
    "Scoring",
    "check_seen",
    "keep_account_scores",
    "keep_scores",
    "last_scoring",
    "scores_table",
    "stored_scores",
]

SCORES = pa.schema(
    [
        ("profile_id", pa.string()),
        ("score", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
    ]
)
"""Columns of a table of scores; null where a figure is not defined."""


def check_seen(model: RegisteredModel, as_of: datetime, *, told: str = "scores") -> None:
    """Refuse to tell what a version says as of a moment that it has seen past; `told`: what it is, in words.

    Raises:
        PredictError: It has.
    """
    if as_of < model.as_of:
        seen = model.as_of.astimezone(as_of.tzinfo)
        raise PredictError(
            f"{model.label} has seen data up to {seen:%Y-%m-%d %H:%M %Z}, so {told} as of {as_of:%Y-%m-%d %H:%M %Z} would know "
            "their own future. Give a later moment, or train a model as of that one."
        )


@dataclass(frozen=True, slots=True)
class Scoring:
    """That a version has scored everybody as of a moment, and when it did."""

    as_of: datetime
    scored_at: datetime


def scores_table(ids: pa.Array, score: FloatArray, ranges: Ranges | None = None) -> pa.Table:
    """A table of SCORES; NaN becomes null, and so do intervals that are not given."""
    none = pa.nulls(len(ids), pa.float64())
    ends = (none, none) if ranges is None else (pa.array(ranges.lower), pa.array(ranges.upper))
    return pa.table([ids, pa.array(score, mask=np.isnan(score)), *ends], schema=SCORES)


def keep_scores(
    stores: Stores, model: RegisteredModel, scores: pa.Table, *, as_of: datetime, now: datetime
) -> bool:
    """Append scores to the lake, unless this version has scored as of this moment before.

    Args:
        stores: The workspace.
        model: Whose scores they are.
        scores: As SCORES says.
        as_of: The cut of what was known.
        now: When.

    Returns:
        False where they were there already; those stand.
    """
    people = scores.num_rows
    filled: dict[str, pa.Array | pa.ChunkedArray] = {
        "origin_id": scores.column("profile_id"),
        "model": pa.repeat(pa.scalar(model.name), people),
        "version": pa.repeat(pa.scalar(model.version, pa.int64()), people),
        "as_of": _repeated("as_of", as_of, people),
        "horizon_days": pa.repeat(pa.scalar(model.settings["horizon_days"], pa.int64()), people),
        "source": pa.repeat(pa.scalar("predict"), people),
        "load_id": pa.nulls(people, pa.string()),
        "received_at": _repeated("received_at", now, people),
        **{name: scores.column(name) for name in ("score", "lower", "upper")},
    }
    schema = LAKE_TABLES["scores"].schema
    rows = pa.table([filled[name] for name in schema.names], schema=schema)
    return stores.lake.append("scores", rows, transaction=_transaction(model, as_of))


def keep_account_scores(
    stores: Stores,
    model: RegisteredModel,
    accounts: pa.Array,
    score: FloatArray,
    *,
    as_of: datetime,
    now: datetime,
) -> bool:
    """Append scores of firms to the lake's `account_scores`, unless this version has scored as of this moment before.

    Returns:
        False where they were there already; those stand.
    """
    firms = len(accounts)
    filled: dict[str, pa.Array] = {
        "account_id": accounts,
        "model": pa.repeat(pa.scalar(model.name), firms),
        "version": pa.repeat(pa.scalar(model.version, pa.int64()), firms),
        "score": pa.array(score, pa.float64()),
        "as_of": _repeated("as_of", as_of, firms),
        "horizon_days": pa.repeat(pa.scalar(model.settings["horizon_days"], pa.int64()), firms),
        "source": pa.repeat(pa.scalar("predict"), firms),
        "load_id": pa.nulls(firms, pa.string()),
        "received_at": _repeated("received_at", now, firms),
    }
    schema = LAKE_TABLES["account_scores"].schema
    rows = pa.table([filled[name] for name in schema.names], schema=schema)
    return stores.lake.append("account_scores", rows, transaction=_transaction(model, as_of))


def stored_scores(stores: Stores, model: RegisteredModel, as_of: datetime) -> pa.Table | None:
    """What this version expects as of this moment, as it was written; None where it has not scored then.

    Returns:
        As SCORES says, by profile_id, under the identities of that time.
    """
    if not stores.lake.has_transaction("scores", _transaction(model, as_of)):
        return None
    with stores.engine.session() as session:
        session.bind("scores", stores.lake.pin("scores").tables["scores"])
        found = session.table(
            sql(
                """
                SELECT origin_id AS profile_id, score, lower, upper FROM scores
                WHERE model = :model AND version = :version AND as_of = :moment ORDER BY origin_id
                """,
                model=model.name,
                version=model.version,
                moment=as_of,
            )
        )
    return found.cast(SCORES)


def last_scoring(stores: Stores, model: RegisteredModel, *, before: datetime) -> Scoring | None:
    """The last time that this version has scored as of a moment before or at `before`; None: it never did."""
    with stores.engine.session() as session:
        session.bind("scores", stores.lake.pin("scores").tables["scores"])
        found = session.rows(
            sql(
                """
                SELECT as_of, min(received_at) FROM scores
                WHERE model = :model AND version = :version AND as_of <= :before
                GROUP BY as_of ORDER BY as_of DESC LIMIT 1
                """,
                model=model.name,
                version=model.version,
                before=before,
            )
        )
    if not found:
        return None
    return Scoring(*(moment.astimezone(UTC) for moment in found[0]))


def _transaction(model: RegisteredModel, as_of: datetime) -> tuple[str, int]:
    return f"scores:{model.label}:{as_of.astimezone(UTC).isoformat()}", 1


def _repeated(name: str, value: datetime, people: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, LAKE_TABLES["scores"].schema.field(name).type), people)
