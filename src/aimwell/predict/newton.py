"""Maximise a log-likelihood of a few parameters whose second derivatives are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aimwell.stats.samples import FloatArray

__all__ = ["Derivatives", "Optimum", "maximise"]

Derivatives = tuple[float, FloatArray, FloatArray]

# A step of more than this in the logarithm of a parameter (e^3 = 20-fold) leaves the region that the
# quadratic model describes.
_LONGEST_STEP = 3.0
# A log-likelihood this near to its top puts parameters within a hundredth of their standard errors. Rounding can keep
# a climb from coming nearer where large terms cancel.
_GAIN_THAT_MATTERS = 1e-4
# Steps as small as the rounding of the sum bring nothing more.
_ROUNDING = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where the climb ended: `converged` says whether there is no more to gain."""

    at: FloatArray
    value: float
    gradient: FloatArray
    hessian: FloatArray
    steps: int
    converged: bool


def maximise(
    derivatives: Callable[[FloatArray], Derivatives],
    start: FloatArray,
    *,
    tolerance: float,
    steps_max: int = 200,
) -> Optimum:
    """Climb by damped Newton steps (Levenberg–Marquardt on the eigenvalues of the Hessian).

    Args:
        derivatives: Value, gradient and Hessian at a point.
        start: Where to begin.
        tolerance: Largest component of the gradient that counts as zero.
        steps_max: Steps after which to give up; the result then says `converged=False`.

    Far from the top the Hessian may have positive eigenvalues. Their signs are turned, which makes every
    direction go uphill, so that a saddle cannot hold the climb.
    """
    at = np.array(start, dtype=np.float64)
    value, gradient, hessian = derivatives(at)
    damping = 0.0
    for step in range(steps_max):
        if np.abs(gradient).max() <= tolerance:
            return Optimum(at, value, gradient, hessian, step, converged=True)
        move = _uphill(gradient, hessian, damping)
        promised = float(gradient @ move)
        trial = at + move
        tried = derivatives(trial)
        rounding = _ROUNDING * (1 + abs(value))
        if np.isfinite(tried[0]) and tried[0] >= value + 1e-4 * promised - rounding:
            at, (value, gradient, hessian) = trial, tried
            damping = 0.0 if damping < 1e-6 else damping / 10
            if promised <= rounding:
                settled = _settled(gradient, hessian)
                return Optimum(at, value, gradient, hessian, step + 1, converged=settled)
        else:
            scale = float(np.abs(np.linalg.eigvalsh(hessian)).max())
            damping = max(10 * damping, 1e-3 * scale)
    settled = _settled(gradient, hessian)
    return Optimum(at, value, gradient, hessian, steps_max, converged=settled)


def _settled(gradient: FloatArray, hessian: FloatArray) -> bool:
    """Whether the top, by the quadratic model, is higher by less than matters to any interval."""
    return float(gradient @ _uphill(gradient, hessian, 0.0)) <= _GAIN_THAT_MATTERS


def _uphill(gradient: FloatArray, hessian: FloatArray, damping: float) -> FloatArray:
    """The damped Newton step, no longer than `_LONGEST_STEP` in any parameter."""
    bends, directions = np.linalg.eigh(hessian)
    size = np.maximum(np.abs(bends), 1e-12 * np.abs(bends).max()) + damping
    move = directions @ ((directions.T @ gradient) / size)
    longest = float(np.abs(move).max())
    return np.asarray(move * (_LONGEST_STEP / max(longest, _LONGEST_STEP)))
