"""Personas: every group of a division of people, with its size, its value and what sets it apart from the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.history.features import features
from aimwell.history.moment import Moment
from aimwell.segment.persona_differences import differences
from aimwell.segment.persona_likings import likings
from aimwell.segment.persona_model import Difference, Persona, ProductLiking
from aimwell.segment.persona_queries import (
    order_spread,
    product_counts,
    time_counts,
    trait_counts,
)
from aimwell.segment.persona_times import Times, time_words, times

__all__ = ["PERSONA_FEATURES", "personas"]

PERSONA_FEATURES = (
    "recency_days",
    "customer_days",
    "orders",
    "average_order_value",
    "revenue_365d",
    "gap_mean_days",
    "discount_share",
    "coupon_share",
    "return_share",
    "products",
    "categories",
    "weekend_share",
    "events_90d",
    "opens_90d",
    "clicks_90d",
)
"""Features that personas are compared by, unless others are named."""

_TRAIT_VALUES_MAX = 50
_PRODUCT_BUYERS_MIN = 5


def personas(
    moment: Moment,
    groups: pa.Table,
    *,
    names: Sequence[str] = PERSONA_FEATURES,
    top: int = 5,
    false_share: float = 0.05,
) -> tuple[Persona, ...]:
    """A persona for every group, the largest first.

    Args:
        moment: The cut session; nothing later is looked at.
        groups: One row a person: `profile_id` and `group`, from clusters, RFM or any other division. People who
            are not known at the moment are left out.
        names: Features to compare groups by.
        top: How many differences, products, weekdays and hours to give for each.
        false_share: Share of false findings that is allowed among the differences, among the products, and among
            the times of buying.

    Raises:
        SegmentError: A column is missing, a person is in two groups, or a group has no name.
    """
    _check(groups)
    wanted = list(dict.fromkeys(["orders", "revenue", *names]))
    table = features(moment, wanted)
    chosen = groups.select(["profile_id", "group"]).to_pydict()
    place = dict(zip(chosen["profile_id"], chosen["group"], strict=True))
    own = [place.get(key) for key in table.column("profile_id").to_pylist()]
    table = table.filter(pa.array([group is not None for group in own]))
    labels = np.array([group for group in own if group is not None], dtype=str)
    moment.session.bind(
        "grouped",
        pa.table(
            {"profile_id": table.column("profile_id"), "group": pa.array(labels, pa.string())}
        ),
    )
    return _composed(moment, table, labels, names, top, false_share)


def _composed(
    moment: Moment,
    table: pa.Table,
    labels: npt.NDArray[np.str_],
    names: Sequence[str],
    top: int,
    false_share: float,
) -> tuple[Persona, ...]:
    session = moment.session
    found, counts = np.unique(labels, return_counts=True)
    sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
    traits = session.table(trait_counts(moment.latest_traits(), _TRAIT_VALUES_MAX))
    apart = differences(table, names, labels, traits, top=top, false_share=false_share)
    products = session.table(product_counts(_PRODUCT_BUYERS_MIN))
    liked = likings(products, sizes, top=top, false_share=false_share)
    bought = times(
        session.table(time_counts(moment.stores.settings.timezone)),
        session.table(order_spread()),
        list(sizes),
        top=top,
        false_share=false_share,
    )
    revenue = table.column("revenue").to_numpy()
    orders = table.column("orders").to_numpy()
    total = float(revenue.sum())
    made = []
    for group, size in sizes.items():
        inside = labels == group
        own = float(revenue[inside].sum())
        share = own / total if total > 0 else None
        favourites, more = liked[group]
        when = bought[group]
        made.append(
            Persona(
                group=group,
                size=size,
                share=size / len(labels),
                revenue=own,
                revenue_share=share,
                revenue_per_person=own / size,
                orders_per_person=float(orders[inside].mean()),
                differences=apart[group],
                favourites=favourites,
                over_indexed=more,
                weekday=when.weekday,
                hour=when.hour,
                weekdays=when.weekdays,
                hours=when.hours,
                more_weekdays=when.more_weekdays,
                more_hours=when.more_hours,
                sentence=_sentence(size, size / len(labels), share, apart[group], favourites, when),
            )
        )
    return tuple(sorted(made, key=lambda one: (-one.size, one.group)))


def _check(groups: pa.Table) -> None:
    missing = [name for name in ("profile_id", "group") if name not in groups.schema.names]
    if missing:
        raise SegmentError(f"The division of people lacks the columns {', '.join(missing)}.")
    if groups.column("group").null_count or groups.column("profile_id").null_count:
        raise SegmentError(
            "A row of the division of people has no person or no group. Leave it out."
        )
    people = groups.column("profile_id")
    if len(people.unique()) < len(people):
        raise SegmentError(
            "A person is in two groups. Personas need a division: each person in one group at most."
        )


def _sentence(
    size: int,
    share: float,
    revenue_share: float | None,
    apart: Sequence[Difference],
    favourites: Sequence[ProductLiking],
    when: Times,
) -> str:
    text = f"{size:,} people ({share:.0%})"
    if revenue_share is not None:
        text += f" with {revenue_share:.0%} of the revenue"
    if apart:
        text += f": {', '.join(one.words for one in apart[:3])}"
    text += "." + time_words(when)
    if favourites:
        first = favourites[0]
        text += f" Favourite product: {first.name or first.sku} ({first.own:.0%} have bought it)."
    return text
