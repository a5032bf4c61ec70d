"""Models and scores, as a workspace offers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.predict.demand.service import DemandForecast, forecast_demand
from aimwell.predict.service import (
    LifetimeValueFit,
    TrainedModel,
    fit_lifetime_value,
    score_propensity,
    train_propensity,
)
from aimwell.predict.timing.best_time import BestTimes, best_times
from aimwell.predict.timing.next_purchase import NextPurchases, next_purchases
from aimwell.workspace.stage import Stage

__all__ = ["Predictions"]


class Predictions(Stage):
    """Models and scores."""

    def propensity(
        self, *, horizon_days: int = 90, as_of: datetime | None = None, **options: Any
    ) -> TrainedModel:
        """Learn how likely each person is to buy within a horizon, judged on later people."""
        return train_propensity(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )

    def score(self, model: str, *, as_of: datetime | None = None) -> pa.Table:
        """The probability of everybody by a trained model: `profile_id`, `score`."""
        return score_propensity(
            self._stores, model, as_of=as_of or self._clock(), now=self._clock()
        )

    def lifetime_value(
        self, *, horizon_days: int = 365, as_of: datetime | None = None, **options: Any
    ) -> LifetimeValueFit:
        """What each customer is expected to be worth over a horizon, with intervals."""
        return fit_lifetime_value(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )

    def next_purchases(self, *, as_of: datetime | None = None, **options: Any) -> NextPurchases:
        """When each person will buy again, or each product or category that they bought again before."""
        return next_purchases(self._stores, as_of=as_of or self._clock(), **options)

    def best_times(self, *, as_of: datetime | None = None, **options: Any) -> BestTimes:
        """The weekday and the hours at which each person acts, where they beat everybody's."""
        return best_times(self._stores, as_of=as_of or self._clock(), **options)

    def demand(self, *, as_of: datetime | None = None, **options: Any) -> DemandForecast:
        """How many units of each product, category or of the whole shop will be wanted, with intervals."""
        return forecast_demand(self._stores, as_of=as_of or self._clock(), **options)
