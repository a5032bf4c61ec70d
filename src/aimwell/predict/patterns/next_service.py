"""What is bought next, read from the workspace."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.patterns import next_queries, queries
from aimwell.predict.patterns.following import BASKETS_MIN, CASES_MIN, Followed, find_next
from aimwell.predict.patterns.found import NextRules
from aimwell.predict.patterns.reading import (
    FALSE_SHARE,
    bind_items,
    checked_share,
    lines_matrix,
    names_of,
    unknown_item,
)
from aimwell.store.stores import Stores

__all__ = ["bought_next"]

_FOLLOWED_MIN = 200
_FOLLOWED = "baskets of people who came back within the days"


def bought_next(
    stores: Stores,
    *,
    as_of: datetime,
    within_days: int = 30,
    after: str | None = None,
    by: str = "sku",
    false_share: float = FALSE_SHARE,
) -> NextRules:
    """What is new in people's next basket within some days, against what others alike have new in theirs.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen; baskets of the last `within_days` before it cannot be followed.
        within_days: How long after a basket the next one may come.
        after: The one item that is asked for; None: every item that enough baskets have.
        by: 'sku' or 'category'.
        false_share: Of what stands, this share may be false on average.

    Raises:
        TooLittleDataError: Too few baskets with a next one in time, or with the item asked for.
        PredictError: An item that nobody bought, or a number that cannot be.
    """
    checked_share("share of false findings", false_share)
    if within_days < 1:
        raise PredictError(f"Within {within_days} days nothing can follow; give 1 or more.")
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        bind_items(moment, by)
        next_queries.bind_followed(moment, within_days=within_days)
        followed, came_back = _read(moment)
        column = None if after is None else _column(after, followed, moment)
        findings, tests = find_next(followed, after=column)
        names = names_of(moment, by, (item for one in findings for item in (*one.first, one.then)))
    return NextRules(
        by=by,
        within_days=within_days,
        baskets=len(followed.stratum),
        came_back=came_back,
        tests=tests,
        false_share=false_share,
        findings=findings,
        names=names,
    )


def _read(moment: Moment) -> tuple[Followed, int]:
    """The baskets with what came next, and after how many a next one came in time."""
    facts = moment.session.table(next_queries.basket_strata())
    month, third, before = (
        facts.column(name).to_numpy().astype(np.int64) for name in ("month", "third", "before")
    )
    came_back = int(facts.column("came_back").to_numpy().sum())
    if came_back < _FOLLOWED_MIN:
        raise TooLittleDataError(
            "what is bought next", needed={_FOLLOWED: _FOLLOWED_MIN}, present={_FOLLOWED: came_back}
        )
    items = moment.session.table(queries.known_items(CASES_MIN)).column("item").to_pylist()
    strata, stratum = np.unique((3 * month + third) * 3 + before, return_inverse=True)
    half = (strata // 9 >= np.median(month)).astype(np.int64)
    shape = (len(stratum), len(items))
    basket, had, later = (
        lines_matrix(moment, query(CASES_MIN), row="row", shape=shape)
        for query in (next_queries.lines_in, next_queries.lines_had, next_queries.lines_next)
    )
    return Followed(basket, had, later, tuple(items), stratum, half), came_back


def _column(after: str, followed: Followed, moment: Moment) -> int:
    if after not in followed.items:
        raise unknown_item(after, moment, what="what is bought after it", needed=BASKETS_MIN)
    column = followed.items.index(after)
    baskets = int(followed.basket[:, [column]].sum())
    if baskets < BASKETS_MIN:
        what = f"baskets with {after} that can be followed"
        raise TooLittleDataError(
            "what is bought after it", needed={what: BASKETS_MIN}, present={what: baskets}
        )
    return column
