"""On which days an occasion of the calendar falls, by country, region and hemisphere. Pure: years in, days out.

Public and religious holidays, lunar ones too, are those of the library `holidays`; Easter is that of `dateutil`. Days of trade
that no law knows (Mother's Day in most countries, Black Friday) are rules of this module, each with the countries that keep
it so.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache

import holidays
from dateutil.easter import EASTER_ORTHODOX, easter

from aimwell.definitions.kinds.occasion import CommonDay, Occasion, Payday, Season, Yearly
from aimwell.errors import SegmentError, nearest

__all__ = [
    "calendar_days",
    "holiday_names",
    "is_southern",
    "public_holidays",
    "same_day",
    "season_start",
]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

# South of the equator for most of the people there (countries of the tropics keep no such seasons, but belong somewhere).
_SOUTH = frozenset(
    [
        "AO",
        "AR",
        "AU",
        "BI",
        "BO",
        "BR",
        "BW",
        "BV",
        "CC",
        "CD",
        "CG",
        "CK",
        "CL",
        "CX",
        "EC",
        "FJ",
        "FK",
        "GA",
        "GS",
        "HM",
        "ID",
        "KE",
        "KI",
        "KM",
        "LS",
        "MG",
        "MU",
        "MW",
        "MZ",
        "NA",
        "NC",
        "NF",
        "NR",
        "NU",
        "NZ",
        "PE",
        "PF",
        "PG",
        "PN",
        "PY",
        "RE",
        "RW",
        "SB",
        "SC",
        "SH",
        "SZ",
        "TF",
        "TK",
        "TL",
        "TO",
        "TV",
        "TZ",
        "UY",
        "VU",
        "WF",
        "WS",
        "YT",
        "ZA",
        "ZM",
        "ZW",
        "AQ",
        "AS",
    ]
)
_SEASONS: dict[Season, int] = {"spring": 3, "summer": 6, "autumn": 9, "winter": 12}

# Where Mother's Day is not the second Sunday of May.
_LENT = frozenset({"GB", "IE", "GG", "IM", "JE", "NG"})
_MOTHERS_FIXED = {
    **dict.fromkeys(["AL", "BG", "BA", "MK", "MD", "RS"], (3, 8)),
    **dict.fromkeys(
        ["AE", "BH", "EG", "IQ", "JO", "KW", "LB", "LY", "OM", "PS", "QA", "SA", "SD", "SY", "YE"],
        (3, 21),
    ),
    **dict.fromkeys(["GT", "MX", "SV", "BZ"], (5, 10)),
    "PL": (5, 26),
    "BO": (5, 27),
    "NI": (5, 30),
    "TH": (8, 12),
    "CR": (8, 15),
    "GE": (3, 3),
    "SI": (3, 25),
    "KR": (5, 8),
}
_MOTHERS_NTH = {
    **dict.fromkeys(["ES", "PT", "HU", "LT", "RO", "MZ"], (5, 1)),
    **dict.fromkeys(["FR", "SE", "DO", "DZ", "HT", "MG", "MA", "TN"], (5, -1)),
    "AR": (10, 3),
    "NO": (2, 2),
}
_FATHERS_FIXED = {
    **dict.fromkeys(["ES", "PT", "IT", "HR", "BO", "HN", "LI", "AO"], (3, 19)),
    "KR": (5, 8),
    "PL": (6, 23),
    "TH": (12, 5),
    "TW": (8, 8),
}
_FATHERS_NTH = {
    **dict.fromkeys(["AU", "NZ", "FJ", "PG"], (9, 1)),
    **dict.fromkeys(["SE", "NO", "FI", "IS", "EE"], (11, 2)),
    "BR": (8, 2),
    "RO": (5, 2),
    "LT": (6, 1),
    "AT": (6, 2),
    "BE": (6, 2),
}
_ORTHODOX = frozenset(
    {"GR", "CY", "RO", "BG", "RS", "UA", "RU", "BY", "MD", "MK", "GE", "ME", "ET"}
)
# The first day of school after the long holidays, about; the southern year begins with the calendar's.
_SCHOOL = {"US": (8, 20), "JP": (4, 1), "IN": (6, 10), "KR": (3, 2), "BR": (2, 5), "AR": (3, 1)}
_GRADUATION = {"US": (5, 20), "GB": (7, 10), "JP": (3, 15), "AU": (12, 10), "NZ": (12, 10)}


def calendar_days(
    occasion: Occasion, years: Iterable[int], *, country: str | None, region: str | None
) -> tuple[date, ...]:
    """Days of the occasion in these years for people of a country and region, in order.

    None where the country that it hangs on is not known. Occasions that are each person's own, or told by tables, have none
    here.

    Raises:
        SegmentError: The named calendar has no such holiday.
    """
    time, wanted = occasion.when, sorted(set(years))
    found: Iterable[date] = ()
    if time.dates is not None:
        found = [day for day in time.dates if day.year in wanted]
    elif time.yearly is not None:
        found = [_yearly(time.yearly, year) for year in wanted]
    elif time.payday is not None:
        found = _paydays(time.payday, wanted)
    elif time.holiday is not None:
        place = time.holiday.country or country
        if place is not None:
            own = time.holiday.region or (region if place == country else None)
            strict = time.holiday.country is not None
            found = _holidays(time.holiday.name, place, own, tuple(wanted), strict=strict)
    elif time.common is not None:
        place = time.common.country or country
        if place is not None:
            found = [_common(time.common.day, year, place) for year in wanted]
    elif time.season is not None and country is not None:
        found = [season_start(time.season, year, southern=is_southern(country)) for year in wanted]
    return tuple(sorted(found))


def is_southern(country: str) -> bool:
    """Whether most people of a country live south of the equator."""
    return country in _SOUTH


def season_start(season: Season, year: int, *, southern: bool) -> date:
    """The first day of a season as weather services count it: 1 March, June, September, December, half a year later in
    the south."""
    month = _SEASONS[season]
    return date(year, (month + 5) % 12 + 1 if southern else month, 1)


def same_day(day: date, year: int, *, leap: str = "february") -> date:
    """The day's anniversary in a year; 29 February falls on the 28th, or with `leap` march on 1 March, of others."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1) if leap == "march" else date(year, 2, 28)


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    last = monthrange(year, month)[1]
    if nth < 0:
        end = date(year, month, last)
        return end - timedelta(days=(end.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _yearly(rule: Yearly, year: int) -> date:
    if rule.date is not None:
        return same_day(date(2000, int(rule.date[:2]), int(rule.date[3:])), year)
    assert rule.month is not None  # noqa: S101 - checked with the document
    assert rule.weekday is not None  # noqa: S101 - checked with the document
    return _nth(year, rule.month, _WEEKDAYS.index(rule.weekday), rule.nth)


def _paydays(rule: Payday, years: Sequence[int]) -> list[date]:
    if rule.every is not None:
        assert rule.since is not None  # noqa: S101 - checked with the document
        step = 7 * rule.every
        first, last = date(years[0], 1, 1), date(years[-1], 12, 31)
        start = first + timedelta(days=(rule.since - first).days % step)
        every = [start + timedelta(days=n) for n in range(0, (last - start).days + 1, step)]
        return [day for day in every if day.year in years]
    return [
        date(year, month, min(rule.day, last) if isinstance(rule.day, int) else last)
        for year in years
        for month in range(1, 13)
        for last in [monthrange(year, month)[1]]
    ]


def _common(day: CommonDay, year: int, country: str) -> date:
    fixed = {
        "christmas": (12, 25),
        "new-year": (1, 1),
        "valentines-day": (2, 14),
        "halloween": (10, 31),
        "singles-day": (11, 11),
        "st-patricks-day": (3, 17),
    }
    if day in fixed:
        # Orthodox churches that keep the old calendar have Christmas on 7 January.
        old = day == "christmas" and country in {"RU", "BY", "RS", "GE", "ET", "MK", "ME"}
        return date(year, 1, 7) if old else date(year, *fixed[day])
    if day in ("black-friday", "cyber-monday"):
        thanksgiving = _nth(year, 11, 3, 4)
        return thanksgiving + timedelta(days=1 if day == "black-friday" else 4)
    if day == "easter":
        return _easter(year, orthodox=country in _ORTHODOX)
    if day == "mothers-day":
        return _mothers_day(year, country)
    if day == "fathers-day":
        return _fathers_day(year, country)
    table = _SCHOOL if day == "back-to-school" else _GRADUATION
    south = (2, 1) if day == "back-to-school" else (12, 1)
    north = (9, 1) if day == "back-to-school" else (6, 15)
    return date(year, *table.get(country, south if is_southern(country) else north))


def _easter(year: int, *, orthodox: bool = False) -> date:
    found = easter(year, EASTER_ORTHODOX) if orthodox else easter(year)
    return date(found.year, found.month, found.day)


def _mothers_day(year: int, country: str) -> date:
    if country in _LENT:
        return _easter(year) - timedelta(days=21)  # Mothering Sunday
    if country in _MOTHERS_FIXED:
        return date(year, *_MOTHERS_FIXED[country])
    month, nth = _MOTHERS_NTH.get(country, (5, 2))
    found = _nth(year, month, 6, nth)
    if country == "FR" and found == _easter(year) + timedelta(days=49):
        return found + timedelta(days=7)  # not on Whit Sunday
    return found


def _fathers_day(year: int, country: str) -> date:
    if country == "DE":
        return _easter(year) + timedelta(days=39)  # Ascension Day
    if country in _FATHERS_FIXED:
        return date(year, *_FATHERS_FIXED[country])
    month, nth = _FATHERS_NTH.get(country, (6, 3))
    return _nth(year, month, 6, nth)


@lru_cache(maxsize=512)
def _calendar(
    country: str, region: str | None, years: tuple[int, ...]
) -> tuple[tuple[date, tuple[str, ...]], ...]:
    """Every day of the country's calendar with its English names."""
    kinds = holidays.country_holidays(country)
    language = "en_US" if "en_US" in kinds.supported_languages else None
    if region is not None and region not in (*kinds.subdivisions, *kinds.subdivisions_aliases):
        region = (
            None  # people's regions are not always those of the calendar; the country's days hold
        )
    known = holidays.country_holidays(
        country,
        subdiv=region,
        years=years,
        observed=False,
        language=language,
        categories=kinds.supported_categories,
    )
    return tuple((day, tuple(names.split("; "))) for day, names in sorted(known.items()))


def holiday_names(country: str, year: int) -> tuple[str, ...]:
    """The English names in a country's calendar; empty where the library knows no such country."""
    try:
        found = _calendar(country, None, (year,))
    except NotImplementedError:
        return ()
    return tuple(dict.fromkeys(_plain(name) for _day, names in found for name in names))


def public_holidays(country: str, years: Iterable[int]) -> dict[str, tuple[date, ...]]:
    """English name → days, of the holidays that the whole country keeps; empty where the library knows no such country."""
    try:
        kinds = holidays.country_holidays(country)
    except NotImplementedError:
        return {}
    language = "en_US" if "en_US" in kinds.supported_languages else None
    kept = holidays.country_holidays(
        country, years=sorted(set(years)), observed=False, language=language
    )
    found: dict[str, list[date]] = {}
    for day, names in sorted(kept.items()):
        for name in dict.fromkeys(_plain(one) for one in names.split("; ")):
            found.setdefault(name, []).append(day)
    return {name: tuple(days) for name, days in found.items()}


def _plain(name: str) -> str:
    return name.removesuffix(" (estimated)")


def _holidays(
    name: str, country: str, region: str | None, years: tuple[int, ...], *, strict: bool
) -> list[date]:
    """Days whose name is that, else has it as a part; of days in a row the first.

    A country that does not keep it has none; with `strict` that is an error.
    """
    try:
        known = _calendar(country, region, years)
    except NotImplementedError:
        if strict:
            raise SegmentError(f"There is no calendar of holidays of '{country}'.") from None
        return []
    asked = name.casefold()
    for fits in (lambda n: _plain(n).casefold() == asked, lambda n: asked in n.casefold()):
        days = [day for day, names in known if any(map(fits, names))]
        if days:
            return [day for day in days if day - timedelta(days=1) not in days]
    if strict:
        names = list(holiday_names(country, years[0]))
        raise SegmentError(
            f"The calendar of {country} has no holiday '{name}'. {nearest(name, names)}"
        )
    return []
