"""Care of what people will bring: lifetime values by laws of buying, and spend learnt from features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.buying import UNIT_DAYS, later_history, purchase_history
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.care.equally_long import came_since, equally_long
from aimwell.predict.care.kinds import (
    EVER,
    Learns,
    Seen,
    Told,
    TrainedAlike,
    horizon_of,
    stand_ins,
    taught_until,
)
from aimwell.predict.care.purchases_seen import purchases_seen
from aimwell.predict.laws import fit_law, law_of
from aimwell.predict.purchases import PurchaseHistory
from aimwell.predict.registry import RegisteredModel, load_part
from aimwell.predict.spend import SpendModel, tweedie_losses
from aimwell.predict.spending import predict_spend, score_spend, spend_people
from aimwell.predict.training import span_days
from aimwell.predict.valuing import fit_lifetime_value, score_lifetime_value
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["LifetimeCare", "SpendCare"]


class LifetimeCare(TrainedAlike):
    """Customers and their later purchases, by the log score of the law of buying.

    A value over a year is known after a year; how often people buy, which it rests on, is known after the days on which it was checked.
    """

    measure: ClassVar[str] = "log score of purchases (negative)"
    dull_rule: ClassVar[str] = "everybody at one pace and nobody lost"
    judged: ClassVar[str] = "customers"
    asked: ClassVar[tuple[str, ...]] = ()
    learns: ClassVar[Learns] = staticmethod(fit_lifetime_value)

    def span(self, entry: RegisteredModel) -> timedelta:
        """The days on which it was checked."""
        return span_days(int(entry.settings["holdout_days"]))

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """See CaredKind."""
        return purchases_seen(stores, entry, as_of=as_of, days=self.span(entry).days)

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        span = self.span(entries[0])
        with open_moment(stores, as_of=cut, horizon=span, engine=stores.history_engine) as moment:
            buyers = purchase_history(moment)
            then = later_history(moment, buyers)
        known = buyers.history
        laws = [_law(stores, entry, known, cut) for entry in entries]
        units = span / timedelta(days=UNIT_DAYS)
        return Told(
            losses=tuple(law.log_densities(known) - law.log_densities(then) for law in laws),
            dull=_one_pace(known, then),
            expected=tuple(law.expected_purchases(known, units) for law in laws),
            came=then.frequency - known.frequency,
            stand_ins=stand_ins(stores, entries, cut),
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return score_lifetime_value(stores, entry, as_of=as_of, now=now)


def _law(
    stores: Stores, entry: RegisteredModel, known: PurchaseHistory, cut: datetime
) -> BuyingLaw:
    model = load_part(stores, entry, "buying", BuyingLaw)  # type: ignore[type-abstract]
    return model if entry.as_of <= cut else fit_law(known, law_of(model))


def _one_pace(known: PurchaseHistory, then: PurchaseHistory) -> FloatArray:
    """−ln of the density of later purchases, if all bought by chance at everybody's rate λ: λ·time − purchases·ln λ."""
    rate = max(float(known.frequency.sum() / known.age.sum()), 1e-9) if known.age.sum() else 1e-9
    return np.asarray(
        rate * (then.age - known.age) - (then.frequency - known.frequency) * np.log(rate)
    )


class SpendCare(TrainedAlike):
    """Everybody known, and what each spent within the horizon."""

    measure: ClassVar[str] = "Tweedie deviance"
    dull_rule: ClassVar[str] = "everybody's mean"
    judged: ClassVar[str] = "people"
    asked: ClassVar[tuple[str, ...]] = ("event",)
    learns: ClassVar[Learns] = staticmethod(predict_spend)

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:
        """See CaredKind."""
        return taught_until(entry)

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """Features of everybody, and what is expected, by records as long as at the version's own moment."""
        model = load_part(stores, entry, "spend", SpendModel)
        since = equally_long(stores, then=entry.as_of, now=as_of)
        snapshot = stores.lake.pin(*TIME_COLUMNS)
        people = spend_people(stores, as_of, horizon_of(entry), snapshot, ahead=False, since=since)
        values = people.table.matrix(model.names)
        columns = {"expected spend": model.predict(replace(people.table, as_of=entry.as_of))}
        columns |= {name: values[:, place] for place, name in enumerate(model.names)}
        shares = model.scorer.influences(len(model.names))
        weights = dict(zip(model.names, map(float, shares), strict=True))
        new = None if since is None else came_since(stores, people.ids, since)
        return Seen(columns, weights, new=new)

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        people = spend_people(
            stores, cut, horizon_of(entries[0]), stores.lake.pin(*TIME_COLUMNS), ahead=True
        )
        expected = tuple(
            load_part(stores, entry, "spend", SpendModel).predict(people.table) for entry in entries
        )
        mean = np.full(len(people.ids), max(float(np.maximum(people.revenue, 0).mean()), 0.0))
        return Told(
            losses=tuple(tweedie_losses(told, people.revenue) for told in expected),
            dull=tweedie_losses(mean, people.revenue),
            expected=expected,
            came=people.revenue,
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """See CaredKind."""
        return score_spend(stores, entry, as_of=as_of, now=now)
