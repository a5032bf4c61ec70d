"""Ranked lists for some people: candidates by the method, the rules, filled up by what is popular."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.predict.recommend.candidates import Candidates, joined, ranked
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.interactions import CodeArray, Pairs
from aimwell.predict.recommend.recommender import Recommender
from aimwell.predict.recommend.rules import Exclusions, Rules, allowed_pairs
from aimwell.stats.samples import FloatArray

__all__ = ["Lists", "make_lists"]

BoolArray = npt.NDArray[np.bool_]
_SPARE = 20
"""Candidates for each place of a list where some may be too many of one category."""


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """One entry a place of a list, by person and rank.

    Args:
        person, product: Places among the people and the skus.
        rank: From 1 on.
        score: Orders one person's list: of the method, of popularity, or, of the next best, the share of such places that were
            bought on later time.
        popular: Whether popularity alone speaks for it.
        again: Whether it is there because it may be bought again.
    """

    person: CodeArray
    product: CodeArray
    rank: CodeArray
    score: FloatArray
    popular: BoolArray
    again: BoolArray

    def __len__(self) -> int:
        return len(self.person)


def make_lists(
    recommender: Recommender,
    pairs: Pairs,
    people: int,
    rules: Rules,
    *,
    products: BoolArray,
    catalogue: Catalogue,
    exclusions: Exclusions,
    groups: CodeArray | None = None,
) -> Lists:
    """The list of each of so many people.

    Args:
        recommender: What was learnt.
        pairs: What the people did.
        people: How many they are.
        rules: What is asked for.
        products: Which products somebody may get (`allowed_products`).
        catalogue: Of the recommender's skus, in their order.
        exclusions: What the rules leave out is added here.
        groups: Of each person, the place among the groups of `recommender.popular`.
    """
    allowed = allowed_pairs(rules, pairs, people, products, catalogue, exclusions)
    spread = _Spread(catalogue.category_codes, rules.most_per_category, rules.k)
    if rules.kind == "again":
        best, rank = spread.ranked(recommender.again(pairs, allowed))
        return _lists(best, rank, np.ones(len(best), dtype=bool))
    if rules.kind != "next-best":
        best, rank = _new(recommender, pairs, people, allowed, spread, groups)
        return _lists(best, rank, np.zeros(len(best), dtype=bool))
    old, old_rank = spread.ranked(recommender.again(pairs, allowed))
    bought = pairs.days > 0
    allowed[pairs.person[bought], pairs.product[bought]] = False
    fresh, fresh_rank = _new(recommender, pairs, people, allowed, spread, groups)
    both = joined(
        _by_chance(old, old_rank, recommender.chances["again"]),
        _by_chance(fresh, fresh_rank, recommender.chances["new"]),
    )
    best, rank = spread.ranked(both)
    had = np.isin(_keys(best, len(products)), _keys(old, len(products)))
    popular = np.isin(
        _keys(best, len(products)), _keys(fresh.some(fresh.source == 1), len(products))
    )
    return Lists(best.person, best.product, rank, best.score, popular, had)


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """How lists are cut: so many products, so many of one category."""

    category: CodeArray
    most: int | None
    k: int

    @property
    def depth(self) -> int:
        return self.k if self.most is None else self.k * _SPARE

    def ranked(self, candidates: Candidates) -> tuple[Candidates, CodeArray]:
        return ranked(candidates, k=self.k, category=self.category, most_per_category=self.most)


def _new(
    recommender: Recommender,
    pairs: Pairs,
    people: int,
    allowed: BoolArray,
    spread: _Spread,
    groups: CodeArray | None,
) -> tuple[Candidates, CodeArray]:
    """By the method; whose list is short gets what is popular behind it."""
    found = recommender.new(pairs, people, allowed, depth=spread.depth)
    best, rank = spread.ranked(found)
    short = np.flatnonzero(np.bincount(best.person, minlength=people) < spread.k)
    if not len(short):
        return best, rank
    left = allowed.copy()
    left[found.person, found.product] = False
    filling = recommender.filled(short, groups, left, depth=spread.depth)
    return spread.ranked(joined(best, filling))


def _by_chance(best: Candidates, rank: CodeArray, chances: tuple[float, ...]) -> Candidates:
    """The same with the chance of the rank as the score; ranks behind the last judged one have the chance of that."""
    falling = np.minimum.accumulate(np.array(chances))
    score = falling[np.minimum(rank, len(falling)) - 1]
    # Of equal chances the earlier rank goes first.
    score = score * (1 - 1e-9 * rank)
    return Candidates(best.person, best.product, score, np.zeros(len(best), dtype=np.int8))


def _keys(found: Candidates, products: int) -> CodeArray:
    return found.person * products + found.product


def _lists(best: Candidates, rank: CodeArray, again: BoolArray) -> Lists:
    return Lists(best.person, best.product, rank, best.score, best.source == 1, again)
