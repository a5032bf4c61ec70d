"""The people of a shop: what they are like, hidden from those who have only the files.

Rates of buying are gamma and chances to leave are beta over the people (the assumptions of BG/NBD); basket
sizes are lognormal. Everybody is in one group: *persuadable*, *sure thing*, *lost cause* or *do not disturb*.
The group follows from hidden traits that also leave traces in the history, so it can be learnt:
love of bargains (share of coupons) makes persuadable, a high rate makes a sure thing, dislike of being
contacted (few opened newsletters, few opt-ins) makes one whom contact drives away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ndtr, ndtri

from aimwell.simulate.places import COUNTRIES, ZONES
from aimwell.simulate.seasons import DAY, Habits
from aimwell.simulate.shop import Shop
from aimwell.simulate.spec import CHANNELS, ShopSpec

__all__ = ["GROUPS", "People", "simulate_people"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

GROUPS = ("persuadable", "sure_thing", "lost_cause", "do_not_disturb")
_DAYS_OF_YEAR = 365.25
_TRACE = 0.85  # correlation between a group's hidden score and the trait that gives it away
_HOUR_SHARES = (0.2, 0.2, 0.2, 0.4)
_WEEKDAY_SHARES = (0.5, 0.25, 0.25)


@dataclass(frozen=True)
class People:
    """One row per person of a cell, in order of their numbers.

    `rate` is in orders per unit of season time (a usual day); `dropout` is the chance to leave after an
    order; `extra_units` the mean units beyond one on a line; `taste` the chance of each category (rows add
    up to 1); `bargain`, `freight` and `aversion` lie between 0 and 1, and `affinity` (columns: channels) is
    about 1. `country` and `town` index `places`, `signup` is a season time.
    """

    number: Ints
    prospect: Flags
    rate: Floats
    dropout: Floats
    extra_units: Floats
    taste: Floats
    bargain: Floats
    freight: Floats
    aversion: Floats
    affinity: Floats
    group: Ints
    habits: Habits
    country: Ints
    town: Ints
    gender: Ints
    birth_day: Ints
    store: Ints
    coupon_share: Floats
    signup: Floats
    end: Floats

    def __len__(self) -> int:
        return len(self.number)

    def is_group(self, name: str) -> Flags:
        """Who is in the group of that name."""
        return np.asarray(self.group == GROUPS.index(name))


def simulate_people(shop: Shop, cell: int) -> People:
    """The people of one cell."""
    spec = shop.spec
    numbers = np.array(shop.cell_people(cell), np.int64)
    n = len(numbers)
    rng = shop.stream("people", cell=cell)
    country, town, zone = _homes(rng, spec, n)
    birth_day = _birth_days(rng, shop, n)
    habits = Habits(curve=_curves(rng, birth_day), hours=_choose(rng, _HOUR_SHARES, n), zone=zone)
    prospect = rng.random(n) < spec.prospect_share
    usual_rate = rng.gamma(
        spec.rate_shape, spec.orders_per_year / _DAYS_OF_YEAR / spec.rate_shape, n
    )
    hidden = rng.standard_normal((2, n))
    start = shop.calendar.season_time(habits, np.full(n, shop.start))
    end = shop.calendar.season_time(habits, np.full(n, shop.end))
    bargain = ndtr(hidden[0])
    return People(
        number=numbers,
        prospect=prospect,
        rate=usual_rate * np.where(prospect, spec.prospect_pace, 1.0),
        dropout=_dropouts(rng, spec, n),
        extra_units=spec.extra_units * np.exp(spec.basket_tail * rng.standard_normal(n)),
        taste=_tastes(rng, len(shop.catalogue.category_names), n),
        bargain=bargain,
        freight=rng.random(n),
        aversion=ndtr(hidden[1]),
        affinity=_affinities(rng, hidden[1], n),
        group=_groups(
            rng, spec, bargain=hidden[0], aversion=hidden[1], rate=_rate_score(spec, usual_rate)
        ),
        habits=habits,
        country=country,
        town=town,
        gender=_choose(rng, (0.53, 0.45, 0.02), n),
        birth_day=birth_day,
        store=rng.integers(max(spec.shops, 1), size=n),
        coupon_share=spec.coupon_share * 2 * bargain,
        signup=start + (end - start) * rng.random(n) ** 1.3,
        end=end,
    )


def _choose(rng: np.random.Generator, shares: tuple[float, ...] | Floats, n: int) -> Ints:
    edges = np.cumsum(shares) / np.sum(shares)
    return np.searchsorted(edges[:-1], rng.random(n), side="right").astype(np.int64)


def _homes(rng: np.random.Generator, spec: ShopSpec, n: int) -> tuple[Ints, Ints, Ints]:
    """Country, town within the country, and time zone, as indices."""
    countries = list(COUNTRIES.values())
    country = _choose(rng, np.array([spec.countries.get(c.code, 0.0) for c in countries]), n)
    where = rng.random(n)
    town, zone = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for index, place in enumerate(countries):
        here = country == index
        weights = np.cumsum([t.weight for t in place.towns])
        town[here] = np.searchsorted(weights[:-1] / weights[-1], where[here], side="right")
        zone[here] = np.array([ZONES.index(t.zone) for t in place.towns])[town[here]]
    return country, town, zone


def _birth_days(rng: np.random.Generator, shop: Shop, n: int) -> Ints:
    """Days since 1970 (mostly negative): 18 to 88 years before the history began, most near 45."""
    years = 18 + 70 * rng.beta(2.2, 3.4, n)
    return np.floor(shop.start / DAY - years * _DAYS_OF_YEAR).astype(np.int64)


def _curves(rng: np.random.Generator, birth_day: Ints) -> Ints:
    """Row of the calendar: weekday habit x 12 + month of birth."""
    habit = _choose(rng, _WEEKDAY_SHARES, len(birth_day))
    month = birth_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return habit * 12 + month


def _dropouts(rng: np.random.Generator, spec: ShopSpec, n: int) -> Floats:
    a = spec.dropout_mean * spec.dropout_size
    return np.clip(rng.beta(a, spec.dropout_size - a, n), 1e-9, 1 - 1e-9)


def _tastes(rng: np.random.Generator, categories: int, n: int) -> Floats:
    """Dirichlet tastes; the first categories are the more popular ones."""
    weight = rng.gamma(1.2 / np.arange(1, categories + 1) ** 0.4, size=(n, categories)) + 1e-9
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _affinities(rng: np.random.Generator, aversion_score: Floats, n: int) -> Floats:
    """How much each channel suits each person: 0.4 to 1.6, on the whole less for the averse."""
    score = rng.standard_normal((n, len(CHANNELS))) * 0.8 - 0.6 * aversion_score[:, None]
    return np.asarray(0.4 + 1.2 * ndtr(score))


def _rate_score(spec: ShopSpec, rate: Floats) -> Floats:
    """The rate's place among all rates, as a standard normal number."""
    place = gammainc(spec.rate_shape, rate * spec.rate_shape * _DAYS_OF_YEAR / spec.orders_per_year)
    return np.asarray(ndtri(np.clip(place, 1e-12, 1 - 1e-12)))


def _groups(
    rng: np.random.Generator, spec: ShopSpec, *, bargain: Floats, aversion: Floats, rate: Floats
) -> Ints:
    """Indices of GROUPS, in the shares of the spec: three questions in turn, each a noisy trait.

    Every score is standard normal, and independent of the questions before, so the shares are exact.
    """
    noise = rng.standard_normal((3, len(rate)))
    averse, moved, regular = (
        _TRACE * trait + np.sqrt(1 - _TRACE**2) * other
        for trait, other in zip((aversion, bargain, rate), noise, strict=True)
    )
    disturbed, persuaded, sure = (
        spec.do_not_disturb_share,
        spec.persuadable_share,
        spec.sure_thing_share,
    )
    return np.select(
        [
            averse > _threshold(disturbed, 1.0),
            moved > _threshold(persuaded, 1.0 - disturbed),
            regular > _threshold(sure, 1.0 - disturbed - persuaded),
        ],
        [GROUPS.index("do_not_disturb"), GROUPS.index("persuadable"), GROUPS.index("sure_thing")],
        GROUPS.index("lost_cause"),
    ).astype(np.int64)


def _threshold(share: float, rest: float) -> float:
    """What a standard normal score passes with probability share / rest."""
    if share <= 0:
        return np.inf
    return -np.inf if share >= rest else float(ndtri(1.0 - share / rest))
