"""What an offer would have cost on the orders of the past, read and worked out."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.offers.cost import OfferCost, expected_cost
from aimwell.decide.offers.discount import Baskets, Given, given
from aimwell.definitions.kinds.offer import Offer
from aimwell.history.moment import open_moment
from aimwell.segment.service import members
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["offer_cost"]


def offer_cost(
    stores: Stores,
    offer: Offer,
    *,
    as_of: datetime,
    days: int,
    segment: str | None = None,
    contact_cost: float = 0.0,
) -> OfferCost:
    """What the offer would have cost in the `days` before `as_of`, had nobody bought differently.

    Args:
        segment: Whose orders count, as of the beginning of the period; None: of everybody known then.
        contact_cost: Of one message.
    """
    start = as_of - timedelta(days=days)
    with open_moment(
        stores,
        as_of=start,
        horizon=timedelta(days=days),
        engine=stores.history_engine,
    ) as moment:
        if segment is None:
            moment.bind_known()
            people = moment.session.table(sql("SELECT profile_id FROM known ORDER BY profile_id"))
        else:
            people = members(stores, segment, as_of=start)
        lines = moment.session.table(
            sql(
                """
                SELECT m.profile_id, m.order_id, min(m.ordered_at) AS ordered_at,
                       coalesce(m.sku, '') AS sku, coalesce(any_value(p.category), '') AS category,
                       CAST(sum(m.quantity) AS double) AS quantity,
                       CAST(sum(m.revenue) AS double) AS value, sum(m.margin) AS margin,
                       count(*) = count(m.margin) AS margin_known
                FROM line_margins_ahead AS m LEFT JOIN product_facts AS p ON p.sku = m.sku
                WHERE m.kind = 'sale' AND m.goods AND m.profile_id IS NOT NULL
                GROUP BY m.profile_id, m.order_id, coalesce(m.sku, '')
                ORDER BY ordered_at, m.profile_id, m.order_id, sku
                """
            )
        )
        shipped = moment.session.table(
            sql(
                """
                SELECT profile_id, order_id, CAST(sum(coalesce(shipping, 0)) AS double) AS shipping
                FROM orders_ahead WHERE kind = 'sale' AND profile_id IS NOT NULL
                GROUP BY profile_id, order_id
                """
            )
        )
    return _cost(offer, people, lines, shipped, contact_cost=contact_cost, days=float(days))


def _cost(
    offer: Offer,
    people: pa.Table,
    lines: pa.Table,
    shipped: pa.Table,
    *,
    contact_cost: float,
    days: float,
) -> OfferCost:
    keys = _keys(lines)
    encoded = keys.dictionary_encode()
    order = encoded.indices.to_numpy().astype(np.int64)
    count = len(encoded.dictionary)
    place = pc.index_in(encoded.dictionary, value_set=_keys(shipped))
    shipping = shipped.column("shipping").take(place).fill_null(0.0)
    baskets = Baskets(
        count=count,
        order=order,
        sku=np.array(lines.column("sku").to_pylist(), dtype=np.str_),
        category=np.array(lines.column("category").to_pylist(), dtype=np.str_),
        quantity=_floats(lines, "quantity"),
        value=_floats(lines, "value"),
        shipping=np.asarray(shipping.to_numpy(), dtype=np.float64),
    )
    known = np.asarray(lines.column("margin_known").to_numpy(), dtype=np.bool_)
    margin = baskets.sum(np.where(known, _floats(lines, "margin"), np.nan))
    # Lines stand in the order of time, so the first line of an order gives its place among all.
    _, first = np.unique(order, return_index=True)
    whose = pc.index_in(lines.column("profile_id"), value_set=people.column("profile_id"))
    person = np.asarray(whose.fill_null(-1).to_numpy(), dtype=np.int64)[first]
    found: Given = given(offer, baskets)
    return expected_cost(
        found,
        person=person,
        ordered=first.astype(np.int64),
        people=people.num_rows,
        margin=margin,
        per_person=1 if offer.conditions.first_order_only else offer.per_person,
        contact_cost=contact_cost,
        days=days,
    )


def _keys(table: pa.Table) -> pa.Array:
    """One text an order and person."""
    joined = pc.binary_join_element_wise(
        table.column("profile_id"), table.column("order_id"), "\x1f"
    )
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
