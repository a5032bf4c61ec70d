"""`occasion`: a day that people keep or that happens to them, and how it is told when it is for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from aimwell.definitions.base import Definition, Duration, Part, Share
from aimwell.definitions.conditions import NumberCondition, Text

__all__ = [
    "COMMON_DAYS",
    "CommonDay",
    "Goods",
    "Nature",
    "Occasion",
    "Season",
    "Signs",
]

Nature = Literal["celebratory", "routine", "problem-solving", "social", "emotional"]
Season = Literal["spring", "summer", "autumn", "winter"]
CommonDay = Literal[
    "christmas",
    "new-year",
    "valentines-day",
    "mothers-day",
    "fathers-day",
    "easter",
    "halloween",
    "black-friday",
    "cyber-monday",
    "singles-day",
    "st-patricks-day",
    "back-to-school",
    "graduation",
]
COMMON_DAYS: tuple[str, ...] = CommonDay.__args__  # type: ignore[attr-defined]

_YEARLY = re.compile(r"(\d\d)-(\d\d)")


def _country(value: str) -> str:
    # Here, because a document without a country need not load the calendars of all.
    from aimwell.settings import known_country

    return known_country(value)


Country = Annotated[str, AfterValidator(_country)]
Day = Annotated[date, Field(description="As 2026-05-10.")]


class Holiday(Part):
    """A public or religious holiday by the calendar of a country."""

    name: Text = Field(description="Its English name, as 'Eid al-Fitr', or a part of it.")
    country: Country | None = Field(
        default=None,
        description="Whose calendar; default: that of each person's own country. People without one keep none.",
    )
    region: Text | None = Field(
        default=None,
        description="Region of that country, as SCT; default: each person's own, where known.",
    )


class Common(Part):
    """A day of trade that many countries keep, each by its own rule."""

    day: CommonDay
    country: Country | None = Field(
        default=None, description="Whose rule; default: that of each person's own country."
    )


class Yearly(Part):
    """A day of the year, or the nth weekday of a month."""

    date: str | None = Field(default=None, description="Month and day, as 03-17.")
    month: Annotated[int, Field(ge=1, le=12)] | None = None
    weekday: (
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] | None
    ) = None
    nth: Literal[1, 2, 3, 4, -1] = Field(default=1, description="Of the month; -1 is the last.")

    @model_validator(mode="after")
    def _one_way(self) -> Yearly:
        by_weekday = self.month is not None and self.weekday is not None
        if (self.date is None) == (not by_weekday):
            raise ValueError("say `date: 03-17`, or `month` and `weekday` (and `nth`)")
        if self.date is not None:
            match = _YEARLY.fullmatch(self.date)
            if match is None:
                raise ValueError("a day of the year is month and day, as 03-17")
            date(2000, int(match[1]), int(match[2]))  # ValueError where there is none
        return self


class Payday(Part):
    """When people are paid."""

    day: Annotated[int, Field(ge=1, le=31)] | Literal["last"] | None = Field(
        default=None, description="Day of the month (of a shorter month the last), or last."
    )
    every: Annotated[int, Field(ge=1, le=8)] | None = Field(
        default=None, description="Every so many weeks, from `since` on."
    )
    since: Day | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Payday:
        if (self.day is None) == (self.every is None):
            raise ValueError(
                "say `day: 25` (or last), or `every: 2` weeks with `since: 2026-01-02`"
            )
        if (self.every is None) != (self.since is None):
            raise ValueError("`every` needs `since`, a day on which people were paid")
        return self


class Calendar(Part):
    """Days by a table: rows of `market` whose `text` is a day, as 2026-07-22, known from their `set_at` on."""

    series: Text = Field(description="`name` of the rows, as school-holidays.")
    trait: Text | None = Field(
        default=None, description="Trait of people that `key` is of, as region; default: for all."
    )


class Replenishment(Part):
    """Due when the median of the person's own gaps between orders of it is over."""

    category: Text | None = Field(default=None, description="Of products; default: all orders.")
    sku: Text | None = None
    orders: Annotated[int, Field(ge=2)] = Field(
        default=3, description="Orders on different days that are needed before a gap is a habit."
    )

    @model_validator(mode="after")
    def _one(self) -> Replenishment:
        if self.category is not None and self.sku is not None:
            raise ValueError("say category or sku, not both")
        return self


class Goods(Part):
    """Products: by category, number, or a word in their name or category; one is enough."""

    categories: tuple[Text, ...] = ()
    skus: tuple[Text, ...] = ()
    words: tuple[Text, ...] = Field(
        default=(), description="Words in names of products or categories, as [cot, nappy]."
    )

    @model_validator(mode="after")
    def _some(self) -> Goods:
        if not (self.categories or self.skus or self.words):
            raise ValueError("say which products: categories, skus or words")
        return self


class Signs(Goods):
    """What is bought when something happens in life."""

    within: Duration = Field(description="How lately, as 60d.")
    probability: Share = Field(
        default=0.5, description="From this probability on the event is taken to have happened."
    )


class Trigger(Part):
    """Something outside, by a table: the newest row of `market` of the series, compared."""

    series: Text = Field(description="`name` of the rows, as weather:rain_mm.")
    trait: Text | None = Field(
        default=None, description="Trait of people that `key` is of, as region; default: for all."
    )
    value: NumberCondition
    within: Duration = Field(description="How lately it must have been said.")


_WAYS = (
    "holiday",
    "common",
    "yearly",
    "dates",
    "birthday",
    "anniversary",
    "season",
    "payday",
    "calendar",
    "replenishment",
    "life_event",
    "trigger",
)


def _common(value: object) -> object:
    return {"day": value} if isinstance(value, str) else value


def _holiday(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _yearly(value: object) -> object:
    return {"date": value} if isinstance(value, str) else value


class OccasionTime(Part):
    """When it is; exactly one of these."""

    holiday: Annotated[Holiday | None, BeforeValidator(_holiday)] = None
    common: Annotated[Common | None, BeforeValidator(_common)] = None
    yearly: Annotated[Yearly | None, BeforeValidator(_yearly)] = None
    dates: Annotated[tuple[Day, ...] | None, Field(min_length=1)] = Field(
        default=None, description="A calendar of your own: the days themselves."
    )
    birthday: Literal["february", "march"] | None = Field(
        default=None,
        description="Each person's birthday; who was born on 29 February keeps it on the 28th (february) or on "
        "1 March (march) of other years.",
    )
    anniversary: Literal["signup", "first_purchase"] | Text | None = Field(
        default=None,
        description="Each year after the person was first seen (signup), bought first, or the day of a trait.",
    )
    season: Season | None = Field(
        default=None, description="Its first day (of the calendar of weather) where the person is."
    )
    payday: Payday | None = None
    calendar: Calendar | None = None
    replenishment: Replenishment | None = None
    life_event: Signs | None = None
    trigger: Trigger | None = None

    @model_validator(mode="after")
    def _one(self) -> OccasionTime:
        said = [way for way in _WAYS if getattr(self, way) is not None]
        if len(said) != 1:
            found = f"not {' and '.join(said)}" if said else "nothing is said"
            raise ValueError(f"say one way to tell when it is ({', '.join(_WAYS)}); {found}")
        return self

    @property
    def way(self) -> str:
        """Which of the ways it is."""
        return next(way for way in _WAYS if getattr(self, way) is not None)


class Occasion(Definition):
    """A day that people keep, or that happens to them."""

    kind: Literal["occasion"] = "occasion"
    nature: tuple[Nature, ...] = Field(
        default=(), description="What kind of occasion it is; default: as its signs tell."
    )
    when: OccasionTime
    goods: Goods | None = Field(
        default=None,
        description="What is bought for it, where that is known, as words: [christmas, xmas]; default: all orders count.",
    )
    lead: Duration | None = Field(
        default=None,
        description="How long before the day people buy for it; default: as learned, else 14 days.",
    )
    after: Duration | None = Field(
        default=None, description="How long after the day they still buy for it; default: not."
    )
    country_trait: Text = Field(default="country", description="Trait with people's country.")
    region_trait: Text = Field(
        default="region", description="Trait with people's region, as the calendar calls it."
    )
    without_country: Literal["nobody", "home"] = Field(
        default="nobody",
        description="Whose calendar people without a known country keep: none, or that of the firm's home country.",
    )
    religious: bool = Field(
        default=False,
        description="Who keeps it tells of a religion: people are then not singled out by what they bought for it.",
    )

    def traits(self) -> Iterator[str]:
        """Traits that it asks people's data for."""
        time = self.when
        if time.holiday is not None or time.common is not None or time.season is not None:
            yield self.country_trait
