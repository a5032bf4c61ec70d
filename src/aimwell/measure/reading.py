"""Reads the assigned people of a plan with all that they did, before and after its start, through the as-of cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Place, Plan
from aimwell.decide.offers.codes import given_codes
from aimwell.decide.people import NOTHING_WORD
from aimwell.history.moment import Moment, open_moment
from aimwell.history.outcomes import outcomes
from aimwell.measure.churn import LapsePeriod, lapse_period
from aimwell.measure.customer_value import Values, values_before_and_after
from aimwell.measure.ledger import CONTACT_COLUMNS
from aimwell.measure.members import Grouping, InSegments
from aimwell.measure.model import Span
from aimwell.measure.people import NOTHING, UNKNOWN, Cell, People
from aimwell.measure.queries import CONTACTED, GAPS, PEOPLE, PLACED, REDEEMABLE, SPENT
from aimwell.measure.redemptions import Purchase, Redeemed, redeemed
from aimwell.predict.buying import purchase_history
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Reading", "cells_of", "read_people"]

_ORDER_EVENT = "Order Completed"


@dataclass(frozen=True, eq=False)
class Reading:
    """What was read.

    Attributes:
        people: The assigned, by the order of their profile ids.
        profiles: Their ids as they are today.
        redemptions: Orders of each person that redeemed an offer which revenue does not show.
        spent_by, spent_on, spent: Revenue of the window: whose (position), when (days after the start), how much.
        merged, crossed: People who were several when the plan was made; those of them in both arms.
        newest_order_at: The last order of anybody within what is measured.
        lapse: After how long a customer counts as lost.
        value_reason: Why there is no lifetime value; None where there is.
        in_segments: Who was in the segments asked for; None where none was.
        contacts: What befell the messages of each person, by `ledger.CONTACT_COLUMNS`; empty where nobody asked.
    """

    people: People
    profiles: pa.Array
    redemptions: NDArray[np.int64]
    spent_by: NDArray[np.int64]
    spent_on: FloatArray
    spent: FloatArray
    merged: int
    crossed: int
    newest_order_at: datetime | None
    lapse: LapsePeriod
    value_reason: str | None
    in_segments: InSegments | None
    contacts: Mapping[str, FloatArray]


_PASSED = Cell("", None)
"""Neither held out nor contacted: the policy chose nothing for them."""


def cells_of(parts: CampaignParts) -> tuple[Cell, ...]:
    """All actions of the campaign in all their content variants, in the order in which they are written."""
    return tuple(
        Cell(action.key, variant.name)
        for action in parts.campaign.actions
        for variant in parts.templates[action.template].variants
    )


def read_people(
    stores: Stores,
    plan: Plan,
    parts: CampaignParts,
    people: Sequence[Place],
    *,
    span: Span,
    offers_reached: bool = True,
    grouping: Grouping | None = None,
    contacts: pa.Table | None = None,
    valued: bool = True,
) -> Reading:
    """The assigned people of a plan by today's identity, each once, with what they did.

    Args:
        plan: The plan.
        parts: Its definitions, as they were when it was made.
        people: Its treated, held-out and passed-over places.
        span: When outcomes count.
        offers_reached: Whether anybody was told of the offers; if not, nobody redeemed them.
        grouping: Tells who was in which segment at the start; None where nobody asks.
        contacts: As `ledger.read_contacts` gives them; None where nobody asks what befell the messages.
        valued: Whether to read lifetime values, for which models are fitted.
    """
    snapshot = stores.lake.pin()
    cells = cells_of(parts)
    if any(place.arm == "passed" for place in people):
        # What a policy is worth is told by all whom it decided for: also those whom it gave nothing.
        cells = (*cells, _PASSED)
    with open_moment(
        stores,
        as_of=span.starts_at,
        horizon=span.measured_until - span.starts_at,
        snapshot=snapshot,
    ) as moment:
        session = moment.session
        session.bind("assigned", _assigned(people, cells))
        session.materialise("placed", sql(PLACED, planned=plan.as_of, campaign=plan.campaign))
        session.bind("order_outcomes", outcomes(moment))
        goal = parts.campaign.goal.event
        session.bind(
            "goal_outcomes",
            outcomes(moment, event=goal)
            if goal != _ORDER_EVENT
            else sql("SELECT * FROM order_outcomes"),
        )
        lapse = lapse_period(dict(session.rows(sql(GAPS, zone=stores.settings.timezone))))
        period = timedelta(days=lapse.days or 0)
        table = session.table(
            sql(
                PEOPLE,
                active_from=span.starts_at - period,
                still_from=span.measured_until - period,
            )
        )
        profiles = table.column("profile_id").combine_chunks()
        session.bind(
            "members",
            pa.table(
                {"profile_id": profiles, "position": pa.array(range(len(profiles)), pa.int64())}
            ),
        )
        spent = session.table(sql(SPENT))
        befell = {} if contacts is None else _befell(moment, contacts, len(profiles))
        redeemed_by = _redeemed(moment, parts, table, cells) if offers_reached else {}
        newest = session.rows(sql("SELECT max(ordered_at) FROM orders_ahead"))[0][0]
        before = purchase_history(moment) if valued and span.finished else None
        in_segments = None if grouping is None else grouping(moment, len(profiles))
    values = Values(
        reason="the window is not over yet; value after the campaign is read at its end"
        if valued
        else "nobody asked for it"
    )
    if before is not None:
        with open_moment(stores, as_of=span.measured_until, snapshot=snapshot) as later:
            after = purchase_history(later)
        values = values_before_and_after(before, after, profiles)
    return Reading(
        people=_people(
            table,
            cells,
            redeemed_by,
            lapse,
            values,
            befell,
            clustered=parts.campaign.cluster is not None,
        ),
        profiles=profiles,
        redemptions=_per_person(redeemed_by, len(profiles), lambda r: r.orders).astype(np.int64),
        spent_by=spent.column("position").to_numpy(),
        spent_on=_days_after(spent.column("ordered_at"), span.starts_at),
        spent=spent.column("revenue").to_numpy(),
        merged=int((table.column("places").to_numpy() > 1).sum()),
        crossed=int(table.column("crossed").to_numpy().sum()),
        newest_order_at=newest,
        lapse=lapse,
        value_reason=values.reason,
        in_segments=in_segments,
        contacts=befell,
    )


def _befell(moment: Moment, contacts: pa.Table, people: int) -> dict[str, FloatArray]:
    """What befell the messages of each person, by position."""
    moment.session.bind("contacts", contacts)
    counted = moment.session.table(sql(CONTACTED))
    positions = counted.column("position").to_numpy()
    found = {}
    for name in CONTACT_COLUMNS:
        found[name] = np.zeros(people)
        found[name][positions] = counted.column(name).to_numpy()
    return found


def _assigned(people: Sequence[Place], cells: Sequence[Cell]) -> pa.Table:
    index = {cell: number for number, cell in enumerate(cells)}
    first = {cell.action: number for number, cell in reversed(list(enumerate(cells)))}
    chosen: dict[str | None, int] = {NOTHING_WORD: NOTHING, None: UNKNOWN}
    chosen.update(first)
    return pa.table(
        {
            "origin_id": pa.array([place.origin_id for place in people], pa.string()),
            "planned_as": pa.array([place.profile_id for place in people], pa.string()),
            "bucket": pa.array([place.bucket for place in people], pa.int64()),
            "cell": pa.array(
                [
                    -1 if place.arm == "control" else index[Cell(place.action or "", place.variant)]
                    for place in people
                ],
                pa.int64(),
            ),
            "choice": pa.array([chosen[place.choice] for place in people], pa.int64()),
            "explored": pa.array([place.explored for place in people], pa.bool_()),
            "probability": pa.array(
                [float("nan") if p.probability is None else p.probability for p in people],
                pa.float64(),
            ),
        }
    )


def _days_after(column: pa.ChunkedArray, start: datetime) -> FloatArray:
    micros = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return np.asarray((micros - round(start.timestamp() * 1_000_000)) / 86_400e6, dtype=np.float64)


def _redeemed(
    moment: Moment, parts: CampaignParts, table: pa.Table, cells: Sequence[Cell]
) -> dict[int, Redeemed]:
    """What redemptions cost each person; not read where revenue shows all of it."""
    costly = {
        name: offer
        for name, offer in parts.offers.items()
        if offer.cost_beyond > 0 or not offer.discount_in_orders
    }
    if not costly:
        return {}
    rows = moment.session.rows(sql(REDEEMABLE))
    offer_of_action = {action.key: action.offer for action in parts.campaign.actions}
    offer_of = {
        position: offer_of_action.get(cells[cell].action) or ""
        for position, cell in enumerate(table.column("cell").to_pylist())
        if cell >= 0
    }
    pooled = [name for name, offer in costly.items() if offer.codes is not None]
    codes = given_codes(moment.stores.control, pooled) if pooled else {}
    return redeemed([Purchase(*row) for row in rows], offers=costly, offer_of=offer_of, codes=codes)


def _people(
    table: pa.Table,
    cells: tuple[Cell, ...],
    redeemed_by: Mapping[int, Redeemed],
    lapse: LapsePeriod,
    values: Values,
    befell: Mapping[str, FloatArray],
    *,
    clustered: bool,
) -> People:
    def column(name: str) -> NDArray[np.float64]:
        found = table.column(name).to_numpy()
        return np.asarray(found, dtype=np.float64)

    def flag(name: str) -> NDArray[np.bool_]:
        return np.asarray(table.column(name).to_numpy(), dtype=np.bool_)

    choice = table.column("choice").to_numpy().astype(np.int64)
    people = People(
        cells=cells,
        cell=table.column("cell").to_numpy().astype(np.int64),
        probability=column("probability"),
        converted=flag("converted"),
        orders=column("orders"),
        revenue=column("revenue"),
        # To the places of money: an engine's sums of doubles differ from run to run in the last digit.
        margin=np.round(column("margin"), 4),
        offer_cost=_per_person(redeemed_by, table.num_rows, lambda r: r.cost),
        spend_before=column("spend_before"),
        customer=flag("customer"),
        value_before=values.before,
        value_after=values.after,
        # Whoever shares a bucket was drawn together: the group, as it was when the arms were drawn.
        cluster=table.column("bucket").to_numpy().astype(np.int64) if clustered else None,
        choice=None if (choice == UNKNOWN).all() else choice,
        explored=flag("explored"),
        drawn_before=flag("drawn_before"),
        reached=(befell["sent"] > befell["bounced"]) if befell else None,
        opened=(befell["opened"] > 0) if befell else None,
        clicked=(befell["clicked"] > 0) if befell else None,
    )
    if lapse.days is None:
        return people
    return replace(people, active=flag("active"), still_active=flag("still_active"))


def _per_person(
    redeemed_by: Mapping[int, Redeemed], n: int, read: Callable[[Redeemed], float]
) -> FloatArray:
    found = np.zeros(n)
    for position, what in redeemed_by.items():
        found[position] = read(what)
    return found
