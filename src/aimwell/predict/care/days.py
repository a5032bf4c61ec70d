"""Days of moments in the firm's time zone, for words; and the refusal of people whose outcomes have taught a version."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from aimwell.errors import PredictError
from aimwell.predict.registry import RegisteredModel
from aimwell.store.stores import Stores

__all__ = ["check_unseen", "day_from", "day_of"]


def day_of(stores: Stores, moment: datetime) -> str:
    """The day of a moment, as 2026-03-01."""
    return f"{moment.astimezone(ZoneInfo(stores.settings.timezone)):%Y-%m-%d}"


def day_from(stores: Stores, moment: datetime) -> str:
    """The first day that does not begin before a moment: whoever gives it as the moment gives none too early."""
    zone = ZoneInfo(stores.settings.timezone)
    day = moment.astimezone(zone).date()
    if datetime.combine(day, time(), zone) < moment:
        day += timedelta(days=1)
    return f"{day:%Y-%m-%d}"


def check_unseen(
    stores: Stores, entry: RegisteredModel, *, cut: datetime, learnt: datetime, span: timedelta
) -> None:
    """That the outcomes of the people of `cut`, which end a span later, have not taught a version.

    Raises:
        PredictError: They have.
    """
    if cut < learnt:
        raise PredictError(
            f"{entry.label} has learnt from what people did until {day_of(stores, learnt)}; the people to judge it on would be "
            f"those of {day_of(stores, cut)}. Give a moment (as of) of {day_from(stores, learnt + span)} or later."
        )
