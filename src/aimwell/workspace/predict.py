"""Models and scores, as a workspace offers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.predict.patterns.bundle_service import bundles
from aimwell.predict.patterns.found import NextRules, Paths, Responses
from aimwell.predict.patterns.model import BasketRules, Bundles
from aimwell.predict.patterns.next_service import bought_next
from aimwell.predict.patterns.paths import paths
from aimwell.predict.patterns.responses import responses
from aimwell.predict.patterns.service import basket_rules, bought_together
from aimwell.predict.service import (
    LifetimeValueFit,
    TrainedModel,
    fit_lifetime_value,
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

    def baskets(
        self, *, product: str | None = None, as_of: datetime | None = None, **options: Any
    ) -> BasketRules:
        """What is bought together: of everything, or with one product."""
        moment = as_of or self._clock()
        if product is not None:
            return bought_together(self._stores, product, as_of=moment, **options)
        return basket_rules(self._stores, as_of=moment, **options)

    def next_bought(self, *, as_of: datetime | None = None, **options: Any) -> NextRules:
        """What is new in people's next basket, against what others alike have new in theirs."""
        return bought_next(self._stores, as_of=as_of or self._clock(), **options)

    def bundles(self, *, as_of: datetime | None = None, **options: Any) -> Bundles:
        """Sets of products that hold together, with their margin and the discount that they bear."""
        return bundles(self._stores, as_of=as_of or self._clock(), **options)

    def paths(self, *, as_of: datetime | None = None, **options: Any) -> Paths:
        """What people do, in which order, before they order or go silent, more than others as active."""
        return paths(self._stores, as_of=as_of or self._clock(), **options)

    def responses(self, *, as_of: datetime | None = None, **options: Any) -> Responses:
        """Whose buyers respond to which campaign more than others to whom it wrote."""
        return responses(self._stores, as_of=as_of or self._clock(), **options)
