"""A shop whose effect to date is known on each day of a window: heavy-tailed spend of people who differ for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["DAYS", "DailyShop", "Days", "simulated_days"]

DAYS = 30
# Spend of an order: exp(2.5 + 1.3 z), of which 0.9 is a taste that spend of before shares. The skew of 30 days is near 20.
_LOCATION, _TASTE, _SIGMA = 2.5, 0.9, 1.3


@dataclass(frozen=True, kw_only=True)
class DailyShop:
    """Who is assigned, and what treatment does.

    Attributes:
        treated, control: People.
        orders: Per person in the window, untreated; people's rates differ by a gamma law of shape 0.5.
        extra: Share of the treated whom it brings an order, some days later.
        dearer: Factor on what the treated spend.
    """

    treated: int
    control: int
    orders: float = 0.3
    extra: float = 0.0
    dearer: float = 1.0

    def truth(self) -> np.ndarray:
        """The effect per person to the end of each day."""
        day = np.arange(1, DAYS + 1)
        basket = np.exp(_LOCATION + _SIGMA**2 / 2)
        brought = self.extra * (1.0 - np.exp(-day / 4.0)) * self.dearer
        return basket * (brought + self.orders * day / DAYS * (self.dearer - 1.0))

    def relative_truth(self) -> np.ndarray:
        """The same as a share of what people spend untreated."""
        usual = np.exp(_LOCATION + _SIGMA**2 / 2) * self.orders * np.arange(1, DAYS + 1) / DAYS
        return self.truth() / usual


@dataclass(frozen=True, eq=False)
class Days:
    """One arm: cumulative spend (a row a person, a column a day), and what each had spent before."""

    spent: np.ndarray
    before: np.ndarray


def simulated_days(shop: DailyShop, rng: np.random.Generator) -> tuple[Days, Days]:
    """The treated and the control arm of one run."""
    return _arm(shop, rng, treated=True), _arm(shop, rng, treated=False)


def _arm(shop: DailyShop, rng: np.random.Generator, *, treated: bool) -> Days:
    n = shop.treated if treated else shop.control
    taste, rate = rng.normal(size=n), shop.orders * rng.gamma(0.5, 2.0, n)
    who = np.repeat(np.arange(n), rng.poisson(rate))
    day = rng.integers(0, DAYS, len(who))
    if treated:
        brought = np.flatnonzero(rng.random(n) < shop.extra)
        later = np.floor(rng.exponential(4.0, len(brought))).astype(int)
        who = np.concatenate([who, brought[later < DAYS]])
        day = np.concatenate([day, later[later < DAYS]])
    whim = np.sqrt(_SIGMA**2 - _TASTE**2) * rng.normal(size=len(who))
    amount = np.exp(_LOCATION + _TASTE * taste[who] + whim) * (shop.dearer if treated else 1.0)
    daily = np.bincount(who * DAYS + day, amount, n * DAYS).reshape(n, DAYS)
    noise = 0.9 * rng.normal(size=n)
    before = np.where(rng.random(n) < 0.7, rate * np.exp(3.0 + _TASTE * taste + noise), 0.0)
    return Days(np.asfortranarray(daily.cumsum(axis=1)), before)
