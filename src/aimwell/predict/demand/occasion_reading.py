"""Which occasions may move demand: those that documents define, and the public holidays of the firm's country."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from aimwell.definitions.kinds.occasion import Occasion
from aimwell.errors import PredictError, nearest
from aimwell.history.moment import Moment
from aimwell.predict.demand.occasion_days import DemandOccasion
from aimwell.segment.occasions.dates import calendar_days, public_holidays
from aimwell.segment.occasions.service import stored_occasions
from aimwell.store.sql import sql

__all__ = ["read_occasions"]

_LEAD_DAYS, _AFTER_DAYS = 28, 7
_HOLIDAY_LEAD_DAYS = 7
_PERSONAL = frozenset({"birthday", "anniversary", "replenishment", "life_event", "trigger"})


def read_occasions(
    moment: Moment, first: date, last: date, names: Sequence[str] | None = None
) -> tuple[DemandOccasion, ...]:
    """Occasions with their days from a lead before `first` to `last`, documents before holidays.

    Args:
        moment: The cut session.
        first, last: Of the days to be looked at.
        names: Only these documents or holidays; default: all.

    Raises:
        PredictError: There is no such occasion, or it has no day of the calendar.
    """
    years = range(first.year, last.year + 2)
    country = moment.stores.settings.country
    kept = {} if country is None else public_holidays(country, years)
    documents = {one.name: one for one in stored_occasions(moment)}
    unknown = [name for name in names or () if name not in documents and name not in kept]
    if unknown:
        known = [*documents, *kept]
        where = (
            "Set `country` in aimwell.toml to take its public holidays, too. "
            if country is None
            else ""
        )
        raise PredictError(
            f"There is no occasion '{unknown[0]}'. {where}{nearest(unknown[0], known) if known else 'Define one: docs/segment.md, Occasions.'}"
        )
    found = []
    for name, document in documents.items():
        if names is not None and name not in names:
            continue
        if document.when.way in _PERSONAL:
            if names is not None:
                raise PredictError(
                    f"'{name}' is on each person's own day ({document.when.way.replace('_', ' ')}), so it moves no demand of all at "
                    "once. Name an occasion that has days of the calendar."
                )
            continue
        days = _days(moment, document, years)
        if not days and names is not None:
            raise PredictError(
                f"'{name}' has no day that is known. Say its country in the document, or set `country` in aimwell.toml."
            )
        found.append(
            DemandOccasion(
                name,
                days,
                _LEAD_DAYS if document.lead is None else max(document.lead.days, 0),
                _AFTER_DAYS if document.after is None else max(document.after.days, 0),
                holiday=False,
            )
        )
    for name, days in kept.items():
        if name not in documents and (names is None or name in names):
            found.append(DemandOccasion(name, days, _HOLIDAY_LEAD_DAYS, 0, holiday=True))
    return tuple(one for one in found if one.days)


def _days(moment: Moment, document: Occasion, years: range) -> tuple[date, ...]:
    if document.when.calendar is None:
        return calendar_days(document, years, country=moment.stores.settings.country, region=None)
    rows = moment.session.rows(
        sql(
            "SELECT DISTINCT TRY_CAST(text AS date) AS day FROM market WHERE name = :series ORDER BY day",
            series=document.when.calendar.series,
        )
    )
    return tuple(day for (day,) in rows if day is not None and day.year in years)
