"""Personas: every group of a division of people, with its size, its value and what sets it apart from the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.history.features import features
from aimwell.history.moment import Moment
from aimwell.segment.personas.differences import differences
from aimwell.segment.personas.habits import channel_use, discount_use
from aimwell.segment.personas.likings import Likings, likings
from aimwell.segment.personas.model import Difference, Persona, ProductLiking
from aimwell.segment.personas.names import name_personas
from aimwell.segment.personas.queries import (
    channel_counts,
    discount_sums,
    order_spread,
    product_counts,
    time_counts,
)
from aimwell.segment.personas.times import Times, time_words, times
from aimwell.segment.personas.traits import TRAIT_COLUMN, Traits, demographics, read_traits
from aimwell.segment.rules.phrases import people_words, share_words

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

_PRODUCT_BUYERS_MIN = 5
_NAMED_FROM = 8  # differences from which a name may take its words


def personas(
    moment: Moment,
    groups: pa.Table,
    *,
    names: Sequence[str] = PERSONA_FEATURES,
    top: int = 5,
    false_share: float = 0.05,
    without: str | None = None,
) -> tuple[Persona, ...]:
    """A persona for every group, the largest first.

    Args:
        moment: The cut session; nothing later is looked at.
        groups: One row a person: `profile_id` and `group`, from clusters, RFM or any other division. People who
            are not known at the moment are left out.
        names: Features to compare groups by; traits are compared too, but for those of special categories.
        top: How many differences, products, weekdays and hours to give for each.
        false_share: Share of false findings that is allowed among the differences, among the products, and among
            the times of buying.
        without: A trait that is not looked at, since its values are the groups.

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
    traits = read_traits(moment, table.column("profile_id").to_pylist(), without=without)
    for name, values in traits.numbers.items():
        table = table.append_column(
            f"{TRAIT_COLUMN}{name}", pa.array(values, pa.float64(), from_pandas=True)
        )
    return _composed(moment, table, labels, names, traits, top, false_share)


def _composed(
    moment: Moment,
    table: pa.Table,
    labels: npt.NDArray[np.str_],
    names: Sequence[str],
    traits: Traits,
    top: int,
    false_share: float,
) -> tuple[Persona, ...]:
    session = moment.session
    found, counts = np.unique(labels, return_counts=True)
    sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
    compared = [*names, *(f"{TRAIT_COLUMN}{name}" for name in traits.numbers)]
    apart = differences(
        table,
        compared,
        labels,
        traits.counts,
        top=max(top, _NAMED_FROM),
        false_share=false_share,
    )
    called = name_personas(apart)
    products = session.table(product_counts(_PRODUCT_BUYERS_MIN))
    liked = likings(products, sizes, top=top, false_share=false_share)
    bought = times(
        session.table(time_counts(moment.stores.settings.timezone)),
        session.table(order_spread()),
        list(sizes),
        top=top,
        false_share=false_share,
    )
    made_of = demographics(traits, labels)
    discounts = discount_use(session.table(discount_sums()), list(sizes))
    channels = channel_use(session.table(channel_counts()), list(sizes))
    total = float(table.column("revenue").to_numpy().sum())
    made = []
    for group in sizes:
        inside = labels == group
        shares, numbers = made_of[group]
        made.append(
            Persona(
                group=group,
                name=called[group],
                **_worth(table, inside, total),
                **_likes(liked, group),
                differences=apart[group][:top],
                weekday=bought[group].weekday,
                hour=bought[group].hour,
                weekdays=bought[group].weekdays,
                hours=bought[group].hours,
                more_weekdays=bought[group].more_weekdays,
                more_hours=bought[group].more_hours,
                demographics=shares,
                numbers=numbers,
                channels=channels[group],
                discounts=discounts[group],
                averages=_averages(table, names, inside),
                sentence=_sentence(
                    table, inside, total, apart[group], liked[group][0], bought[group]
                ),
            )
        )
    return tuple(sorted(made, key=lambda one: (-one.size, one.group)))


def _worth(table: pa.Table, inside: npt.NDArray[np.bool_], total: float) -> dict[str, Any]:
    """Size and money of a group."""
    size = int(inside.sum())
    own = float(table.column("revenue").to_numpy()[inside].sum())
    return {
        "size": size,
        "share": size / len(inside),
        "revenue": own,
        "revenue_share": own / total if total > 0 else None,
        "revenue_per_person": own / size,
        "orders_per_person": float(table.column("orders").to_numpy()[inside].mean()),
    }


def _likes(liked: Likings, group: str) -> dict[str, Any]:
    favourites, more = liked[group]
    return {"favourites": favourites, "over_indexed": more}


def _averages(
    table: pa.Table, names: Sequence[str], inside: npt.NDArray[np.bool_]
) -> Mapping[str, float | None]:
    """Means of the features among those of the group of whom they are known."""
    found: dict[str, float | None] = {}
    for name in names:
        column = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)[inside]
        known = column[~np.isnan(column)]
        found[name] = float(known.mean()) if len(known) else None
    return found


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
    table: pa.Table,
    inside: npt.NDArray[np.bool_],
    total: float,
    apart: Sequence[Difference],
    favourites: Sequence[ProductLiking],
    when: Times,
) -> str:
    worth = _worth(table, inside, total)
    text = f"{people_words(worth['size'])} ({share_words(worth['share'])})"
    if worth["revenue_share"] is not None:
        text += f" with {share_words(worth['revenue_share'])} of the revenue"
    if apart:
        text += f": {', '.join(one.words for one in apart[:3])}"
    text += "." + time_words(when)
    if favourites:
        first = favourites[0]
        text += f" Favourite product: {first.name or first.sku} ({first.own:.0%} have bought it)."
    return text
