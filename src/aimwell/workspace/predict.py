"""Models and scores, as a workspace offers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.predict.service import (
    ChurnFit,
    LifetimeValueFit,
    SpendFit,
    SubscriptionChurn,
    TrainedModel,
    fit_lifetime_value,
    predict_churn,
    predict_spend,
    predict_subscription_churn,
    score_propensity,
    train_propensity,
)
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

    def churn(
        self, *, horizon_days: int | None = None, as_of: datetime | None = None, **options: Any
    ) -> ChurnFit:
        """Who of the customers at risk will not order within a horizon that their own rhythm gives."""
        return predict_churn(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )

    def subscription_churn(
        self, *, horizon_days: int = 90, as_of: datetime | None = None, **options: Any
    ) -> SubscriptionChurn:
        """Which running subscriptions will end within a horizon, how long they last, and the revenue at risk."""
        return predict_subscription_churn(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )

    def spend(
        self, *, horizon_days: int = 90, as_of: datetime | None = None, **options: Any
    ) -> SpendFit:
        """What everybody known, prospects too, is expected to spend within a horizon, learnt from features."""
        return predict_spend(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )
