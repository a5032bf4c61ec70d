"""What every question about goods reads in the same way: which items, their names, lines as a matrix."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse
from sqlglot import exp

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.moment import Moment
from aimwell.predict.patterns import queries

__all__ = ["FALSE_SHARE", "bind_items", "checked_share", "lines_matrix", "names_of", "unknown_item"]

FALSE_SHARE = 0.05
"""Of the findings that stand, this share may be false on average, unless another is asked for."""


def bind_items(moment: Moment, by: str) -> None:
    """Bind the baskets by products or categories. Raises PredictError for anything else."""
    if by not in queries.BY:
        raise PredictError(f"Baskets by '{by}' are unknown. Known: {', '.join(queries.BY)}.")
    queries.bind_basket_items(moment, by)


def lines_matrix(
    moment: Moment, query: exp.Expr, *, row: str, shape: tuple[int, int]
) -> sparse.csc_array:
    """Rows × items, 1 where there is a line; the query gives the columns `row` and place."""
    lines = moment.session.table(query)
    rows, places = (lines.column(name).to_numpy().astype(np.int64) for name in (row, "place"))
    matrix = sparse.csc_array((np.ones(len(rows), np.int32), (rows, places)), shape=shape)
    matrix.data[:] = 1
    return matrix


def names_of(moment: Moment, by: str, items: Iterable[str]) -> dict[str, str]:
    """Names of products, where known; categories are their own names."""
    wanted = sorted(set(items))
    if by != "sku" or not wanted:
        return {}
    return dict(moment.session.rows(queries.item_names(wanted)))


def unknown_item(item: str, moment: Moment, *, what: str, needed: int) -> PredictError:
    """The error for an item that nobody bought, or in fewer than `needed` baskets."""
    everything = dict(moment.session.rows(queries.known_items(1)))
    if item not in everything:
        return PredictError(
            f"No basket has '{item}'. {nearest(item, list(everything))} Give the code as the orders have it."
        )
    figure = f"baskets with {item}"
    return TooLittleDataError(what, needed={figure: needed}, present={figure: everything[item]})


def checked_share(what: str, value: float) -> None:
    """Refuse what is no share from 0 to 1."""
    if not 0.0 <= value <= 1.0:
        raise PredictError(f"The {what} is {value}. It is a share, from 0 to 1.")
