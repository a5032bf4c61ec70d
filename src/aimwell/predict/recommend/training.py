"""Learning what to recommend: all methods judged a horizon ago on what people bought since, the chosen ones fitted to today.

Unlike a propensity, what is registered is fitted anew to everything before `as_of`: products come and go, and lists that
end a horizon ago would lack what is new and hold what is gone. What was judged is the method, on the same shop a horizon earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from aimwell.errors import TooLittleDataError
from aimwell.history.moment import TIME_COLUMNS, Moment, open_moment
from aimwell.predict.questions import Question, Recorded, recorded
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.recommend.interactions import CodeArray, Interactions
from aimwell.predict.recommend.judging import Contest, hold_contest, split_truth
from aimwell.predict.recommend.reading import coded, read_catalogue, read_interactions, read_truth
from aimwell.predict.recommend.recommender import (
    AGAIN_METHODS,
    METHODS,
    AgainMethod,
    Method,
    Recommender,
)
from aimwell.predict.recommend.rules import Kind
from aimwell.predict.training import Progress, span_days
from aimwell.segment.divisions import divide
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["Learnt", "group_places", "learn"]

_PRODUCTS_LEAST = 5
_HORIZONS_LEAST = 2


@dataclass(frozen=True, slots=True)
class Learnt:
    """A recommender fitted to everything before a moment, and how its methods were chosen.

    Args:
        model: What is registered.
        contests: `new` and `again`, as far as enough people could be judged.
        unjudged: Kind → why nothing can be told of it; the simplest method stands for it.
        judged_as_of: When the lists that were judged were made.
        people, pairs: In the final fit: people, and pairs of person and product.
        recorded: First and last purchase before `as_of`.
        snapshot: What was read.
    """

    model: Recommender
    contests: Mapping[Kind, Contest]
    unjudged: Mapping[Kind, str]
    judged_as_of: datetime
    people: int
    pairs: int
    recorded: Recorded
    snapshot: Snapshot

    @property
    def metrics(self) -> dict[str, Any]:
        """As the registry keeps it."""
        return {
            "method": self.model.method,
            "again_method": self.model.again_method,
            "judged_as_of": self.judged_as_of.isoformat(),
            "recorded": {
                "first_at": self.recorded.first_at.isoformat(),
                "last_at": self.recorded.last_at.isoformat(),
            },
            "people": self.people,
            "products": len(self.model.skus),
            "pairs": self.pairs,
            "contests": {kind: one.plain for kind, one in self.contests.items()},
            "unjudged": dict(self.unjudged),
        }


def learn(
    stores: Stores,
    *,
    as_of: datetime,
    horizon_days: int,
    by: str | None = None,
    k: int = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> Learnt:
    """Judge all methods on the last horizon before `as_of`, and fit the chosen ones to everything before it.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        horizon_days: What people bought in so many days after a list is what it is judged by.
        by: A division of people (`segment.divisions`), whose groups' popular products are a method, too.
        k: Length of the lists that are judged.
        seed: Of the factorisation and of who is judged, where they are very many.
        progress: Called with steps done, steps in all, and what comes next.

    Raises:
        TooLittleDataError: Too short a history, too few products, or nobody can be judged.
        PredictError: Nobody ever bought.
        SegmentError: `by` is no division.
    """
    said = progress or _silent
    horizon = span_days(horizon_days)
    snapshot = stores.lake.pin(*TIME_COLUMNS)
    engine = stores.history_engine
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        known = recorded(moment, Question())
    present = max(0, (as_of - known.first_at).days)
    if present < _HORIZONS_LEAST * horizon_days:
        raise TooLittleDataError(
            f"recommendations judged on {horizon_days} days",
            needed={"days of history": _HORIZONS_LEAST * horizon_days},
            present={"days of history": present},
            advice="It takes one horizon at least to learn from and one to be judged on. Take a shorter horizon, or collect "
            "older orders.",
        )
    said(0, 4, "reading what was bought before and after")
    judged_as_of = as_of - horizon
    with open_moment(
        stores, as_of=judged_as_of, horizon=horizon, snapshot=snapshot, engine=engine
    ) as moment:
        before = _enough(read_interactions(moment))
        truth = read_truth(moment, before)
        catalogue = read_catalogue(moment, before.skus)
        groups, group = group_places(moment, by, before.people)
    said(1, 4, "fitting and judging")
    methods = [one for one in METHODS if by is not None or one != "popularity by group"]
    fitted = fit_recommenders(
        before,
        catalogue,
        methods,
        horizon_days=horizon_days,
        by=by,
        groups=groups,
        group=group,
        seed=seed,
    )
    parted = split_truth(truth, before)
    any_one = fitted["popularity"]
    again = {one: replace(any_one, again_method=one) for one in AGAIN_METHODS}
    asked: tuple[tuple[Kind, Mapping[str, Recommender]], ...] = (
        ("new", {str(one): model for one, model in fitted.items()}),
        ("again", {str(one): model for one, model in again.items()}),
    )
    contests: dict[Kind, Contest] = {}
    refused: dict[Kind, TooLittleDataError] = {}
    for kind, these in asked:
        try:
            contests[kind] = hold_contest(
                these,
                kind,
                before,
                parted[kind],
                k=k,
                buyers=int((np.diff(truth.indptr) > 0).sum()),
                groups=_places(group),
                seed=seed,
            )
        except TooLittleDataError as error:
            refused[kind] = error
    if not contests:
        raise refused["new"]
    said(2, 4, "reading everything")
    with open_moment(stores, as_of=as_of, snapshot=snapshot, engine=engine) as moment:
        today = _enough(read_interactions(moment))
        catalogue = read_catalogue(moment, today.skus)
        groups, group = group_places(moment, by, today.people)
    said(3, 4, "fitting the chosen methods to it")
    method = _method(contests.get("new"))
    model = fit_recommenders(
        today,
        catalogue,
        [method],
        again_method=_again_method(contests.get("again")),
        horizon_days=horizon_days,
        by=by,
        groups=groups,
        group=group,
        seed=seed,
    )[method]
    chances = {
        kind: contests[kind].chances if kind in contests else () for kind in ("new", "again")
    }
    said(4, 4, "")
    return Learnt(
        replace(model, chances=chances),
        contests,
        {kind: str(error) for kind, error in refused.items()},
        judged_as_of,
        len(today),
        len(today.product),
        known,
        snapshot,
    )


def group_places(
    moment: Moment, by: str | None, people: pa.Array, known: tuple[str, ...] | None = None
) -> tuple[tuple[str, ...], CodeArray | None]:
    """The names of the groups of a division, and each person's place among them (−1: none of them).

    Args:
        moment: The cut session.
        by: The division; None: no groups.
        people: Whose places are asked.
        known: The groups that count; default: all that there are.
    """
    if by is None:
        return (), None
    found = divide(moment, by, visitors=True).groups
    names = known if known is not None else tuple(sorted(set(found.column("group").to_pylist())))
    of_each = coded(found.column("group"), pa.array(names, pa.string()))
    place = coded(people, found.column("profile_id").combine_chunks())
    return names, np.where(place >= 0, of_each[place], -1)


def _places(group: CodeArray | None) -> CodeArray | None:
    """Places among the groups of a `Popularity`, whose first is everybody."""
    return None if group is None else group + 1


def _enough(found: Interactions) -> Interactions:
    if len(found.skus) < _PRODUCTS_LEAST:
        raise TooLittleDataError(
            "recommendations",
            needed={"products that known people bought or looked at": _PRODUCTS_LEAST},
            present={"products that known people bought or looked at": len(found.skus)},
            advice="With so few products, show all of them. Lines of orders without a product code (sku) count for none.",
        )
    return found


def _method(contest: Contest | None) -> Method:
    if contest is None:
        return "popularity"
    return next(one for one in get_args(Method) if one == contest.chosen)


def _again_method(contest: Contest | None) -> AgainMethod:
    if contest is None:
        return "bought last"
    return next(one for one in get_args(AgainMethod) if one == contest.chosen)


def _silent(_done: int, _all: int, _next: str) -> None:
    """Nobody is told."""
