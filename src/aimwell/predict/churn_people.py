"""What churn without a contract is learnt from: the horizon, the people at risk at a moment, and the law that held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import open_moment
from aimwell.history.purchase_gaps import purchase_gaps
from aimwell.predict.buying import UNIT_DAYS, Buyers, later_history, purchase_history
from aimwell.predict.law_choice import LawChoice, choose_law
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.questions import Question, Recorded, recorded
from aimwell.predict.rhythm import Rhythm, shop_rhythm
from aimwell.predict.tables import FeatureTable, TrainingMoments
from aimwell.predict.training import feature_table, span_days
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = [
    "AtRisk",
    "ChurnHorizon",
    "churn_horizon",
    "in_units",
    "law_between",
    "people_at_risk",
]


@dataclass(frozen=True, slots=True, eq=False)
class AtRisk:
    """Who ordered within the horizon before a moment: ids, features, buying; and how many did so longer ago."""

    ids: pa.Array
    table: FeatureTable
    history: PurchaseHistory
    gone: int


@dataclass(frozen=True, slots=True)
class ChurnHorizon:
    """The horizon, and where it came from."""

    days: int
    rhythm: Rhythm | None
    words: str


def churn_horizon(
    stores: Stores, as_of: datetime, asked: int | None, snapshot: Snapshot
) -> tuple[Recorded, ChurnHorizon]:
    """What was recorded, and the horizon that was asked for or that the waits between purchases give."""
    if asked is not None:
        span_days(asked)
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = recorded(moment, Question())
        gaps = purchase_gaps(moment)
    if asked is not None:
        return known, ChurnHorizon(asked, None, f"The horizon of {asked} days was asked for.")
    rhythm = shop_rhythm(gaps)
    longest = (as_of - known.first_at).days // 3
    words = (
        f"Of purchases, {rhythm.returns_seen:.0%} are followed by another within {rhythm.seen_days} days (as far as can be "
        f"seen), nine tenths of these within {rhythm.horizon_days} days."
    )
    if rhythm.horizon_days <= longest:
        return known, ChurnHorizon(rhythm.horizon_days, rhythm, words)
    if longest < 1:
        raise TooLittleDataError(
            "churn",
            needed={"days of history": 3},
            present={"days of history": (as_of - known.first_at).days},
        )
    words += (
        f" The history is too short for that: {longest} days are taken, a third of it. Some who count as gone will come "
        "back."
    )
    return known, ChurnHorizon(longest, rhythm, words)


def people_at_risk(
    stores: Stores,
    cut: datetime,
    span: timedelta,
    snapshot: Snapshot | None,
    *,
    outcome: bool,
    since: datetime | None = None,
) -> AtRisk:
    """The customers at risk at a moment; with `outcome`, whether each bought within the horizon; `since` as in `feature_table`."""
    ids, table = feature_table(
        stores,
        as_of=cut,
        horizon=span,
        outcome=outcome,
        snapshot=snapshot,
        since=since,
    )
    with open_moment(
        stores, as_of=cut, snapshot=snapshot, since=since, engine=stores.history_engine
    ) as moment:
        buyers = purchase_history(moment)
    place = pc.index_in(ids, buyers.profiles)
    bought = place.is_valid().to_numpy(zero_copy_only=False)
    silence = table.matrix(("recency_days",))[:, 0]
    recent = bought & (np.nan_to_num(silence, nan=np.inf) <= span.days)
    rows = np.flatnonzero(recent)
    kept = place.take(pa.array(rows)).to_numpy()
    return AtRisk(
        ids=ids.take(pa.array(rows)),
        table=table.take(rows),
        history=buyers.history.take(kept),
        gone=int(bought.sum()) - len(rows),
    )


def law_between(
    stores: Stores, moments: TrainingMoments, snapshot: Snapshot
) -> tuple[LawChoice | None, str]:
    """The law that holds from the first moment to the second, or why there is none."""
    span = moments.judge_as_of - moments.train_as_of
    with open_moment(
        stores,
        as_of=moments.train_as_of,
        horizon=span,
        snapshot=snapshot,
        engine=stores.history_engine,
    ) as moment:
        buyers: Buyers = purchase_history(moment)
        then = later_history(moment, buyers)
    try:
        return choose_law(replace(buyers.history, spend=None), then), ""
    except PredictError as error:
        return None, f"No law of buying stands beside them. {error}"


def in_units(span: timedelta) -> float:
    """A span in the units of time of the laws of buying."""
    return span / timedelta(days=UNIT_DAYS)
