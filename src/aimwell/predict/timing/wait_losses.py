"""How far a forecast of the next purchase was from what came, row by row.

Everything is measured on the time to the next purchase or the end of the later period, whichever comes first, so that who has
not come back by then counts too. The *pinball loss* of a quantile, averaged over five of them, is in days; less is better. The
*log score* is the log-probability of what happened (came on that day, or stayed away); more is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from aimwell.predict.timing.kaplan_meier import WaitCurve
from aimwell.stats.samples import FloatArray

__all__ = [
    "QUANTILES",
    "Ahead",
    "CurveAhead",
    "Forecaster",
    "RowLosses",
    "point_losses",
    "row_losses",
]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CHUNK_CELLS = 4_000_000
_FLOOR = 1e-9


class Ahead(Protocol):
    """A law of each row's next purchase."""

    @property
    def waited(self) -> FloatArray:
        """Days waited already."""

    def within(self, days: float) -> FloatArray:
        """Probability of a purchase within so many days from now, of all."""

    def take(self, rows: slice) -> Self:
        """Some of the rows."""


@dataclass(frozen=True, slots=True, eq=False)
class CurveAhead:
    """What everybody's curve says of rows that have waited so long."""

    curve: WaitCurve
    waited: FloatArray

    def within(self, days: float) -> FloatArray:
        """See `Ahead`."""
        return self.curve.within(self.waited, days)

    def take(self, rows: slice) -> CurveAhead:
        """See `Ahead`."""
        return CurveAhead(self.curve, self.waited[rows])


@dataclass(frozen=True, slots=True)
class Forecaster:
    """How well one way to foretell did: mean pinball loss (days) and log score; None where it gives no probabilities."""

    name: str
    pinball_days: float
    log_score: float | None


@dataclass(frozen=True, slots=True, eq=False)
class RowLosses:
    """`pinball` (days) and `log_score` of each row; of those who came back, how many did so within the middle half and
    the middle 90 % of the law that holds if they do."""

    pinball: FloatArray
    log_score: FloatArray
    inside_50: int
    inside_90: int

    def forecaster(self, name: str) -> Forecaster:
        """The means, under a name."""
        return Forecaster(name, float(self.pinball.mean()), float(self.log_score.mean()))


def row_losses(ahead: Ahead, came: FloatArray, horizon: int) -> RowLosses:
    """Judge a law on what came.

    Args:
        ahead: One law a row.
        came: Days to the next purchase; inf where none came within the horizon.
        horizon: In days.
    """
    size = max(1, _CHUNK_CELLS // horizon)
    parts = [
        _judged(ahead.take(slice(start, start + size)), came[start : start + size], horizon)
        for start in range(0, len(came), size)
    ]
    return RowLosses(
        np.concatenate([part.pinball for part in parts]),
        np.concatenate([part.log_score for part in parts]),
        sum(part.inside_50 for part in parts),
        sum(part.inside_90 for part in parts),
    )


def point_losses(foretold: FloatArray, came: FloatArray, horizon: int) -> FloatArray:
    """Pinball loss of a rule that names one day for all quantiles."""
    error = np.minimum(came, horizon) - np.minimum(foretold, horizon)
    return np.asarray(
        np.mean([np.maximum(q * error, (q - 1) * error) for q in QUANTILES], axis=0),
        dtype=np.float64,
    )


def _judged(ahead: Ahead, came: FloatArray, horizon: int) -> RowLosses:
    cumulative = _by_day(ahead.within, len(came), horizon)
    back = np.isfinite(came)
    whole = cumulative[:, -1:]
    shares = np.divide(cumulative, whole, out=np.zeros_like(cumulative), where=whole > 0)[back]
    place = came[back].astype(np.int64)
    before = np.where(
        place > 1, np.take_along_axis(shares, np.maximum(place - 2, 0)[:, None], 1)[:, 0], 0.0
    )
    until = np.take_along_axis(shares, (place - 1)[:, None], 1)[:, 0]
    # Days are whole, so a quantile falls within one: a day counts by the part of its probability that lies inside.
    return RowLosses(
        _pinball(cumulative, came, horizon),
        _log_score(cumulative, came),
        _inside(before, until, 0.25),
        _inside(before, until, 0.05),
    )


def _inside(before: FloatArray, until: FloatArray, tail: float) -> int:
    """Rows whose day lies in the middle of the law; the middle of a day's probability says on which side it is."""
    middle = (before + until) / 2
    return int(((middle >= tail) & (middle <= 1 - tail)).sum())


def _by_day(within: Callable[[float], FloatArray], rows: int, horizon: int) -> FloatArray:
    found = np.empty((rows, horizon))
    for day in range(horizon):
        found[:, day] = within(float(day + 1))
    return found


def _pinball(cumulative: FloatArray, came: FloatArray, horizon: int) -> FloatArray:
    actual = np.minimum(came, horizon)
    loss = np.zeros(len(came))
    for share in QUANTILES:
        foretold = np.minimum((cumulative < share).sum(axis=1) + 1.0, horizon)
        loss += np.maximum(share * (actual - foretold), (share - 1) * (actual - foretold))
    return loss / len(QUANTILES)


def _log_score(cumulative: FloatArray, came: FloatArray) -> FloatArray:
    density = np.diff(cumulative, axis=1, prepend=0.0)
    back = np.isfinite(came)
    place = np.where(back, came, 1).astype(np.int64) - 1
    chance = np.where(
        back, np.take_along_axis(density, place[:, None], 1)[:, 0], 1 - cumulative[:, -1]
    )
    return np.log(np.maximum(chance, _FLOOR))
