"""How far the truth lies from forecasts, learnt from windows of the past: conformal intervals.

A residual is taken in units of √(forecast + 1), as counts scatter, and that of the sum over a window as the logarithm of a
factor; and then in units of the series' own mean residual. The own mean is that of its *other* windows, as the one to come is another window
too; so the quantiles know how far a series strays from one window to the next. They are taken over series that sell about as
much, for a single series has too few windows.

Sources: Vovk, Gammerman & Shafer (2005) and Lei et al. (2018) for conformal intervals, there also scaled by a residual's own
expected size. They hold as often as they say where the future is like the windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.predict.demand.choosing import Windows
from aimwell.stats.samples import FloatArray

__all__ = [
    "CONFIDENCE",
    "Spread",
    "conformal",
    "fit_spread",
    "period_residuals",
    "total_residuals",
]

CONFIDENCE = 0.9
_RESIDUALS_MIN = 200
_BAND_FACTOR = 4.0
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Bounds by bands of volume.

    Args:
        edges: Units a period at which one band ends and the next begins; one fewer than bands.
        mean: Mean size of a residual in each band.
        low, high: Bounds of residuals in units of a series' own mean size.
        prior: Weight of a band's mean in a series' own, in residuals.
    """

    edges: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    prior: float

    def bounds(self, residuals: FloatArray, volume: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The lower and the upper residual that each series may have.

        Args:
            residuals: What is known of them: windows × periods × series; NaN where nothing counts.
            volume: Units a period of each series.
        """
        band = np.searchsorted(self.edges, volume, side="right")
        size, number = _sizes(residuals)
        own = (size.sum(axis=0) + self.prior * self.mean[band]) / (number.sum(axis=0) + self.prior)
        return self.low[band] * own, self.high[band] * own


def fit_spread(residuals: FloatArray, volume: FloatArray, *, prior: float) -> Spread:
    """Learn the bounds from residuals of some series (windows × periods × series).

    A band holds series that differ by less than a factor of four in volume, and more where these have fewer than 200
    residuals.
    """
    size, number = _sizes(residuals)
    edges = _edges(volume, number.sum(axis=0))
    band = np.searchsorted(edges, volume, side="right")
    learnt = np.array(
        [
            _learnt(
                residuals[:, :, band == one], size[:, band == one], number[:, band == one], prior
            )
            for one in range(len(edges) + 1)
        ]
    )
    return Spread(edges, learnt[:, 0], learnt[:, 1], learnt[:, 2], prior)


def period_residuals(windows: Windows, forecast: FloatArray) -> FloatArray:
    """Of each period what came less what was foretold, in units of √(forecast + 1); NaN where it does not count."""
    foretold = forecast[: len(windows.actual)]
    return np.where(windows.counts, (windows.actual - foretold) / np.sqrt(foretold + 1), np.nan)


def total_residuals(windows: Windows, forecast: FloatArray) -> FloatArray:
    """Of the sum of each window the logarithm of (sold + 1) over (foretold + 1), as sums of a whole window go wrong by factors:
    windows × 1 × series; NaN where it does not count."""
    foretold = np.where(windows.counts, forecast[: len(windows.actual)], 0.0).sum(axis=1)
    sold = np.where(windows.counts, windows.actual, 0.0).sum(axis=1)
    found = np.where(windows.judged, np.log((sold + 1) / (foretold + 1)), np.nan)
    return np.asarray(found[:, None, :])


def _edges(volume: FloatArray, number: npt.NDArray[np.int64]) -> FloatArray:
    """Bands from the series that sell most downwards: each as wide as it must be."""
    order = np.argsort(-volume, kind="stable")
    edges: list[float] = []
    seen, top = 0, float(volume[order[0]])
    left = int(number.sum())
    for one in order:
        if seen >= _RESIDUALS_MIN <= left and volume[one] * _BAND_FACTOR < top:
            edges.append(float(volume[one]) * (1 + _TINY) + _TINY)
            seen, top = 0, float(volume[one])
        seen += int(number[one])
        left -= int(number[one])
    return np.array(edges[::-1])


def conformal(residuals: FloatArray, *, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Of each column the ranks ⌊(n+1)·α/2⌋ and ⌈(n+1)·(1−α/2)⌉ of its n known residuals; the least and the greatest where
    there are too few, NaN where there is none."""
    ordered = np.sort(residuals, axis=0)
    number = (~np.isnan(residuals)).sum(axis=0)
    tail = (1 - confidence) / 2
    low = np.floor((number + 1) * tail + _TINY).astype(np.int64) - 1
    high = np.ceil((number + 1) * (1 - tail) - _TINY).astype(np.int64) - 1
    last = np.maximum(number - 1, 0)
    low, high = np.clip(low, 0, last), np.clip(high, 0, last)
    return (
        np.take_along_axis(ordered, low[None], 0)[0],
        np.take_along_axis(ordered, high[None], 0)[0],
    )


def _sizes(residuals: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Of each window and series the sum of the residuals' sizes, and how many there are."""
    return np.nansum(np.abs(residuals), axis=1), (~np.isnan(residuals)).sum(axis=1)


def _learnt(
    residuals: FloatArray, size: FloatArray, number: npt.NDArray[np.int64], prior: float
) -> tuple[float, float, float]:
    mean = float(size.sum() / max(int(number.sum()), 1))
    others = size.sum(axis=0) - size + prior * mean
    own = others / (number.sum(axis=0) - number + prior)
    scaled = residuals / np.maximum(own, _TINY)[:, None, :]
    low, high = conformal(scaled.reshape(-1, 1), confidence=CONFIDENCE)
    if np.isnan(low[0]):
        return mean, 0.0, 0.0
    return mean, float(low[0]), float(high[0])
