"""Why a product is in a list, in a few words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from aimwell.predict.recommend.interactions import CodeArray, Pairs, ranges
from aimwell.predict.recommend.lists import Lists
from aimwell.predict.recommend.recommender import Recommender

__all__ = ["reasons", "strongest_links"]

BoolArray = npt.NDArray[np.bool_]


def reasons(
    recommender: Recommender,
    lists: Lists,
    pairs: Pairs,
    people: int,
    names: pa.Array,
    groups: CodeArray | None,
) -> pa.Array:
    """One short text an entry of the lists: `bought with X`, `popular in Y`, `due again …`.

    Args:
        recommender, lists, pairs, people, groups: As lists were made from.
        names: What each product is called.
    """
    found = np.full(len(lists), -1, dtype=np.int64)
    by_likeness = ~lists.popular & ~lists.again
    found[by_likeness] = strongest_links(
        recommender.neighbours, pairs, people, lists.person[by_likeness], lists.product[by_likeness]
    )
    linked = pa.array(found, mask=found < 0)
    with_words = pc.binary_join_element_wise("bought with ", names.take(linked), "")
    return pc.case_when(
        pc.make_struct(pa.array(lists.again), pa.array(lists.popular)),
        _again_words(lists, pairs, len(names)),
        _popular_words(recommender, lists, groups),
        pc.fill_null(with_words, "taken by people who buy alike"),
    )


def strongest_links(
    neighbours: csr_array, pairs: Pairs, people: int, person: CodeArray, product: CodeArray
) -> CodeArray:
    """Of each person-product pair the product of the person that speaks most for it; −1 where none does.

    Args:
        neighbours: Products × products, rows sorted by place.
        pairs: What the people did, by person.
        people: How many there are.
        person, product: The pairs.
    """
    products = neighbours.shape[0]
    starts = np.searchsorted(pairs.person, np.arange(people + 1))
    begins, ends = starts[person], starts[person + 1]
    own = ranges(begins, ends)
    entry = np.repeat(np.arange(len(person)), ends - begins)
    if not len(own) or not neighbours.nnz:
        return np.full(len(person), -1, dtype=np.int64)
    row = np.repeat(np.arange(products), np.diff(neighbours.indptr))
    keys = row * products + neighbours.indices
    wanted = pairs.product[own] * products + product[entry]
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = keys[place] == wanted
    strength = np.where(there, neighbours.data[place] * pairs.weight[own], 0.0)
    best = np.zeros(len(person))
    some = np.flatnonzero(ends > begins)
    runs = np.cumsum(ends - begins) - (ends - begins)
    best[some] = np.maximum.reduceat(strength, runs[some])
    strongest = np.flatnonzero((strength == best[entry]) & (strength > 0))
    first = strongest[np.flatnonzero(np.diff(entry[strongest], prepend=-1))]
    found = np.full(len(person), -1, dtype=np.int64)
    found[entry[first]] = pairs.product[own[first]]
    return found


def _popular_words(recommender: Recommender, lists: Lists, groups: CodeArray | None) -> pa.Array:
    kind = "popular" if recommender.method == "popularity" else "popular of late"
    words = pa.array([kind, *(f"popular in {name}" for name in recommender.popular.groups[1:])])
    if groups is None or recommender.by is None:
        return pa.repeat(pa.scalar(kind), len(lists))
    place = groups[lists.person]
    return words.take(pa.array(place))


def _again_words(lists: Lists, pairs: Pairs, products: int) -> pa.Array:
    """`due again: bought 4 times, every 21 days, last 23 days ago`; due from one usual gap after the last time to two."""
    keys = pairs.person * products + pairs.product
    again = lists.again
    place = np.searchsorted(keys, lists.person * products + lists.product)
    place = np.where(again, np.minimum(place, max(0, len(keys) - 1)), 0)
    if not len(keys):
        return pa.nulls(len(lists), pa.string())
    days = pairs.days[place].astype(np.int64)
    gap = np.rint(np.nan_to_num(pairs.span[place]) / np.maximum(days - 1, 1)).astype(np.int64)
    ago = np.floor(np.nan_to_num(pairs.since[place])).astype(np.int64)
    texts = [pa.array(values).cast(pa.string()) for values in (days, gap, ago)]
    due = pc.if_else(pa.array((ago >= gap) & (ago <= 2 * gap)), "due again: bought ", "bought ")
    often = pc.binary_join_element_wise(
        due, texts[0], " times, every ", texts[1], " days, last ", texts[2], " days ago", ""
    )
    once = pc.binary_join_element_wise("bought once, ", texts[2], " days ago", "")
    return pc.if_else(pa.array(days > 1), often, once)
