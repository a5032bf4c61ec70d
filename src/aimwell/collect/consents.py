"""Answers of people about being contacted, as the source's columns or the law tell them."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.casts import yes_or_no
from aimwell.collect.fields import CONSENT, under
from aimwell.definitions.kinds.source import Consent
from aimwell.privacy.consent import record
from aimwell.store.engine import Session
from aimwell.store.schema import metadata
from aimwell.store.sql import column, sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["bind_answers_before", "keep_opt_ins", "keep_soft_opt_ins", "unreadable_answers"]

_consents = metadata.tables["consents"]
_BATCH = 50_000


def keep_opt_ins(
    stores: Stores,
    session: Session,
    names: tuple[str, ...],
    consent: Consent,
    *,
    source: str,
    now: datetime,
) -> dict[str, int]:
    """Record the answers in the consent columns of `fresh` customers; returns 'email granted' → answers.

    An answer without a date is taken for given when it was collected, and only where it is news: an export
    that still says yes does not undo a withdrawal that came by another way.
    """
    media = {name: f"{CONSENT}{name}" for name in under("consent", names) if name != "given_at"}
    if not media:
        return {}
    dated = f"{CONSENT}given_at" in names
    given_at = column(f"{CONSENT}given_at", "f") if dated else sql("CAST(NULL AS timestamptz)")
    session.bind(
        "answers",
        union_all(
            [
                sql(
                    """
                    SELECT o.origin_id, :medium AS channel, arg_max(:answer, f.n) AS answer,
                           arg_max(:given_at, f.n) AS given_at
                    FROM fresh AS f JOIN origins AS o ON o.person = f.person
                    WHERE :answer IS NOT NULL GROUP BY o.origin_id
                    """,
                    medium=medium,
                    answer=yes_or_no(name),
                    given_at=given_at,
                )
                for medium, name in media.items()
            ]
        ),
    )
    bind_answers_before(stores, session, consent.purpose)
    news = sql(
        """
        SELECT a.origin_id, a.channel, CASE WHEN a.answer THEN 'granted' ELSE 'denied' END AS state,
               coalesce(a.given_at, :now) AS occurred_at
        FROM answers AS a
        LEFT JOIN ours ON ours.origin_id = a.origin_id AND ours.channel = a.channel
        LEFT JOIN refused ON refused.origin_id = a.origin_id AND refused.channel = a.channel
        WHERE a.given_at IS NOT NULL
           OR (ours.state IS DISTINCT FROM CASE WHEN a.answer THEN 'granted' ELSE 'denied' END
               AND NOT (a.answer AND refused.origin_id IS NOT NULL))
        """,
        now=now,
    )
    return _record(stores, session, news, consent, basis="opt_in", source=source, now=now)


def bind_answers_before(stores: Stores, session: Session, purpose: str) -> None:
    """`ours`: what is known of each person and medium; `refused`: who said no last, in whatever way."""
    latest = (
        sa.select(
            _consents.c.origin_id,
            _consents.c.channel,
            _consents.c.state,
            sa.func.row_number()
            .over(
                partition_by=[_consents.c.origin_id, _consents.c.channel],
                order_by=[_consents.c.occurred_at.desc(), _consents.c.id.desc()],
            )
            .label("place"),
        )
        .where(_consents.c.purpose == purpose)
        .subquery()
    )
    query = sa.select(latest.c.origin_id, latest.c.channel, latest.c.state).where(
        latest.c.place == 1
    )
    schema = pa.schema([(name, pa.string()) for name in ("origin_id", "channel", "state")])
    with stores.control.read() as connection:
        found = connection.execution_options(yield_per=_BATCH).execute(query)
        batches = [
            pa.record_batch(
                [pa.array(column, pa.string()) for column in zip(*part, strict=True)], schema
            )
            for part in found.partitions()
        ]
    session.bind("ours", pa.Table.from_batches(batches, schema))
    session.bind("refused", sql("SELECT * FROM ours WHERE state <> 'granted'"))


def unreadable_answers(session: Session, names: tuple[str, ...]) -> int:
    """Answers in the consent columns of `fresh` that are neither yes nor no; they count as no answer."""
    media = [f"{CONSENT}{n}" for n in under("consent", names) if n != "given_at"]
    if not media:
        return 0
    tests = [
        sql(
            "count(*) FILTER (WHERE :x IS NOT NULL AND :answer IS NULL)",
            x=column(n),
            answer=yes_or_no(n),
        )
        for n in media
    ]
    [row] = session.rows(exp.select(*tests).from_("fresh"))
    return int(sum(row))


def keep_soft_opt_ins(
    stores: Stores, session: Session, consent: Consent, *, source: str, now: datetime
) -> dict[str, int]:
    """Record that the buyers among `fresh` order lines may be written to, from their first purchase on.

    Only where nothing is known of them yet: buying again does not undo a withdrawal.
    """
    if not consent.soft_opt_in:
        return {}
    bind_answers_before(stores, session, consent.purpose)
    buyers = sql(
        """
        SELECT o.origin_id, min(f.ordered_at) AS occurred_at
        FROM fresh AS f JOIN origins AS o ON o.person = f.person
        WHERE f.kind = 'sale' AND f.goods GROUP BY o.origin_id
        """
    )
    session.materialise("buyers", buyers)
    rows = union_all(
        [
            sql(
                """
                SELECT origin_id, :medium AS channel, 'granted' AS state, occurred_at FROM buyers
                WHERE origin_id NOT IN (SELECT origin_id FROM ours WHERE channel = :medium)
                """,
                medium=medium,
            )
            for medium in consent.soft_opt_in
        ]
    )
    return _record(stores, session, rows, consent, basis="soft_opt_in", source=source, now=now)


def _record(
    stores: Stores,
    session: Session,
    rows: exp.Expr,
    consent: Consent,
    *,
    basis: str,
    source: str,
    now: datetime,
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for batch in session.batches(rows, rows=_BATCH):
        table = pa.table(batch)
        size = table.num_rows
        texts = {
            "purpose": consent.purpose,
            "basis": basis,
            "source": source,
            "wording": consent.wording,
        }
        for name, value in texts.items():
            table = table.append_column(name, pa.array([value] * size, pa.string()))
        place = table.schema.get_field_index("occurred_at")
        table = table.set_column(place, "occurred_at", table.column("occurred_at").cast(TIME))
        record(stores, table, received_at=now)
        for answer in (
            table.group_by(["channel", "state"]).aggregate([([], "count_all")]).to_pylist()
        ):
            key = f"{answer['channel']} {answer['state']}"
            counts[key] = counts.get(key, 0) + answer["count_all"]
    return counts
