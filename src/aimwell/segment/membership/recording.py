"""Who entered and left: computed members against those by the rows of `memberships`, written as one commit.

In the table, a person is in a segment when their newest row since its last snapshot is not 'left'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from sqlglot import exp

from aimwell.errors import SegmentError
from aimwell.history.moment import Moment
from aimwell.segment.membership.computing import Computed
from aimwell.store.leases import Held
from aimwell.store.sql import sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import TIME

__all__ = ["FULL", "TOUCHED", "Counts", "compare", "inside", "members_of", "write"]

FULL, TOUCHED = "segment", "segment:touched"
"""Sources of rows: a look at everybody, or at those alone whom something happened to."""

_FEW_SEGMENTS = 50
"""Of so many, their rows are picked out by name before anything is joined to them."""

_BEGIN = datetime(1, 1, 2, tzinfo=UTC)

# People and segments as numbers: a table of all memberships is compared in a fraction of the time.
_THEIRS = """
    SELECT n.number, m.segment, m.occurred_at, m.change, CAST(:revision AS bigint) AS revision
    FROM memberships AS m JOIN numbered AS n ON n.profile_id = m.profile_id
    """

_INSIDE = """
    SELECT b.place, m.number, max(m.revision) AS revision, :inside AS inside
    FROM theirs AS m JOIN bases AS b ON b.segment = m.segment AND m.occurred_at >= b.base_at
    GROUP BY b.place, m.number
    """

_MEMBERS = """
    WITH snapshots AS (
      SELECT segment, max(occurred_at) AS snapshot_at FROM memberships
      WHERE change = 'snapshot' GROUP BY segment
    ),
    newest AS (
      SELECT m.segment, m.profile_id, :inside AS inside
      FROM memberships AS m LEFT JOIN snapshots AS s ON s.segment = m.segment
      WHERE (s.snapshot_at IS NULL OR m.occurred_at >= s.snapshot_at) AND m.segment IN :segments
      GROUP BY m.segment, m.profile_id
    )
    SELECT segment, profile_id FROM newest
    WHERE inside AND profile_id IN (SELECT profile_id FROM known)
    """

_CHANGES = """
    SELECT f.number, f.place, 'entered' AS change, CAST(NULL AS bigint) AS revision FROM fresh AS f
    ANTI JOIN inside AS i ON i.number = f.number AND i.place = f.place
    UNION ALL
    SELECT i.number, i.place, 'left', i.revision FROM inside AS i
    ANTI JOIN fresh AS f ON f.number = i.number AND f.place = i.place
    """

_COUNTS = """
    SELECT place, sum(members), sum(entered), sum("left"), max(revision) FROM (
      SELECT place, 1 AS members, 0 AS entered, 0 AS "left", NULL AS revision FROM fresh
      UNION ALL
      SELECT place, 0, CASE change WHEN 'entered' THEN 1 ELSE 0 END, CASE change WHEN 'left' THEN 1 ELSE 0 END,
             revision FROM changes
    ) AS rows_ GROUP BY place
    """


@dataclass(frozen=True)
class Counts:
    """Of one segment: who is in it among those looked at, who entered, who left; revision of those who left last."""

    members: int
    entered: int
    left: int
    revision: int | None


def inside() -> exp.Expr:
    """Of a person's rows `m` of one segment since its last snapshot: whether they are in it. Of two rows of the same
    moment, as a repeated snapshot leaves them, the one that says so counts."""
    return sql(
        "coalesce(max(m.occurred_at) = max(m.occurred_at) FILTER (WHERE m.change <> 'left'), FALSE)"
    )


def members_of(segments: Sequence[str]) -> exp.Expr:
    """Who is in each segment by the rows of a cut session in which `known` is bound: segment, profile_id.

    Who is not known any more (erased) is in none, and nothing new is written of them.
    """
    return sql(_MEMBERS, inside=inside(), segments=list(segments))


def compare(
    moment: Moment, computed: Computed, bases: Mapping[str, datetime | None]
) -> dict[str, Counts]:
    """Bind `changes` (number, place, change, revision): who entered and who left.

    Args:
        moment: The session in which `compute` has been.
        computed: What it gave.
        bases: Segment → moment of its last snapshot (None: of none), from which on rows count. A segment that was not
            computed loses all who are in it.

    Returns:
        Segment → counts, of those in `bases`.
    """
    session = moment.session
    gone = sorted(set(bases) - set(computed.places))
    places = {**computed.places, **{name: len(computed.places) + n for n, name in enumerate(gone)}}
    since = {name: bases.get(name) or _BEGIN for name in places}
    session.bind(
        "bases",
        pa.table(
            {
                "place": pa.array(list(places.values()), pa.int32()),
                "segment": pa.array(list(places), pa.string()),
                "base_at": pa.array([since[name] for name in places], TIME),
            }
        ),
    )
    # The revision is told of those who leave a segment that has no definition any more.
    theirs = sql(_THEIRS, revision=sql("m.revision") if gone else exp.null())
    assert isinstance(theirs, exp.Select)  # noqa: S101 - the text above is a SELECT
    oldest = min(since.values(), default=_BEGIN)
    if len(places) <= _FEW_SEGMENTS:
        theirs = theirs.where(sql("m.segment IN :names", names=sorted(places)))
    if moment.people is None:
        session.bind("theirs", theirs.where(sql("m.occurred_at >= :oldest", oldest=oldest)))
    else:
        # The rows of a few people are taken out first, so that the rest is done to these alone. A snapshot is complete,
        # so changes of its very moment say no more; they lie in parts of the file of their own, which are not read then.
        session.materialise(
            "theirs",
            union_all(
                [
                    theirs.where(sql("m.change = 'snapshot' AND m.occurred_at >= :t", t=oldest)),
                    theirs.where(sql("m.change <> 'snapshot' AND m.occurred_at > :t", t=oldest)),
                ]
            ),
        )
    state = exp.alias_(exp.paren(sql(_INSIDE, inside=inside())), "state", table=True)
    session.materialise("inside", exp.select("*").from_(state).where("inside"))
    session.materialise("changes", sql(_CHANGES))
    names = {place: name for name, place in places.items()}
    found = {names[row[0]]: Counts(*row[1:]) for row in session.rows(sql(_COUNTS))}
    return {name: found.get(name, Counts(0, 0, 0, None)) for name in places}


def write(
    stores: Stores,
    moment: Moment,
    *,
    held: Held,
    application: str,
    snapshot: bool,
    version: int | None = None,
) -> None:
    """Write the changes, and with `snapshot` all who are in, as one commit.

    Of each kind, a row lies beside the others of its person, so the file is small and a few people are found quickly.

    Raises:
        SegmentError: Somebody wrote as of a later moment meanwhile.
    """
    now = moment.as_of
    inside = "SELECT number, place, 'snapshot' AS change, CAST(NULL AS bigint) AS revision FROM fresh UNION ALL"
    query = sql(
        f"""
        SELECT b.segment, CAST(coalesce(n.revision, c.revision) AS bigint) AS revision, p.profile_id AS origin_id,
               c.change, :now AS occurred_at, :source AS source, CAST(NULL AS varchar) AS load_id, :now AS received_at
        FROM ({inside if snapshot else ""} SELECT number, place, change, revision FROM changes) AS c
        JOIN bases AS b ON b.place = c.place
        LEFT JOIN named AS n ON n.place = c.place
        JOIN numbered AS p ON p.number = c.number
        """,  # noqa: S608 - texts of this file
        now=now,
        source=FULL if snapshot else TOUCHED,
    )
    held.check()
    batches = moment.session.batches(query)
    number = int(now.timestamp() * 1_000_000) if version is None else version
    if not stores.lake.append("memberships", batches, transaction=(application, number)):
        raise SegmentError(
            "Another process refreshed these segments as of a later moment in the meantime. "
            "Refresh them again."
        )
