"""Memberships in the lake: who is in each segment at a refresh, who entered and who left since the one before.

A refresh is one commit with all its rows, under a lease, so it happens whole and once: repeating it with the same
`now` changes nothing and gives the same counts. In the table, a person is in a segment when their newest row since
its last snapshot is not 'left'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.model import SegmentCount
from aimwell.segment.service import compiled, members_query
from aimwell.store.sql import identifier, sql, union_all
from aimwell.store.stores import Stores

__all__ = ["current_members", "refresh"]

_LEASE = "segments"
_FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)

_STATE = """
    WITH snapshots AS (
      SELECT segment, max(occurred_at) AS snapshot_at FROM memberships
      WHERE change = 'snapshot' GROUP BY segment
    ),
    newest AS (
      SELECT m.segment, m.profile_id, max(m.revision) AS revision,
             arg_max(m.change <> 'left', (m.occurred_at, m.change <> 'left')) AS inside
      FROM memberships AS m LEFT JOIN snapshots AS s ON s.segment = m.segment
      WHERE s.snapshot_at IS NULL OR m.occurred_at >= s.snapshot_at
      GROUP BY m.segment, m.profile_id
    )
    SELECT segment, profile_id, revision FROM newest
    WHERE inside AND profile_id IN (SELECT profile_id FROM known)
    """
"""Who is in which segment. Who is not known any more (erased) is in none, and nothing new is written of them."""

_CHANGES = """
    SELECT segment, revision, profile_id, 'snapshot' AS change FROM fresh
    UNION ALL
    SELECT f.segment, f.revision, f.profile_id, 'entered' FROM fresh AS f
    ANTI JOIN inside AS i ON i.segment = f.segment AND i.profile_id = f.profile_id
    UNION ALL
    SELECT i.segment, coalesce(r.revision, i.revision), i.profile_id, 'left' FROM inside AS i
    LEFT JOIN revisions AS r ON r.segment = i.segment
    ANTI JOIN fresh AS f ON f.segment = i.segment AND f.profile_id = i.profile_id
    """


def refresh(
    stores: Stores, *, now: datetime, segments: Sequence[str] | None = None
) -> tuple[SegmentCount, ...]:
    """Compute segments as of `now` and write to `memberships` who is in, entered and left.

    Args:
        stores: The workspace.
        now: The moment; later than that of every refresh before, or the same to repeat one.
        segments: Names; default: all. Only then do people leave segments whose definition was removed.

    Returns:
        One count per segment, by name.

    Raises:
        SegmentError: A later refresh stands already, or segments refer to each other in a circle.
        UnknownDefinitionError: There is no segment of such a name.
    """
    now = now.astimezone(UTC)
    with stores.leases.hold(_LEASE), open_moment(stores, as_of=now) as moment:
        found = _definitions(stores, segments)
        wanted = None if segments is None else sorted(found)
        written = _written(moment, wanted, now)
        waiting = {name: one for name, one in found.items() if name not in written}
        _compute(moment, waiting, leaving=segments is None, written=sorted(written))
        counts = _counts(moment, {name: revision for name, (_, revision) in waiting.items()})
        if any(one.members or one.left for one in counts.values()):
            _write(stores, moment, sorted(waiting), now)
    return tuple(one for _name, one in sorted({**written, **counts}.items()))


def _definitions(stores: Stores, segments: Sequence[str] | None) -> dict[str, tuple[Segment, int]]:
    if segments is None:
        segments = [name for _kind, name in definitions.names(stores.control, "segment")]
    found: dict[str, tuple[Segment, int]] = {}
    for name in segments:
        definition, revision = definitions.get(stores.control, "segment", name)
        assert isinstance(definition, Segment)  # noqa: S101 - the catalogue maps the kind to this class
        found[name] = definition, revision
    return found


def _written(
    moment: Moment, wanted: Sequence[str] | None, now: datetime
) -> dict[str, SegmentCount]:
    """What an earlier run with the same `now` wrote; refuses to write into the past."""
    about = exp.true() if wanted is None else sql("segment IN :wanted", wanted=list(wanted))
    if wanted is not None and not wanted:
        return {}
    later = moment.session.rows(
        sql(
            "SELECT max(occurred_at) FROM raw_memberships WHERE occurred_at > :now AND :about",
            now=now,
            about=about,
        )
    )[0][0]
    if later is not None:
        raise SegmentError(
            f"Segments were refreshed as of {later:%Y-%m-%d %H:%M:%S} UTC already; a refresh as of "
            f"{now:%Y-%m-%d %H:%M:%S} UTC would write into the past. Take a later moment."
        )
    rows = moment.session.rows(
        sql(
            """
            SELECT segment, max(revision), count(*) FILTER (WHERE change = 'snapshot'),
                   count(*) FILTER (WHERE change = 'entered'), count(*) FILTER (WHERE change = 'left')
            FROM raw_memberships WHERE occurred_at = :now AND :about GROUP BY segment
            """,
            now=now,
            about=about,
        )
    )
    return {row[0]: SegmentCount(*row) for row in rows}


def _compute(
    moment: Moment,
    waiting: Mapping[str, tuple[Segment, int]],
    *,
    leaving: bool,
    written: Sequence[str],
) -> None:
    """Bind `changes`: every row that is to be written.

    Args:
        moment: The cut session.
        waiting: Segments to compute, with their revisions.
        leaving: Whether people leave segments that have no definition any more.
        written: Segments that stand already.
    """
    session = moment.session
    moment.bind_known()
    fresh = [
        sql(
            "SELECT CAST(NULL AS varchar) AS profile_id, CAST(NULL AS varchar) AS segment, 0 AS revision WHERE FALSE"
        )
    ]
    for number, (name, (segment, revision)) in enumerate(sorted(waiting.items())):
        session.materialise(
            f"fresh_{number}", members_query(compiled(moment, segment.rule, name=name))
        )
        fresh.append(
            sql(
                "SELECT profile_id, CAST(:name AS varchar) AS segment, :revision AS revision FROM :people",
                name=name,
                revision=revision,
                people=exp.Table(this=identifier(f"fresh_{number}")),
            )
        )
    session.bind("fresh", union_all(fresh))
    session.bind(
        "revisions",
        pa.table(
            {
                "segment": pa.array(list(waiting), pa.string()),
                "revision": pa.array([revision for _, revision in waiting.values()], pa.int64()),
            }
        ),
    )
    about = "segment NOT IN :names" if leaving else "segment IN :names"
    names = list(written) if leaving else list(waiting)
    state = exp.select("*").from_(exp.Subquery(this=sql(_STATE), alias="state"))
    session.materialise("inside", state.where(sql(about, names=[*names, ""])))
    session.materialise("changes", sql(_CHANGES))


def _counts(moment: Moment, revisions: Mapping[str, int]) -> dict[str, SegmentCount]:
    rows = moment.session.rows(
        sql(
            """
            SELECT segment, max(revision), count(*) FILTER (WHERE change = 'snapshot'),
                   count(*) FILTER (WHERE change = 'entered'), count(*) FILTER (WHERE change = 'left')
            FROM changes GROUP BY segment
            """
        )
    )
    empty = {name: SegmentCount(name, revision, 0, 0, 0) for name, revision in revisions.items()}
    return {**empty, **{row[0]: SegmentCount(*row) for row in rows}}


def _write(stores: Stores, moment: Moment, names: Sequence[str], now: datetime) -> None:
    rows = sql(
        """
        SELECT segment, CAST(revision AS bigint) AS revision, profile_id AS origin_id, change,
               :now AS occurred_at, 'segment' AS source, CAST(NULL AS varchar) AS load_id,
               :now AS received_at
        FROM changes
        """,
        now=now,
    )
    # The same segments at a later moment count as a later version, so a stalled process cannot write after them.
    application = "segments:" + hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    version = int(now.timestamp() * 1_000_000)
    batches = moment.session.batches(rows)
    if not stores.lake.append("memberships", batches, transaction=(application, version)):
        raise SegmentError(
            "Another process refreshed these segments as of a later moment in the meantime. "
            "Refresh them again."
        )


def current_members(stores: Stores, segment: str, *, as_of: datetime | None = None) -> pa.Table:
    """Who was in a segment at its last refresh.

    Args:
        stores: The workspace.
        segment: Name of the segment.
        as_of: Only refreshes before this moment count; default: all.

    Returns:
        One row a person, by `profile_id`: `profile_id`, and `since`, when they last entered. No rows where
        nobody was in it or it was never refreshed.

    Raises:
        UnknownDefinitionError: There is no segment of that name.
    """
    definitions.get(stores.control, "segment", segment)
    with open_moment(stores, as_of=as_of or _FOR_EVER) as moment:
        moment.bind_known()
        state = exp.Subquery(this=sql(_STATE), alias="state")
        return moment.session.table(
            sql(
                """
                SELECT i.profile_id, e.since
                FROM (SELECT profile_id FROM :state WHERE segment = :segment) AS i
                LEFT JOIN (
                  SELECT profile_id, max(occurred_at) AS since FROM memberships
                  WHERE segment = :segment AND change = 'entered' GROUP BY profile_id
                ) AS e ON e.profile_id = i.profile_id
                ORDER BY i.profile_id
                """,
                state=state,
                segment=segment,
            )
        )
