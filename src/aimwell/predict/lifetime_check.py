"""The check of lifetime values: fitted to what was known some time ago, compared with what came since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from aimwell.errors import PredictError
from aimwell.history.moment import open_moment
from aimwell.predict.buying import UNIT_DAYS, later_buying, later_history, purchase_history
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.gamma_gamma import GammaGamma, fit_gamma_gamma
from aimwell.predict.holdout import HoldoutCheck, check_holdout, frequency_buckets, quantile_buckets
from aimwell.predict.law_choice import LawChoice, choose_law
from aimwell.predict.laws import Law
from aimwell.predict.lifetime_value import LifetimeValues, lifetime_value
from aimwell.predict.places import PlacesCheck, check_places
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.questions import Question, recorded
from aimwell.predict.ranges import Ranges
from aimwell.predict.training import span_days
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["LifetimeCheck", "check_lifetime_value", "usual_draws"]

_HOLDOUT_DAYS_MIN = 7
_MANY_PEOPLE = 100_000


@dataclass(frozen=True, slots=True)
class LifetimeCheck:
    """Predictions made as of `cut_at` against what people did in the `holdout_days` after it.

    Args:
        cut_at, holdout_days: The period.
        laws: Each law of buying on these days, and the one that was taken.
        buying, spending: As fitted to what was known then.
        purchases: Days with a purchase, by repeat purchases before.
        money: Net revenue, by tenths of the prediction; its `inside` counts who lay in their interval.
        places: Where what came stood among each one's drawn futures; None where nobody has a prediction of money.
        sum_possible: What was foretold that they would bring together, parameters and chance included.
        left_out: People without a prediction of money (see `GammaGamma.expected_spend`).
    """

    cut_at: datetime
    holdout_days: int
    laws: LawChoice
    buying: BuyingLaw
    spending: GammaGamma
    purchases: HoldoutCheck
    money: HoldoutCheck
    places: PlacesCheck | None
    sum_possible: Estimate | None
    left_out: int


def usual_draws(people: int) -> int:
    """How many futures to draw of each; 400 of a million people would take minutes."""
    return 400 if people <= _MANY_PEOPLE else 100


def check_lifetime_value(
    stores: Stores,
    *,
    as_of: datetime,
    holdout_days: int,
    law: Law | None = None,
    seed: int = 0,
    snapshot: Snapshot | None = None,
) -> LifetimeCheck:
    """Fit to what was known `holdout_days` before `as_of` and compare with what came until `as_of`.

    Money is not discounted and is revenue, so that it can be compared with what was paid. `law` None takes the simplest
    within chance of the best on these days.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers were known then.
        PredictError: The holdout is shorter than a week, or nobody had bought.
    """
    if holdout_days < _HOLDOUT_DAYS_MIN:
        raise PredictError(
            f"A holdout of {holdout_days} days is too short to check anything; give at least {_HOLDOUT_DAYS_MIN}."
        )
    span = span_days(holdout_days)
    cut_at = as_of.astimezone(UTC) - span
    engine = stores.history_engine
    with open_moment(
        stores, as_of=cut_at, horizon=span, snapshot=snapshot, engine=engine
    ) as moment:
        recorded(moment, Question())
        buyers = purchase_history(moment)
        ids, history = buyers
        later, then = later_buying(moment, ids), later_history(moment, buyers)
    laws = choose_law(history, then, asked=law)
    buying, spending = laws.model, fit_gamma_gamma(history)
    expected = _expected(history, buying, spending, later.revenue, span, seed)
    return LifetimeCheck(
        cut_at=cut_at,
        holdout_days=holdout_days,
        laws=laws,
        buying=buying,
        spending=spending,
        purchases=check_holdout(
            buying.expected_purchases(history, holdout_days / UNIT_DAYS),
            later.purchases,
            buckets=frequency_buckets(history.frequency),
        ),
        money=_money_check(expected, later.revenue),
        places=None if expected.places is None else check_places(expected.places),
        sum_possible=expected.total_possible,
        left_out=expected.missing,
    )


def _expected(
    history: PurchaseHistory,
    buying: BuyingLaw,
    spending: GammaGamma,
    revenue: FloatArray,
    span: timedelta,
    seed: int,
) -> LifetimeValues:
    return lifetime_value(
        history,
        buying,
        spending,
        horizon_days=float(span.days),
        margin=None,
        discount_monthly=0.0,
        draws=usual_draws(len(history)),
        seed=seed,
        came=revenue,
    )


def _money_check(expected: LifetimeValues, revenue: FloatArray) -> HoldoutCheck:
    known = np.isfinite(expected.value)
    ranges = expected.possible
    return check_holdout(
        expected.value[known],
        revenue[known],
        buckets=quantile_buckets(expected.value[known]),
        ranges=None if ranges is None else Ranges(ranges.lower[known], ranges.upper[known]),
    )
