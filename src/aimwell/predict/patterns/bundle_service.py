"""Bundles, read from the workspace."""

from __future__ import annotations

from datetime import datetime, timedelta

from aimwell.errors import PredictError
from aimwell.history.moment import Moment, open_moment
from aimwell.predict.patterns import queries
from aimwell.predict.patterns.bundles import Earning, bundles_of
from aimwell.predict.patterns.model import Bundles
from aimwell.predict.patterns.reading import FALSE_SHARE, names_of
from aimwell.predict.patterns.service import basket_rules
from aimwell.store.stores import Stores

__all__ = ["bundles"]

_RECENT = timedelta(days=365)


def bundles(
    stores: Stores,
    *,
    as_of: datetime,
    support: float = 0.01,
    confidence: float = 0.3,
    largest: int = 3,
    discount: float = 0.1,
    false_share: float = FALSE_SHARE,
) -> Bundles:
    """Pairs and triples of products that hold together, with their price, margin and the discount that they bear.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen; prices and margins are those of the year before it.
        support, confidence, largest, false_share: As for `basket_rules`.
        discount: The discount of which is said how many more would have to be sold, 0–1.

    Raises:
        TooLittleDataError: Too few baskets of two products or more.
        PredictError: A share that cannot be.
    """
    if not 0.0 < discount < 1.0:
        raise PredictError(
            f"The discount is {discount}. It is a share of the price, between 0 and 1."
        )
    found = basket_rules(
        stores,
        as_of=as_of,
        support=support,
        confidence=confidence,
        largest=largest,
        false_share=false_share,
    )
    items = sorted(
        {item for rule in found.standing for item in (*rule.antecedent, *rule.consequent)}
    )
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        earnings = _earnings(moment, items)
        names = names_of(moment, "sku", items)
    made = bundles_of(found.standing, earnings, discount=discount)
    return Bundles(found.baskets, stores.settings.currency, made, names)


def _earnings(moment: Moment, items: list[str]) -> dict[str, Earning]:
    if not items:
        return {}
    rows = moment.session.rows(queries.unit_earnings(items, since=moment.as_of - _RECENT))
    return {sku: Earning(price, margin, bool(assumed)) for sku, price, margin, assumed in rows}
