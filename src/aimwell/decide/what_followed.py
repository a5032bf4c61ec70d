"""What people did within a campaign's window after a moment, and the smallest lift over it that could be found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.detectable import detectable
from aimwell.decide.losing_offers import UsualOrder
from aimwell.decide.model import Detectable
from aimwell.history.moment import open_moment
from aimwell.history.outcomes import outcomes
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["Followed", "what_followed"]


@dataclass(frozen=True, eq=False)
class Followed:
    """One entry a person.

    Attributes:
        values: The value of the campaign's goal, in `unit`; revenue stands in for a margin that is not known of all sales.
        bought: Whether the goal was reached.
        metric: What `values` is, as 'margin per person'.
        margin_known: Whether every margin that was asked for is known.
        usual: The mean order of those of whom the margin is known; None: of nobody, or the goal is no order.
    """

    values: NDArray[np.float64]
    bought: NDArray[np.bool_]
    metric: str
    unit: str
    margin_known: bool
    usual: UsualOrder | None = None

    def detectable(self, *, treated: int, control: int) -> tuple[Detectable, ...]:
        """The smallest lifts that arms of this size would find among such people."""
        return detectable(
            self.values,
            self.bought,
            treated=treated,
            control=control,
            unit=self.unit,
            metric=self.metric,
        )


def what_followed(
    stores: Stores,
    parts: CampaignParts,
    people: Sequence[str],
    moment: datetime,
    snapshot: Snapshot,
) -> Followed:
    """What these people did from a moment on, within the window of the campaign's goal."""
    goal = parts.campaign.goal
    with open_moment(
        stores,
        as_of=moment,
        horizon=goal.window,
        snapshot=snapshot,
        engine=stores.history_engine,
    ) as before:
        table = outcomes(before, event=goal.event)
    known = goal.value != "margin" or table.column("margin").null_count == 0
    column = "orders" if goal.value == "count" else goal.value if known else "revenue"
    place = pc.index_in(pa.array(people, pa.string()), value_set=table.column("profile_id"))
    theirs = table.take(place.drop_null())
    return Followed(
        values=_numbers(table.column(column).take(place).cast(pa.float64())),
        bought=_numbers(table.column("bought").take(place).cast(pa.int8())) > 0,
        metric=f"{column} per person",
        unit="orders" if column == "orders" else stores.settings.currency,
        margin_known=known,
        usual=_usual(theirs) if goal.event == "Order Completed" else None,
    )


def _usual(table: pa.Table) -> UsualOrder | None:
    known = table.filter(pc.and_(pc.is_valid(table.column("margin")), table.column("bought")))
    orders = int(pc.sum(known.column("orders")).as_py() or 0)
    if not orders:
        return None
    value, margin = (float(pc.sum(known.column(name)).as_py()) for name in ("revenue", "margin"))
    return UsualOrder(orders, value / orders, margin / orders)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """The column with 0 where somebody is not in it."""
    return np.nan_to_num(np.asarray(column.to_numpy(), dtype=np.float64), nan=0.0)
