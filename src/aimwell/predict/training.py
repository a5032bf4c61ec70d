"""What a propensity learns from and is applied to: features behind a moment, outcomes ahead of it.

Everything is read from one snapshot of the lake, through `history`, which alone cuts time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from aimwell.definitions.kinds.feature import OWN_PREFIX
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.features import feature_names, features_query
from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.ageing import AGE, oldest_days
from aimwell.predict.folds import sample
from aimwell.predict.own_features import join_own
from aimwell.predict.questions import Question, Recorded, doers_ahead, members_among, recorded
from aimwell.predict.tables import FeatureTable, TrainingMoments, training_moments
from aimwell.store.lake import Snapshot
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = [
    "JUDGES",
    "Progress",
    "TrainingTables",
    "feature_table",
    "judges",
    "learning_moments",
    "span_days",
    "tables_of_two_moments",
    "training_tables",
]

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what comes next."""


@dataclass(frozen=True, slots=True)
class TrainingTables:
    """People of two moments with what they did after each, and what was read for that.

    Args:
        train: To learn from.
        judge: Of the later moment; of very many a part, see `judges`.
        recorded: From when to when it was done.
        snapshot: Versions of the lake's tables.
        known: How many there were at the later moment.
    """

    train: FeatureTable
    judge: FeatureTable
    recorded: Recorded
    snapshot: Snapshot
    known: int


JUDGES = 250_000
"""By so many an AUC is known to a few thousandths; more would only take time."""


def judges(table: FeatureTable) -> FeatureTable:
    """The people of the later moment who judge: everybody, or of more than JUDGES so many, drawn at random."""
    if len(table) <= JUDGES:
        return table
    return table.take(sample(table.happened, most=JUDGES, seed=0))


def training_tables(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    question: Question | None = None,
    what: str = "a propensity",
    progress: Progress | None = None,
) -> TrainingTables:
    """People to learn from and people of a later moment to be judged on; nothing from `as_of` on is seen.

    Args:
        stores: The workspace.
        as_of: Where the outcomes of the later people end.
        horizon_days: Length of both outcomes.
        question: What people did or did not do, of whom, by which features; default: whether everybody buys.
        what: Words for what is learnt, where there is too little data.
        progress: Told of the two readings (steps 0 and 1 of 4).

    Raises:
        PredictError: Nobody did it, or nobody for a whole horizon before `as_of`.
        TooLittleDataError: The history is shorter than three horizons.
    """
    horizon, asked = span_days(horizon_days), question or Question()

    def read(cut: datetime, snapshot: Snapshot, _before: FeatureTable | None) -> FeatureTable:
        return feature_table(
            stores, as_of=cut, horizon=horizon, question=asked, outcome=True, snapshot=snapshot
        )[1]

    return tables_of_two_moments(
        stores, read, as_of=as_of, horizon=horizon, question=asked, what=what, progress=progress
    )


def tables_of_two_moments(
    stores: Stores,
    read: Callable[[datetime, Snapshot, FeatureTable | None], FeatureTable],
    *,
    as_of: datetime,
    horizon: timedelta,
    question: Question,
    what: str,
    progress: Progress | None = None,
) -> TrainingTables:
    """What `read` gives of the moments of learning and of judging, from one snapshot; the second time it is handed the first table.

    Args and errors as in `training_tables`.
    """
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = recorded(moment, question)
    moments = learning_moments(known, as_of, horizon, question.acts.event, what=what)
    tables: list[FeatureTable] = []
    for step, cut in enumerate((moments.train_as_of, moments.judge_as_of)):
        if progress is not None:
            progress(step, 4, f"reading what was known on {cut:%Y-%m-%d}")
        tables.append(read(cut, snapshot, tables[0] if tables else None))
    return TrainingTables(tables[0], judges(tables[1]), known, snapshot, len(tables[1]))


def feature_table(
    stores: Stores,
    *,
    as_of: datetime,
    horizon: timedelta,
    question: Question | None = None,
    outcome: bool = False,
    names: tuple[str, ...] | None = None,
    people: Collection[str] | None = None,
    snapshot: Snapshot | None = None,
    since: datetime | None = None,
) -> tuple[pa.Array, FeatureTable]:
    """The ids of the people of whom is asked and who were known before `as_of`, in order, and their features.

    Args:
        stores: The workspace.
        as_of: The cut.
        horizon: How far the outcome looks, or would look.
        question: What is asked; default: whether everybody buys.
        outcome: Read what they did, too; else nothing from `as_of` on is read.
        names: Features; default: those of the question.
        people: Only these profiles, read by themselves; default: everybody.
        snapshot: Versions of the lake's tables; default: the newest.
        since: As if records had begun then; default: everything.
    """
    question = question or Question()
    names = names or question.columns or feature_names()
    # How long the history is, is asked even where the question leaves it out of what is learnt from.
    read = names if not outcome or AGE in names else (*names, AGE)
    with open_moment(
        stores,
        as_of=as_of,
        horizon=horizon if outcome else None,
        snapshot=snapshot,
        people=people,
        since=since,
        engine=stores.history_engine if people is None else None,
    ) as moment:
        moment.bind_profiles()
        catalogue = [name for name in read if not name.startswith(OWN_PREFIX)]
        query = exp.select("f.*").from_(features_query(moment, catalogue).subquery("f"))
        query = join_own(moment, query, question.own)
        whom = members_among(moment, question)
        if whom is not None:
            query = query.where(sql("f.profile_id IN :whom", whom=whom))
        table = moment.session.table(query.order_by("f.profile_id"))
        ids = table.column("profile_id").combine_chunks()
        if outcome:
            doers = pa.array(sorted(doers_ahead(moment, question)), pa.string())
            table = table.append_column("outcome", pc.is_in(ids, doers))
    found = FeatureTable.from_arrow(
        table,
        names=names,
        as_of=as_of.astimezone(UTC),
        horizon=horizon,
        outcome="outcome" if outcome else None,
    )
    if outcome:
        known = pc.cast(table.column(AGE), pa.float64()).to_numpy()
        found = replace(found, oldest_days=oldest_days(known))
    return ids, found


def span_days(days: int) -> timedelta:
    """A horizon of whole days.

    Raises:
        PredictError: It is not at least 1 day, or longer than a hundred years.
    """
    if not 1 <= days <= 36_525:
        raise PredictError(f"The horizon must be 1 to 36,525 days; found {days}.")
    return timedelta(days=days)


def learning_moments(
    known: Recorded,
    as_of: datetime,
    horizon: timedelta,
    event: str,
    *,
    what: str = "a propensity",
) -> TrainingMoments:
    """The moments of learning and judging, unless the data end long before `as_of`; `what` is learnt, in words."""
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
            f"{what} as of {as_of:%Y-%m-%d}",
            needed={f"days with data in the {horizon.days} days before": 1},
            present={f"days with data in the {horizon.days} days before": 0},
            advice=f"The last '{event}' was on {known.last_at:%Y-%m-%d}. Collect what came later, or give a moment "
            f"(as of) soon after that day, at least {3 * horizon.days} days after {known.first_at:%Y-%m-%d}.",
        )
    return moments
