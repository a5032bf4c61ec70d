"""Models and scores, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.predict.card_page import card_html
from aimwell.predict.cards import model_card
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.fairness import Fairness, fairness
from aimwell.predict.care.model import Comparison, Monitored
from aimwell.predict.care.service import compare, monitor, score
from aimwell.predict.demand.service import DemandForecast, forecast_demand
from aimwell.predict.effects import Effect, effects
from aimwell.predict.explaining import Explained, why
from aimwell.predict.leads.service import (
    AccountLeads,
    score_account_leads,
    train_account_leads,
)
from aimwell.predict.patterns.bundle_service import bundles
from aimwell.predict.patterns.found import NextRules, Paths, Responses
from aimwell.predict.patterns.model import BasketRules, Bundles
from aimwell.predict.patterns.next_service import bought_next
from aimwell.predict.patterns.paths import paths
from aimwell.predict.patterns.responses import responses
from aimwell.predict.patterns.service import basket_rules, bought_together
from aimwell.predict.person import CurrentScores, PersonScore, current_scores, score_one
from aimwell.predict.pricing.discounts import DiscountSeekers, discount_seekers
from aimwell.predict.pricing.elasticities import PriceElasticities, price_elasticities
from aimwell.predict.questions import PROSPECTS, Question
from aimwell.predict.recommend.rules import Rules
from aimwell.predict.recommend.service import (
    Recommended,
    TrainedRecommender,
    newest_recommender,
    recommend,
    similar_products,
    train_recommender,
)
from aimwell.predict.registry import (
    Promotion,
    RegisteredModel,
    find_model,
    list_models,
    promote,
)
from aimwell.predict.responding.channels import ChannelPreferences, channel_preferences
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
from aimwell.predict.spend_sums import SpendSum, spend_sum
from aimwell.predict.timing.best_time import BestTimes, best_times
from aimwell.predict.timing.next_purchase import NextPurchases, next_purchases
from aimwell.unify.lookup import find_profile
from aimwell.workspace.stage import Stage

__all__ = ["Predictions"]


class Predictions(Stage):
    """Models and scores."""

    def propensity(
        self,
        *,
        horizon_days: int = 90,
        does: Mapping[str, Any] | None = None,
        as_of: datetime | None = None,
        **options: Any,
    ) -> TrainedModel:
        """Learn how likely each person is to do something within a horizon, judged on later people.

        `does`: as in a definition, {"event": "Order Completed", "where": {"category": {"is": "Wine"}}}; default: they order.
        """
        if does is not None:
            options["question"] = Question.from_settings(does)
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

    def score_everybody(self, model: str, *, as_of: datetime | None = None) -> int | None:
        """Store what a model of any kind expects of everybody, and say of how many; None where it gives no scores."""
        return score(self._stores, model, as_of=as_of or self._clock(), now=self._clock())

    def score_one(self, model: str, who: str, *, as_of: datetime | None = None) -> PersonScore:
        """The probability of one person, from what is known of them now."""
        profile = find_profile(self._stores, who)
        return score_one(self._stores, model, profile, as_of=as_of or self._clock())

    def current_scores(self, model: str) -> CurrentScores:
        """Everybody's latest probability in memory, for decisions that cannot wait; `refresh` it for whom something happened to."""
        return current_scores(self._stores, model, now=self._clock())

    def train(self, prediction: str, *, as_of: datetime | None = None) -> RegisteredModel:
        """Train the next version of a prediction that is defined; the first one is used at once."""
        moment = as_of or self._clock()
        wanted = definitions.find(self._stores.control, Prediction, prediction)
        return train_defined(self._stores, wanted, as_of=moment, now=self._clock(), by=self._by)

    def monitor(self, model: str, *, as_of: datetime | None = None) -> Monitored:
        """Whether a model still sees people as it knew them, and is still as good as it was."""
        return monitor(self._stores, model, as_of=as_of or self._clock())

    def compare(self, one: str, other: str, *, as_of: datetime | None = None) -> Comparison:
        """Two versions, or two models of one question, on people of a later time."""
        return compare(self._stores, one, other, as_of=as_of or self._clock())

    def fairness(self, model: str, *, as_of: datetime | None = None) -> Fairness:
        """Whether a model is as right for one group as for another, by protected attribute."""
        return fairness(self._stores, model, as_of=as_of or self._clock())

    def models(self) -> tuple[RegisteredModel, ...]:
        """All versions of all models."""
        return tuple(list_models(self._stores))

    def card(self, model: str) -> dict[str, Any]:
        """What a model predicts, how good it is on later time, and what to beware of."""
        entry = find_model(self._stores, model)
        return model_card(entry, timezone=self._stores.settings.timezone)

    def card_page(self, model: str, *, as_of: datetime | None = None) -> str:
        """The card as a page of HTML, with what it looks at, how it has done since, and who has used it."""
        now = self._clock()
        entry = find_model(self._stores, model)
        return card_html(self._stores, entry, as_of=as_of or now, now=now)

    def similar(self, sku: str, *, model: str | None = None, k: int = 10) -> pa.Table:
        """Which products go with one, by a recommender (default: of the one trained last the version in use)."""
        return similar_products(self._stores, model or newest_recommender(self._stores), sku, k=k)

    def promote(self, model: str, *, why: str) -> Promotion:
        """Use this version (`buy-90d@2`) from now on, wherever the bare name stands."""
        entry = find_model(self._stores, model)
        return promote(self._stores, entry, by=self._by, reason=why, now=self._clock())

    def why(self, model: str, who: str, *, as_of: datetime | None = None) -> Explained:
        """Why the person of a profile id, customer id, address or number has the probability that a model gives them."""
        profile = find_profile(self._stores, who)
        return why(self._stores, model, profile, as_of=as_of or self._clock())

    def effects(
        self, model: str, *features: str, as_of: datetime | None = None
    ) -> tuple[Effect, ...]:
        """What a model makes of its strongest features, or of those named."""
        return effects(self._stores, model, as_of=as_of or self._clock(), names=features)

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

    def recommenders(
        self, *, horizon_days: int = 30, as_of: datetime | None = None, **options: Any
    ) -> TrainedRecommender:
        """Learn which products to recommend to whom, judged on what people bought later."""
        return train_recommender(
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

    def recommend(
        self, model: str | None = None, *, as_of: datetime | None = None, **rules: Any
    ) -> Recommended:
        """Ranked products for everybody by a recommender (default: of the one trained last the version in use); `rules` are fields of `Rules`."""
        return recommend(
            self._stores,
            model or newest_recommender(self._stores),
            as_of=as_of or self._clock(),
            rules=Rules(**rules),
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

    def spend_sum(
        self, model: str, *, segment: str | None = None, as_of: datetime | None = None
    ) -> SpendSum:
        """What everybody, or a segment, is expected to spend together by a spend model, with two ranges."""
        now = self._clock()
        return spend_sum(self._stores, model, as_of=as_of or now, segment=segment, now=now)

    def next_purchases(self, *, as_of: datetime | None = None, **options: Any) -> NextPurchases:
        """When each person will buy again, or each product or category that they bought again before."""
        return next_purchases(self._stores, as_of=as_of or self._clock(), **options)

    def best_times(self, *, as_of: datetime | None = None, **options: Any) -> BestTimes:
        """The weekday and the hours at which each person acts, where they beat everybody's."""
        return best_times(self._stores, as_of=as_of or self._clock(), **options)

    def channels(self, *, as_of: datetime | None = None, **options: Any) -> ChannelPreferences:
        """How often each person answers in each channel, and through which one they answer most."""
        return channel_preferences(
            self._stores, as_of=as_of or self._clock(), now=self._clock(), **options
        )

    def prices(self, *, as_of: datetime | None = None, **options: Any) -> PriceElasticities:
        """How the units sold go with the price, by category and product."""
        return price_elasticities(self._stores, as_of=as_of or self._clock(), **options)

    def discounts(self, *, as_of: datetime | None = None, **options: Any) -> DiscountSeekers:
        """By how much each person buys on discount beyond what was on discount where and when they bought."""
        return discount_seekers(
            self._stores, as_of=as_of or self._clock(), now=self._clock(), **options
        )

    def leads(
        self, *, horizon_days: int = 90, as_of: datetime | None = None, **options: Any
    ) -> TrainedModel:
        """Learn how likely each prospect is to buy for the first time; `score` then scores them."""
        return self.propensity(
            horizon_days=horizon_days, as_of=as_of, question=Question(among=PROSPECTS), **options
        )

    def account_leads(
        self, *, horizon_days: int = 90, as_of: datetime | None = None, **options: Any
    ) -> AccountLeads:
        """The same of firms; `score_accounts` then scores them."""
        return train_account_leads(
            self._stores,
            as_of=as_of or self._clock(),
            horizon_days=horizon_days,
            now=self._clock(),
            **options,
        )

    def score_accounts(self, model: str, *, as_of: datetime | None = None) -> pa.Table:
        """Firms that have not ordered, the likeliest first: `account_id`, what is known of them, `score`."""
        return score_account_leads(
            self._stores, model, as_of=as_of or self._clock(), now=self._clock()
        )

    def demand(self, *, as_of: datetime | None = None, **options: Any) -> DemandForecast:
        """How many units of each product, category or of the whole shop will be wanted, with intervals."""
        return forecast_demand(self._stores, as_of=as_of or self._clock(), **options)

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
