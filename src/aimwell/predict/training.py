"""What a propensity learns from and is applied to: features behind a moment, outcomes ahead of it.

Everything is read from one snapshot of the lake, through `history`, which alone cuts time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.features import feature_names, features
from aimwell.history.moment import TIME_COLUMNS, Moment, open_moment
from aimwell.history.outcomes import outcomes
from aimwell.predict.tables import FeatureTable, TrainingMoments, training_moments
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "PURCHASE",
    "Progress",
    "Recorded",
    "TrainingTables",
    "feature_table",
    "learning_moments",
    "recorded",
    "span_days",
    "training_tables",
]

PURCHASE = "Order Completed"

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what comes next."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """From when to when an event was done by known people before a moment."""

    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class TrainingTables:
    """People of two moments with what they did after each, and what was read for that."""

    train: FeatureTable
    judge: FeatureTable
    recorded: Recorded
    snapshot: Snapshot


def training_tables(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    event: str = PURCHASE,
    progress: Progress | None = None,
) -> TrainingTables:
    """People to learn from and people of a later moment to be judged on; nothing from `as_of` on is seen.

    Args:
        stores: The workspace.
        as_of: Where the outcomes of the later people end.
        horizon_days: Length of both outcomes.
        event: What people did or did not do.
        progress: Told of the two readings (steps 0 and 1 of 4).

    Raises:
        PredictError: Nobody did the event, or nobody for a whole horizon before `as_of`.
        TooLittleDataError: The history is shorter than three horizons.
    """
    horizon = span_days(horizon_days)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = recorded(moment, event)
    moments = learning_moments(known, as_of, horizon, event)
    tables = []
    for step, cut in enumerate((moments.train_as_of, moments.judge_as_of)):
        if progress is not None:
            progress(step, 4, f"reading people as of {cut:%Y-%m-%d}")
        _, table = feature_table(stores, as_of=cut, horizon=horizon, event=event, snapshot=snapshot)
        tables.append(table)
    return TrainingTables(tables[0], tables[1], known, snapshot)


def feature_table(
    stores: Stores,
    *,
    as_of: datetime,
    horizon: timedelta,
    event: str | None = None,
    names: tuple[str, ...] | None = None,
    snapshot: Snapshot | None = None,
) -> tuple[pa.Array, FeatureTable]:
    """The ids of all people known before `as_of`, in order, and their features.

    Args:
        stores: The workspace.
        as_of: The cut.
        horizon: How far the outcome looks, or would look.
        event: Read the outcome too; None leaves it out, and nothing from `as_of` on is read.
        names: Features; default: all.
        snapshot: Versions of the lake's tables; default: the newest.
    """
    ahead, engine = horizon if event is not None else None, stores.history_engine
    with open_moment(
        stores, as_of=as_of, horizon=ahead, snapshot=snapshot, engine=engine
    ) as moment:
        table = features(moment, names)
        ids = table.column("profile_id").combine_chunks()
        if event is not None:
            later = outcomes(moment, event)
            if later.column("profile_id").combine_chunks() != ids:
                raise PredictError(
                    "People became known while they were read. Run the same command again."
                )
            table = table.append_column("outcome", later.column("bought"))
    return ids, FeatureTable.from_arrow(
        table,
        names=names or feature_names(),
        as_of=as_of.astimezone(UTC),
        horizon=horizon,
        outcome=None if event is None else "outcome",
    )


def recorded(moment: Moment, event: str) -> Recorded:
    """From when to when known people did `event` before the moment.

    Raises:
        PredictError: Nobody did; says what people did do.
    """
    if event == PURCHASE:
        query = sql("SELECT min(ordered_at), max(ordered_at) FROM purchases WHERE kept")
    else:
        query = sql(
            """
            SELECT min(occurred_at), max(occurred_at) FROM activity
            WHERE event = :event AND NOT machine AND profile_id IS NOT NULL
            """,
            event=event,
        )
    first, last = moment.session.rows(query)[0]
    if first is None:
        rows = moment.session.rows(
            sql("SELECT DISTINCT event FROM activity WHERE profile_id IS NOT NULL")
        )
        others = [row[0] for row in rows if row[0] != event]
        raise PredictError(
            f"No known person did '{event}' before {moment.as_of:%Y-%m-%d %H:%M %Z}. "
            + (
                nearest(event, others)
                if others
                else "Nothing else is known from before then either."
            )
            + " Collect what people did, or give a later moment (as of)."
        )
    return Recorded(first.astimezone(UTC), last.astimezone(UTC))


def span_days(days: int) -> timedelta:
    """A horizon of whole days.

    Raises:
        PredictError: It is not at least 1 day, or longer than a hundred years.
    """
    if not 1 <= days <= 36_525:
        raise PredictError(f"The horizon must be 1 to 36,525 days; found {days}.")
    return timedelta(days=days)


def learning_moments(
    known: Recorded, as_of: datetime, horizon: timedelta, event: str
) -> TrainingMoments:
    """The moments of learning and judging, unless the data end long before `as_of`."""
    try:
        moments = training_moments(
            history_starts=known.first_at, score_as_of=as_of.astimezone(UTC), horizon=horizon
        )
    except OverflowError:
        raise PredictError(
            f"{as_of:%Y-%m-%d} is too early for a horizon of {horizon.days} days. Give a later moment."
        ) from None
    if known.last_at < moments.judge_as_of:
        raise TooLittleDataError(
            f"a propensity as of {as_of:%Y-%m-%d}",
            needed={f"days with data in the {horizon.days} days before": 1},
            present={f"days with data in the {horizon.days} days before": 0},
            advice=f"The last '{event}' was on {known.last_at:%Y-%m-%d}. Collect what came later, or give a moment "
            f"(as of) soon after that day, at least {3 * horizon.days} days after {known.first_at:%Y-%m-%d}.",
        )
    return moments
