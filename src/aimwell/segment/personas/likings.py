"""Products that a group buys: its favourites, and those that it buys more than other people do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from aimwell.segment.personas.model import ProductLiking
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["Likings", "likings"]

_BUYERS_MIN = 5
_SHARE_MIN = 0.02

Likings = Mapping[str, tuple[tuple[ProductLiking, ...], tuple[ProductLiking, ...]]]
"""Group → its favourites, and what it buys more than others."""


def likings(counts: pa.Table, sizes: Mapping[str, int], *, top: int, false_share: float) -> Likings:
    """Products of each group.

    Args:
        counts: group, sku, name, buyers; see `product_counts`.
        sizes: People in each group.
        top: How many of either to give.
        false_share: Share of false findings that is allowed among products bought more.
    """
    bought: dict[str, dict[str, int]] = defaultdict(dict)
    names: dict[str, str | None] = {}
    for row in counts.to_pylist():
        bought[row["sku"]][row["group"]] = row["buyers"]
        names[row["sku"]] = row["name"]
    found = {group: _compared(group, bought, names, sizes) for group in sizes}
    every = [one for group in sizes for one in found[group]]
    adjusted = iter(benjamini_hochberg([one.p_value for one in every]))
    result: dict[str, tuple[tuple[ProductLiking, ...], tuple[ProductLiking, ...]]] = {}
    for group in sizes:
        rows = [replace(one, p_value=next(adjusted)) for one in found[group]]
        favourites = sorted(rows, key=lambda one: (-one.buyers, one.sku))[:top]
        more = [one for one in rows if _bought_more(one, false_share)]
        more.sort(key=lambda one: (-(one.index or float("inf")), -one.buyers, one.sku))
        result[group] = tuple(favourites), tuple(more[:top])
    return result


def _compared(
    group: str,
    bought: Mapping[str, Mapping[str, int]],
    names: Mapping[str, str | None],
    sizes: Mapping[str, int],
) -> list[ProductLiking]:
    size, everyone = sizes[group], sum(sizes.values())
    skus = [sku for sku, by_group in bought.items() if by_group.get(group)]
    own = np.array([bought[sku][group] for sku in skus], dtype=np.int64)
    buyers = np.array([sum(bought[sku].values()) for sku in skus], dtype=np.int64)
    elsewhere = (buyers - own) / max(everyone - size, 1)
    # Imported here: all of scipy.stats for one figure of a persona.
    from scipy.stats import hypergeom

    # Fisher's exact test, one-sided: so many buyers in the group, or more, were all alike.
    chance = hypergeom.sf(own - 1, everyone, buyers, size)
    return [
        ProductLiking(
            sku=sku,
            name=names[sku],
            buyers=int(count),
            own=int(count) / size,
            others=float(others),
            index=int(count) / size / float(others) if others else None,
            p_value=min(float(p_value), 1.0) if everyone > size else None,
        )
        for sku, count, others, p_value in zip(skus, own, elsewhere, chance, strict=True)
    ]


def _bought_more(one: ProductLiking, false_share: float) -> bool:
    return (
        one.p_value is not None
        and one.p_value <= false_share
        and one.own > one.others
        and one.buyers >= _BUYERS_MIN
        and one.own >= _SHARE_MIN
    )
