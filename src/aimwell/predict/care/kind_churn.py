"""Care of churn: of customers who order, and of subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from aimwell.predict.care.equally_long import came_since, equally_long
from aimwell.predict.care.kinds import Learns, Seen, Told, TrainedAlike, horizon_of, taught_until
from aimwell.predict.care.model import SCORES
from aimwell.predict.churn_people import people_at_risk
from aimwell.predict.churning import chances_of_going, churn_model, predict_churn, score_churn
from aimwell.predict.hazard import MonthRows, hazard_matrix
from aimwell.predict.judging import losses
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.subscription_churn import (
    hazard_of,
    predict_subscription_churn,
    read_subscriptions,
    running_subscriptions,
    score_subscription_churn,
)
from aimwell.predict.subscription_learning import chances_of_ending, ended_within
from aimwell.predict.tables import BoolArray
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["ChurnCare", "SubscriptionCare"]

# What a law of buying goes by, in the words of the catalogue.
_OF_A_LAW = ("recency_days", "overdue", "orders_90d")
_TENURE = ("tenure_months", "first_month", "second_and_third_month")


class ChurnCare(TrainedAlike):
    """Customers at risk, and whether each ordered within the horizon."""

    measure: ClassVar[str] = "log loss"
    dull_rule: ClassVar[str] = "everybody's share"
    judged: ClassVar[str] = "people at risk"
    asked: ClassVar[tuple[str, ...]] = ("event",)
    learns: ClassVar[Learns] = staticmethod(predict_churn)

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:
        """See CaredKind."""
        return taught_until(entry)

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """Features of those at risk, and their probabilities, by records as long as at the version's own moment."""
        fitted, _law = churn_model(stores, entry)
        since = equally_long(stores, then=entry.as_of, now=as_of)
        risk = people_at_risk(stores, as_of, horizon_of(entry), None, outcome=False, since=since)
        risk = replace(risk, table=replace(risk.table, as_of=entry.as_of))
        names = _OF_A_LAW if fitted is None else fitted.names
        weights = dict.fromkeys(names, 1 / len(names)) if fitted is None else fitted.influences
        values = risk.table.matrix(names)
        columns = {SCORES: chances_of_going(stores, entry, risk)}
        columns |= {name: values[:, place] for place, name in enumerate(names)}
        new = None if since is None else came_since(stores, risk.ids, since)
        return Seen(columns, dict(weights), "people at risk", new)

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        risk = people_at_risk(stores, cut, horizon_of(entries[0]), None, outcome=True)
        chances = tuple(chances_of_going(stores, entry, risk) for entry in entries)
        return told_of_chances(chances, ~risk.table.happened)

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        people, _gone = score_churn(stores, entry, as_of=as_of, now=now)
        return int(people.num_rows)


class SubscriptionCare(TrainedAlike):
    """Running subscriptions, and whether each ended within the horizon."""

    measure: ClassVar[str] = "log loss"
    dull_rule: ClassVar[str] = "everybody's share"
    judged: ClassVar[str] = "subscriptions"
    asked: ClassVar[tuple[str, ...]] = ()
    learns: ClassVar[Learns] = staticmethod(predict_subscription_churn)

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:
        """It has learnt from months before the moment at which it was judged."""
        return entry.as_of - horizon_of(entry)

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """Plan, price and state of those that run, and their probabilities; tenure grows by itself."""
        model = hazard_of(stores, entry)
        running = running_subscriptions(stores, as_of)
        names = tuple(name for name in model.names if name not in _TENURE)
        months = np.floor(running.column("months").to_numpy())
        values = hazard_matrix(MonthRows.of(running, months), names)
        columns = {SCORES: chances_of_ending(model, running, horizon_of(entry))}
        columns |= {name: values[:, place] for place, name in enumerate(names)}
        weights = {name: share for name, share in model.influences if name in names}
        return Seen(columns, weights, "subscriptions")

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        span = horizon_of(entries[0])
        read = read_subscriptions(stores, cut, cut + span)
        chances = tuple(
            chances_of_ending(hazard_of(stores, entry), read.judged, span) for entry in entries
        )
        return told_of_chances(chances, ended_within(read))

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return score_subscription_churn(stores, entry, as_of=as_of, now=now)


def told_of_chances(chances: tuple[FloatArray, ...], happened: BoolArray) -> Told:
    """Probabilities of one event against whether it happened; the dull rule gives everybody the share that did."""
    rate = float(happened.mean()) if len(happened) else 0.0
    return Told(
        losses=tuple(losses(chance, happened) for chance in chances),
        dull=losses(np.full(len(happened), rate), happened),
        expected=chances,
        came=happened.astype(np.float64),
    )
