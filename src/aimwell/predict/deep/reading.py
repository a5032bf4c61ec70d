"""What sequence models read: people's acts as of moments, and what came after each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import TooLittleDataError
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.deep.acts import PURCHASE, act_names, latest_acts, people_acts
from aimwell.predict.deep.day_law import Watched
from aimwell.predict.deep.sequences import Reading, Sequences, sequences_of
from aimwell.predict.timing.reading import WaitRows, came_to, last_day, waits_in
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Learning", "days_before", "learning_rows", "read_chunks"]

_EVENTS_MAX = 30
_ACTS_MAX = 64
_PEOPLE_MAX = 50_000
_ROWS_A_BATCH = 500_000
_SEASONAL_DAYS = 730
_ROWS_MIN, _BOUGHT_MIN = 500, 200


@dataclass(frozen=True, slots=True, eq=False)
class Learning:
    """People at moments, to learn from.

    Args:
        rows: Their acts.
        watched: What came of each until the end of the learning period.
        held_out: Rows of people who do not teach.
        moments: How many.
        how: How their acts became numbers.
    """

    rows: Sequences
    watched: Watched
    held_out: npt.NDArray[np.bool_]
    moments: int
    how: Reading


def days_before(stores: Stores, as_of: datetime, days: int) -> datetime:
    """So many days of the calendar earlier, so that a change to summer time moves no hour into another day."""
    zone = ZoneInfo(stores.settings.timezone)
    local = as_of.astimezone(zone)
    return (local.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=zone)


def _reading(stores: Stores, as_of: datetime, snapshot: Snapshot) -> Reading:
    """How acts become numbers, by what was common before the moment."""
    with _acts(stores, as_of, snapshot) as moment:
        names = [row[0] for row in moment.session.rows(act_names(_EVENTS_MAX))]
        ((usual, first),) = moment.session.rows(
            sql(
                """
                SELECT CAST(sum(revenue) AS double) / count(*), CAST(date_diff('day', min(day), :until) AS double)
                FROM people_acts WHERE event = :purchase AND revenue > 0
                """,
                until=last_day(moment),
                purchase=PURCHASE,
            )
        )
    return Reading(
        names=(PURCHASE, *names),
        most=_ACTS_MAX,
        # A shop that gives everything away has no usual order.
        revenue_scale=float(usual or 1.0),
        seasonal=(first or 0.0) >= _SEASONAL_DAYS,
    )


def learning_rows(
    stores: Stores,
    end: datetime,
    *,
    horizon_days: int,
    moments: int,
    snapshot: Snapshot,
    seed: int,
) -> Learning:
    """People as of several moments before `end`, and what came of each by then, or by the horizon.

    Moments lie whole weeks before the end, so that the days ahead are the same days of the week. At most 50,000 people of a
    moment are read; ids are keyed hashes, so the first ones are a sample.

    Args:
        stores: The workspace.
        end: Nothing from this moment on is seen.
        horizon_days: How far ahead is looked, at most.
        moments: How many; fewer where nobody had bought yet.
        snapshot: Versions of the lake's tables.
        seed: Draws who is held out.

    Raises:
        TooLittleDataError: Fewer than 500 rows, or fewer than 200 that a purchase followed.
    """
    how = _reading(stores, end, snapshot)
    step = max(7, horizon_days // 14 * 7)
    parts: list[Sequences] = []
    came: list[Watched] = []
    people: list[pa.Array] = []
    for number in range(1, moments + 1):
        at = days_before(stores, end, step * number)
        days = min(step * number, horizon_days)
        with _acts(stores, at, snapshot, end) as moment:
            read = waits_in(moment, "person")
            if not len(read.waits):
                break
            part = next(_chunks(moment, read, how, _PEOPLE_MAX))
            parts.append(part)
            came.append(Watched.of(came_to(read, days)[: len(part)], days))
            people.append(read.profiles[: len(part)])
    _enough(came)
    return Learning(
        Sequences.joined(parts),
        Watched(
            np.concatenate([one.days for one in came]),
            np.concatenate([one.bought for one in came]),
        ),
        _held_out(pa.concat_arrays(people), seed),
        len(parts),
        how,
    )


def read_chunks(
    stores: Stores, as_of: datetime, how: Reading, snapshot: Snapshot, people: int
) -> Iterator[Sequences]:
    """Everybody who bought before the moment, in the order of `read_waits`, so many at a time."""
    with _acts(stores, as_of, snapshot) as moment:
        yield from _chunks(moment, waits_in(moment, "person"), how, people)


@contextmanager
def _acts(
    stores: Stores, as_of: datetime, snapshot: Snapshot, end: datetime | None = None
) -> Iterator[Moment]:
    """A session as of the moment with the table `people_acts`; with `end`, what came until then stands beside it."""
    with open_moment(
        stores,
        as_of=as_of,
        horizon=None if end is None else end - as_of,
        snapshot=snapshot,
        engine=stores.history_engine,
    ) as moment:
        moment.session.materialise("people_acts", people_acts(stores.settings.timezone))
        yield moment


def _chunks(moment: Moment, read: WaitRows, how: Reading, people: int) -> Iterator[Sequences]:
    """The acts of the rows of `read`, so many people at a time, streamed."""
    reader = moment.session.batches(
        latest_acts(sql(":until", until=read.until), how.most), rows=_ROWS_A_BATCH
    )
    first = 0
    for table in _whole_people(reader, people):
        whose = table.column("profile_id").unique()
        rows = slice(first, first + len(whose))
        assert whose.equals(read.profiles[rows])  # noqa: S101 - both are everybody who bought, by profile
        yield sequences_of(table, read.waits.take(rows), read.until, how)
        first += len(whose)


def _whole_people(reader: pa.RecordBatchReader, people: int) -> Iterator[pa.Table]:
    """All rows, so many people at a time and none of them in two parts; rows are by profile_id."""
    held = pa.Table.from_batches([], reader.schema)
    for batch in reader:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        new = _beginnings(held)
        # The last person may go on in the next batch.
        whole = (len(new) - 1) // people * people
        for start in range(0, whole, people):
            yield held.slice(new[start], new[start + people] - new[start])
        held = held.slice(new[whole])
    if held.num_rows:
        yield held


def _beginnings(table: pa.Table) -> npt.NDArray[np.int64]:
    """Rows at which another person begins."""
    whose = table.column("profile_id").combine_chunks().dictionary_encode().indices.to_numpy()
    return np.concatenate([[0], np.flatnonzero(np.diff(whose)) + 1]).astype(np.int64)


def _enough(came: list[Watched]) -> None:
    rows, bought = sum(len(one.days) for one in came), sum(int(one.bought.sum()) for one in came)
    what, then = "people, counted at each moment", "of them with a purchase after it"
    if rows < _ROWS_MIN or bought < _BOUGHT_MIN:
        raise TooLittleDataError(
            "sequence models of the next purchase",
            needed={what: _ROWS_MIN, then: _BOUGHT_MIN},
            present={what: rows, then: bought},
            advice="The simple ways do with less.",
        )


def _held_out(profiles: pa.Array, seed: int) -> npt.NDArray[np.bool_]:
    """Every fifth person, at all moments alike."""
    person: FloatArray = np.asarray(pc.rank(profiles, tiebreaker="dense").to_numpy()) - 1
    size = int(person.max()) + 1
    chosen = np.random.default_rng(seed).permutation(size) < size / 5
    return np.asarray(chosen[person])
