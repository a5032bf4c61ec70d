"""The law of the next purchase that a network gives: a rate for each span of days ahead, up to a horizon.

A person who has not bought by a day of span k buys on it with probability 1 - exp(-rate_k), so

    P(nothing within d days) = exp(-Σ_k rate_k · days of span k up to d)

A row that bought on day d has the likelihood exp(-Σ over the d-1 days before) · (1 - exp(-rate of day d)); one that was watched for c days and
did not buy is right-censored: exp(-Σ over c days).

Sources: Prentice & Gloeckler (1978), Regression analysis of grouped survival data, Biometrics 34, for the complementary log-log
link; Gensheimer & Narasimhan (2019), A scalable discrete-time survival model for neural networks, PeerJ 7:e6257, for a
network with one output a span; Martinsson (2016), WTTE-RNN, for recurrent networks of the time to the next event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.stats.samples import FloatArray

__all__ = ["DayLaw", "Watched", "day_spans", "usual_rates"]

_DAILY = 28
_WEEK = 7


def day_spans(horizon: int) -> tuple[int, ...]:
    """Last days of the spans: each of the first 28 days, then weeks, up to the horizon."""
    daily = list(range(1, min(horizon, _DAILY) + 1))
    return (
        *daily,
        *range(_DAILY + _WEEK, horizon, _WEEK),
        *([horizon] if horizon > _DAILY else []),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What came of rows after their moment.

    Args:
        days: Days to the purchase, or days without one; at least 1.
        bought: Whether there was one.
    """

    days: FloatArray
    bought: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, came: FloatArray, watched: int) -> Watched:
        """From days to the next purchase (inf: none) of rows that were watched for so many days."""
        return cls(np.minimum(came, float(watched)), came <= watched)

    def spread(self, ends: tuple[int, ...]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """Days of each span without a purchase (rows, spans), and the span in which the last day lies."""
        first, last = _edges(ends)
        quiet = self.days - self.bought
        exposed = np.clip(quiet[:, None], first, last) - first
        return exposed, np.searchsorted(last, self.days, side="left").astype(np.int64)


def usual_rates(watched: Watched, ends: tuple[int, ...]) -> FloatArray:
    """The daily rate of each span over all rows, an empty span like the average one with a weight of one purchase."""
    exposed, span = watched.spread(ends)
    bought = np.bincount(span[watched.bought], minlength=len(ends)).astype(np.float64)
    risk = exposed.sum(axis=0) + bought
    usual = bought.sum() / max(float(risk.sum()), 1.0)
    share = (bought + 1.0) / (risk + 1.0 / max(usual, 1e-6))
    return np.asarray(-np.log1p(-np.minimum(share, 0.99)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class DayLaw:
    """The law of each row's next purchase up to a horizon.

    Args:
        waited: Days waited already.
        rates: Daily rates of the spans (rows, spans).
        ends: Last day of each span.
    """

    waited: FloatArray
    rates: FloatArray
    ends: tuple[int, ...]

    def within(self, days: float) -> FloatArray:
        """Probability (0-1) of a purchase within so many days from now; beyond the horizon, within it."""
        first, last = _edges(self.ends)
        exposed = np.clip(days, first, last) - first
        return np.asarray(-np.expm1(-(self.rates @ exposed)), dtype=np.float64)

    def days_to(self, chance: FloatArray) -> FloatArray:
        """Days from now within which the probability of each row is reached; at least 1; inf: not within the horizon."""
        first, last = _edges(self.ends)
        whole = (self.rates * (last - first)).cumsum(axis=1)
        aim = -np.log1p(-np.minimum(chance, 1 - 1e-12)) - 1e-9
        span = (whole < aim[:, None]).sum(axis=1)
        inside = np.minimum(span, len(last) - 1)[:, None]
        before = np.take_along_axis(np.pad(whole, ((0, 0), (1, 0))), inside, 1)[:, 0]
        rate = np.maximum(np.take_along_axis(self.rates, inside, 1)[:, 0], 1e-300)
        days = np.ceil(np.minimum(first[inside[:, 0]] + (aim - before) / rate, last[-1]))
        return np.where(span < len(last), np.maximum(days, 1.0), np.inf)

    def take(self, rows: slice) -> DayLaw:
        """Some of the rows."""
        return DayLaw(self.waited[rows], self.rates[rows], self.ends)


def _edges(ends: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Days before each span, and its last day."""
    last = np.asarray(ends, dtype=np.float64)
    return np.concatenate([[0.0], last[:-1]]), last
