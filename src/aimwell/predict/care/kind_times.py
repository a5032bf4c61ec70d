"""Care of when people act, and of how much will be wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.care.days import day_of
from aimwell.predict.care.kinds import EVER, Seen, Told, horizon_of, stand_ins
from aimwell.predict.demand.kept import train_demand, units_lately, wanted_after
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.timing.acts import Acts, acts_around
from aimwell.predict.timing.habits import Habits, fit_habits
from aimwell.predict.timing.kept_times import time_laws_of, train_best_times
from aimwell.predict.timing.time_laws import TimeLaws
from aimwell.predict.training import Progress
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["BestTimeCare", "DemandCare"]


class BestTimeCare:
    """People who acted before, and at which times they acted later."""

    measure: ClassVar[str] = "log loss of the time"
    dull_rule: ClassVar[str] = "everybody's times"
    judged: ClassVar[str] = "people"
    asked: ClassVar[tuple[str, ...]] = ("signal", "block_hours")

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """See CaredKind."""
        if progress is not None:
            progress(0, 1, "learning people's hours")
        return train_best_times(
            stores,
            as_of=as_of,
            check_days=wanted.horizon_days,
            signal=wanted.signal,
            name=wanted.name,
            now=now,
        )

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """How often people acted lately, which share of it on Saturdays and Sundays, and which in everybody's commonest hours."""
        _, lately = _acts(stores, entry, as_of - self.span(entry))
        acts = lately.weekdays.sum(axis=1)
        columns: dict[str, FloatArray] = {
            "acts lately": acts,
            "share on Saturdays and Sundays": lately.weekdays[:, 5:].sum(axis=1) / acts,
        }
        hours = time_laws_of(stores, entry).hours
        if hours is not None:
            timed = lately.hours.sum(axis=1)
            common = lately.hours[:, int(np.argmax(hours.shares))]
            share = np.divide(common, timed, out=np.full(len(timed), np.nan), where=timed > 0)
            columns["share in the commonest hours"] = share
        return Seen(columns, dict.fromkeys(columns, 1 / len(columns)), "people who acted lately")

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind."""
        before, later = _acts(stores, entries[0], cut)
        place = pc.index_in(later.profiles, before.profiles)
        rows = place.drop_null().to_numpy()
        if not len(rows):
            raise PredictError(f"Nobody who had acted before {day_of(stores, cut)} acted after it.")
        known = place.is_valid().to_numpy(zero_copy_only=False)
        mine = Acts(
            before.profiles.take(place.drop_null()), before.weekdays[rows], before.hours[rows]
        )
        came = Acts(
            later.profiles.filter(place.is_valid()), later.weekdays[known], later.hours[known]
        )
        then = TimeLaws.of(
            fit_habits(before.weekdays), fit_habits(before.hours) if before.hours.sum() else None
        )
        laws = [time_laws_of(stores, entry) if entry.as_of <= cut else then for entry in entries]
        return Told(
            losses=tuple(_losses(law, mine, came) for law in laws),
            dull=_losses(then, None, came),
            stand_ins=stand_ins(stores, entries, cut),
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """A weekday and hours are no scores: they are told when they are asked for."""
        del stores, entry, as_of, now
        return None


def _acts(stores: Stores, entry: RegisteredModel, cut: datetime) -> tuple[Acts, Acts]:
    settings = entry.settings
    return acts_around(
        stores,
        cut,
        horizon_of(entry),
        signal=settings["signal"],
        block=int(settings["block_hours"]),
    )


def _losses(laws: TimeLaws, mine: Acts | None, came: Acts) -> FloatArray:
    """Mean loss (nats an act) of each person's later acts, by weekday and by hours together; `mine` None: by everybody's shares."""
    loss = _loss(laws.weekdays.habits, None if mine is None else mine.weekdays, came.weekdays)
    if laws.hours is not None:
        loss += _loss(laws.hours.habits, None if mine is None else mine.hours, came.hours)
    return loss


def _loss(habits: Habits, mine: FloatArray | None, came: FloatArray) -> FloatArray:
    shares = habits.expected(np.zeros_like(came) if mine is None else mine)
    return np.asarray(-(came * np.log(shares)).sum(axis=1) / np.maximum(came.sum(axis=1), 1))


class DemandCare:
    """Products (or categories, or the shop) and days, and how many units were sold on each."""

    measure: ClassVar[str] = "squared error of a day ÷ (1 + its series' mean)"
    dull_rule: ClassVar[str] = "the same weekday of the week before"
    judged: ClassVar[str] = "daily figures"
    asked: ClassVar[tuple[str, ...]] = ("by",)

    def train(
        self,
        stores: Stores,
        wanted: Prediction,
        *,
        as_of: datetime,
        now: datetime,
        progress: Progress | None,
    ) -> RegisteredModel:
        """See CaredKind."""
        if progress is not None:
            progress(0, 1, "forecasting")
        level = wanted.rows
        assert level != "person"  # noqa: S101 - the definition does not take it
        return train_demand(
            stores,
            as_of=as_of,
            level=level,
            horizon_days=wanted.horizon_days,
            name=wanted.name,
            now=now,
        )

    def span(self, entry: RegisteredModel) -> timedelta:
        """See CaredKind."""
        return horizon_of(entry)

    def learnt_until(self, entry: RegisteredModel) -> datetime:  # noqa: ARG002
        """A stand-in answers for it."""
        return EVER

    def seen(self, stores: Stores, entry: RegisteredModel, *, as_of: datetime) -> Seen:
        """How many units each series sold within the last horizon."""
        found = units_lately(
            stores, as_of, level=entry.settings["by"], days=int(entry.settings["horizon_days"])
        )
        return Seen({"units lately": found}, {"units lately": 1.0}, "series sold lately")

    def told(self, stores: Stores, entries: Sequence[RegisteredModel], *, cut: datetime) -> Told:
        """See CaredKind. A forecast holds from its own day on, so the same way of forecasting stands in for all versions."""
        settings = entries[0].settings
        try:
            found = wanted_after(
                stores, cut, level=settings["by"], horizon_days=int(settings["horizon_days"])
            )
        except TooLittleDataError as error:
            raise PredictError(f"As of {day_of(stores, cut)}: {error}") from error
        return Told(
            losses=(found.losses(found.foretold),) * len(entries),
            dull=found.losses(found.week_before),
            expected=(found.foretold,) * len(entries),
            came=found.came,
            stand_ins={
                entry.label: f"a forecast holds from its own day on, so one made as of {day_of(stores, cut)} was judged in its place"
                for entry in entries
            },
            persons=found.series,
        )

    def score(
        self, stores: Stores, entry: RegisteredModel, *, as_of: datetime, now: datetime
    ) -> int | None:
        """Units of products are no scores of people."""
        del stores, entry, as_of, now
        return None
