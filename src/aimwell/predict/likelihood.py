"""Fit positive parameters by maximum likelihood, and admit which of them the data leave open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aimwell.errors import PredictError
from aimwell.predict.newton import Derivatives, Optimum, maximise
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread

__all__ = ["PRIOR_SPREAD", "PositiveFit", "fit_positive"]

# Spread, in logarithms (e³ = 20-fold), of the prior that holds parameters which the data leave open. A standard
# error as wide as that means that the prior would know more than the data do.
PRIOR_SPREAD = 3.0
_TOLERANCE_PER_ROW = 1e-9


@dataclass(frozen=True, slots=True)
class PositiveFit:
    """Fitted parameters, the log-likelihood there, and the covariance of their logarithms.

    `note` names the parameters that the data leave open and a weak prior holds; empty where there is none.
    """

    values: tuple[float, ...]
    log_likelihood: float
    covariance: tuple[tuple[float, ...], ...]
    left_open: tuple[str, ...]
    note: str


def fit_positive(
    derivatives: Callable[[FloatArray], Derivatives],
    *,
    names: tuple[str, ...],
    start: FloatArray,
    reference: FloatArray,
    rows: int,
    what: str,
) -> PositiveFit:
    """Climb to the top of a log-likelihood of the logarithms of positive parameters.

    Where the top lies at infinity or is so flat that a standard error passes `PRIOR_SPREAD`, it climbs again with a
    weak prior added: ln parameter ~ Normal(ln reference, `PRIOR_SPREAD`²).

    Args:
        derivatives: Log-likelihood, gradient and Hessian in the logarithms of the parameters.
        names: Of the parameters, for messages.
        start: Parameters to begin from.
        reference: Parameters in the middle of the weak prior.
        rows: How many people the likelihood sums over.
        what: The model's name, for messages.

    Raises:
        PredictError: There is no top even with the prior.
    """
    with one_blas_thread():
        found, left_open = _climbed(derivatives, names, start, reference, _TOLERANCE_PER_ROW * rows)
    note = ""
    if left_open:
        note = (
            f"The purchases leave open: {', '.join(left_open)}. A weak prior holds "
            "what they leave open; predictions hardly depend on it."
        )
    if not found.converged:
        raise PredictError(
            f"{what} found no parameters for these {rows:,} customers in {found.steps} steps. "
            "Check the summary of purchases: the unit of time, the ages, the money."
        )
    covariance = np.linalg.inv(-found.hessian)
    return PositiveFit(
        values=tuple(float(value) for value in np.exp(found.at)),
        log_likelihood=derivatives(found.at)[0],
        covariance=tuple(tuple(float(cell) for cell in line) for line in covariance),
        left_open=left_open,
        note=note,
    )


def _climbed(
    derivatives: Callable[[FloatArray], Derivatives],
    names: tuple[str, ...],
    start: FloatArray,
    reference: FloatArray,
    tolerance: float,
) -> tuple[Optimum, tuple[str, ...]]:
    """The top, with the prior where the data leave parameters open, and the names of these."""
    found = maximise(derivatives, np.log(start), tolerance=tolerance)
    left_open = _left_open(found, names)
    if left_open:
        held = _held(derivatives, np.log(reference))
        found = maximise(held, np.log(start), tolerance=tolerance)
    return found, left_open


def _left_open(found: Optimum, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the parameters of which the likelihood says less than the weak prior would."""
    bends, directions = np.linalg.eigh(-found.hessian)
    if bends[0] > 0:
        errors = np.sqrt(np.diag(np.linalg.inv(-found.hessian)))
    else:
        errors = np.where(np.abs(directions[:, 0]) > 0.1, np.inf, 0.0)
    wide = tuple(name for name, error in zip(names, errors, strict=True) if error > PRIOR_SPREAD)
    return wide or (() if found.converged else names)


def _held(
    derivatives: Callable[[FloatArray], Derivatives], reference: FloatArray
) -> Callable[[FloatArray], Derivatives]:
    """The log-likelihood with the weak prior added."""
    weight = 1 / PRIOR_SPREAD**2

    def with_prior(theta: FloatArray) -> Derivatives:
        value, gradient, hessian = derivatives(theta)
        away = theta - reference
        return (
            value - weight * float(away @ away) / 2,
            gradient - weight * away,
            hessian - weight * np.eye(len(theta)),
        )

    return with_prior
