"""Consent: what each person allowed, for which purpose and channel, when, from which source, in which words.

The history is kept; the latest answer counts. Where a merged person gave different answers at one moment, the
refusal counts. No answer means no.
"""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from aimwell.privacy.erased import without_erased
from aimwell.privacy.suppression import of_profiles
from aimwell.store.control import insert_missing
from aimwell.store.listed import Ids, among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["latest_consents", "record", "record_answer", "withdraw"]

_consents = metadata.tables["consents"]
_overrides = metadata.tables["identity_overrides"]
_BATCH = 5_000
_COLUMNS = ("origin_id", "purpose", "channel", "state", "occurred_at", "basis", "source", "wording")


def record(stores: Stores, rows: pa.Table, *, received_at: datetime | None = None) -> int:
    """Keep answers; one that is already there changes nothing.

    Args:
        rows: One row per answer: origin_id, purpose, channel, state ('granted', 'denied', 'revoked'),
            occurred_at, basis ('opt_in', 'soft_opt_in', 'request'), source, wording (may be null).
        received_at: When they came: of people who were erased since nothing is kept. None: just now.

    Returns:
        Number of rows read.
    """
    for batch in rows.select(list(_COLUMNS)).to_batches(max_chunksize=_BATCH):
        with stores.control.begin() as connection:
            kept = without_erased(connection, batch, received_at)
            insert_missing(connection, _consents, kept.to_pylist())
    return int(rows.num_rows)


def record_answer(
    connection: sa.Connection,
    origin_id: str,
    *,
    purpose: str,
    channel: str,
    state: str,
    basis: str,
    occurred_at: datetime,
    source: str,
    wording: str | None = None,
) -> None:
    """Keep one answer within a transaction of the caller's."""
    insert_missing(
        connection,
        _consents,
        [
            {
                "origin_id": origin_id,
                "purpose": purpose,
                "channel": channel,
                "state": state,
                "occurred_at": occurred_at,
                "basis": basis,
                "source": source,
                "wording": wording,
            }
        ],
    )


def withdraw(
    connection: sa.Connection,
    origin_id: str,
    *,
    purpose: str,
    channel: str,
    occurred_at: datetime,
    source: str,
) -> None:
    """Record that the person takes consent back."""
    record_answer(
        connection,
        origin_id,
        purpose=purpose,
        channel=channel,
        state="revoked",
        basis="request",
        occurred_at=occurred_at,
        source=source,
    )


def latest_consents(
    *,
    purpose: str,
    channel: str,
    before: datetime | None = None,
    profile_ids: Ids | None = None,
    explicit: bool = False,
) -> sa.Select[str, str]:
    """A query for the control database: profile_id and the state of its latest answer.

    With `explicit` a grant by anything but the person's own word (basis 'opt_in') is 'unknown'.

    Args:
        purpose: As 'marketing'.
        channel: Medium, as 'email'; 'any': the newest answer to the purpose counts, whatever medium it was about.
        before: Only answers before this moment; None: all.
        profile_ids: Only these profiles (any number), or `GIVEN`; None: all.
    """
    profile = sa.func.coalesce(_overrides.c.profile_id, _consents.c.origin_id).label("profile_id")
    refusal = sa.case((_consents.c.state == "granted", 1), else_=0)
    state: sa.ColumnElement[str] = _consents.c.state
    if explicit:
        implied = sa.and_(_consents.c.state == "granted", _consents.c.basis != "opt_in")
        state = sa.case((implied, "unknown"), else_=_consents.c.state)
    query = (
        sa.select(
            profile,
            state.label("state"),
            sa.func.row_number()
            .over(
                partition_by=profile,
                order_by=(_consents.c.occurred_at.desc(), refusal, _consents.c.id),
            )
            .label("rank"),
        )
        .select_from(
            _consents.outerjoin(_overrides, _overrides.c.origin_id == _consents.c.origin_id)
        )
        .where(_consents.c.purpose == purpose)
    )
    if channel != "any":
        query = query.where(_consents.c.channel == channel)
    if before is not None:
        query = query.where(_consents.c.occurred_at < before)
    if profile_ids is not None:
        query = query.where(of_profiles(_consents, profile_ids))
    ranked = query.subquery()
    chosen = sa.select(ranked.c.profile_id, ranked.c.state).where(ranked.c.rank == 1)
    return chosen if profile_ids is None else chosen.where(among(ranked.c.profile_id, profile_ids))
