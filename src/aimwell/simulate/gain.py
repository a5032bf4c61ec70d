"""What messages truly add: the same world with them and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.simulate.accounts import people_of
from aimwell.simulate.actions import Action
from aimwell.simulate.answer import answer
from aimwell.simulate.people import Floats, Ints
from aimwell.simulate.shop import Shop

__all__ = ["Gain", "gain_of"]


@dataclass(frozen=True)
class Gain:
    """What so many messages added to the orders of the people who got them: orders, revenue and margin, in total."""

    messages: int
    orders: int
    revenue: float
    margin: float


def gain_of(
    shop: Shop,
    messages: pa.Table,
    *,
    actions: Sequence[Action],
    since: datetime,
    until: datetime,
    before: pa.Table | None = None,
    margin_default: float | None = None,
) -> Gain:
    """What these messages truly add to what their recipients buy from `since` to `until`, returns taken off.

    Both worlds use the same random numbers, so the difference is the effect on these very people.

    Args:
        messages: As `answer` takes them.
        before: Messages that were sent in both worlds.
        margin_default: Share of revenue that is the margin of goods without a known cost; None: the shop's own.

    Raises:
        SimulateError: As `answer`.
    """
    earlier = messages.slice(0, 0) if before is None else before
    share = shop.spec.margin if margin_default is None else margin_default
    people = people_of(shop, pc.unique(messages["customer_id"]))
    with_it, without = (
        _earned(
            _of_people(
                shop,
                answer(shop, world, actions=actions, since=since, until=until).order_lines,
                people,
            ),
            share,
        )
        for world in (pa.concat_tables([earlier, messages]), earlier)
    )
    return Gain(
        messages.num_rows,
        round(with_it[0] - without[0]),
        with_it[1] - without[1],
        with_it[2] - without[2],
    )


def _of_people(shop: Shop, lines: pa.Table, people: Ints) -> pa.Table:
    """The order lines of these people, under whichever of their customer ids."""
    known = lines.filter(pc.is_valid(lines["customer_id"]))
    return known.filter(pa.array(np.isin(people_of(shop, known["customer_id"]), people)))


def _earned(lines: pa.Table, margin_default: float) -> tuple[int, float, float]:
    """Orders, revenue and margin of order lines."""

    def number(name: str) -> Floats:
        values = pc.cast(lines[name], pa.float64())
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)

    quantity = number("quantity")
    orders = len(pc.unique(pc.filter(lines["order_id"], pa.array(quantity > 0))))
    revenue = quantity * number("unit_price") - np.nan_to_num(number("discount"))
    cost = number("unit_cost")
    margin = np.where(np.isnan(cost), revenue * margin_default, revenue - quantity * cost)
    return orders, float(revenue.sum()), float(margin.sum())
