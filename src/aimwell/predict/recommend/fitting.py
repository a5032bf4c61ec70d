"""Fitting a recommender by one method, and the parts that every one of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.factors import fit_factors
from aimwell.predict.recommend.interactions import CodeArray, Interactions
from aimwell.predict.recommend.neighbours import WEIGHTINGS, find_neighbours
from aimwell.predict.recommend.popularity import popularity
from aimwell.predict.recommend.recommender import AgainMethod, Method, Recommender
from aimwell.predict.recommend.repeats import fit_repeats
from aimwell.stats.threads import one_blas_thread

__all__ = ["fit_recommenders"]

# Of a person, so many products at most say what goes with what.
_PRODUCTS_MOST = 500
# So many people teach the factors of products; all others are placed by them.
_PEOPLE_MOST = 200_000


def fit_recommenders(
    interactions: Interactions,
    catalogue: Catalogue,
    methods: Sequence[Method],
    *,
    again_method: AgainMethod = "due again",
    horizon_days: int,
    by: str | None = None,
    groups: Sequence[str] = (),
    group: CodeArray | None = None,
    seed: int = 0,
) -> dict[Method, Recommender]:
    """A recommender for each method; what they share is fitted once.

    Args:
        interactions: What people did before a moment.
        catalogue: Of its products, in their order.
        methods: Of `recommender.METHODS`; those by group need groups.
        again_method: For what is bought again.
        horizon_days: How far ahead; also how far back *recent* goes.
        by, groups, group: A division of the people, its groups' names, and each person's place among them (−1: none).
        seed: Of the factorisation.
    """
    weights = interactions.weights(most=_PRODUCTS_MOST)
    usual: csr_array = find_neighbours(weights, WEIGHTINGS[0])
    recent = popularity(interactions, within_days=horizon_days)
    base = Recommender(
        catalogue=catalogue,
        method="recent popularity",
        again_method=again_method,
        popular=recent,
        by=None,
        neighbours=usual,
        factors=None,
        repeats=fit_repeats(interactions),
        horizon_days=horizon_days,
        chances={"new": (), "again": ()},
    )
    found: dict[Method, Recommender] = {}
    for method in methods:
        one = replace(base, method=method)
        if method == "popularity":
            one = replace(one, popular=popularity(interactions))
        elif method == "popularity by group":
            known = popularity(interactions, within_days=horizon_days, groups=groups, group=group)
            one = replace(one, popular=known, by=by)
        elif method.startswith("item-to-item"):
            (weighting,) = (name for name in WEIGHTINGS if method.endswith(name))
            if weighting != WEIGHTINGS[0]:
                one = replace(one, neighbours=find_neighbours(weights, weighting))
        elif method == "matrix factorisation":
            with one_blas_thread():
                one = replace(one, factors=fit_factors(_some(weights, seed), seed=seed))
        found[method] = one
    return found


def _some(weights: csr_array, seed: int) -> csr_array:
    """The rows of all people, or of a random part where they are very many."""
    people = weights.shape[0]
    if people <= _PEOPLE_MOST:
        return weights
    chosen = np.random.default_rng(seed).choice(people, _PEOPLE_MOST, replace=False)
    return csr_array(weights[np.sort(chosen)])
