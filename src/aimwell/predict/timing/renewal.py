"""A renewal model of repeat buying: lognormal gaps with a pace of each person's own, and a chance to be gone for good.

**Assumptions.** The logarithm of a person's gaps (in days) is normal with the person's own mean μ and a common spread σ. The
means of people are normal with mean m and spread τ. After each purchase a person is gone for good with their own
probability, which over people is Beta(a, b); so one who has returned often is less likely to be gone. Who has not returned yet
is gone or still waiting: the last, open gap is right-censored and counts with both.

With n gaps, mean log gap ȳ and sum of squares SS, the person's pace is known as a normal law with variance
v = 1 / (1/τ² + n/σ²) and mean β = v·(m/τ² + n·ȳ/σ²): few gaps are drawn towards everybody's m. The next gap is lognormal (β, s²)
with s² = σ² + v, so all probabilities are in closed form. The likelihood of a row, with c days waited and Φ the normal law, is

    Normal(gaps; m, σ²I + τ²11ᵀ) · B(a, b+n)/B(a, b) · [a + (b+n)·Φ((β − ln c)/s)] / (a+b+n)

Sources: Boag (1949) and Farewell (1982) for survival with a share that is cured; Fader, Hardie & Lee (2005) for leaving
after a purchase with a Beta law over people (BG/NBD, here with lognormal in place of exponential gaps); Lindley & Smith (1972)
for the normal law within normal laws.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, log_ndtr, ndtri_exp

from aimwell.errors import PredictError
from aimwell.predict.likelihood import PRIOR_SPREAD
from aimwell.predict.timing.waits import Waits, wait_log
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread

__all__ = ["NextGap", "Renewal", "fit_renewal"]

_ROWS_MAX = 200_000
_TAU_MIN = 1e-3
_START = np.log([0.5, 0.8, 1.0, 2.0])


@dataclass(frozen=True, slots=True)
class Renewal:
    """Fitted parameters; see the module. `log_mean` is m, of the logarithm of days.

    Args:
        log_mean: Mean over people of the mean log gap.
        between: Spread τ of people's mean log gap.
        within: Spread σ of one person's log gaps.
        leave_a: First parameter of the Beta law of being gone after a purchase.
        leave_b: Its second one; a / (a + b) is the mean after a first purchase.
    """

    log_mean: float
    between: float
    within: float
    leave_a: float
    leave_b: float

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)

    def next_gap(self, waits: Waits) -> NextGap:
        """What follows for each row's next purchase."""
        precision = 1 / self.between**2 + waits.gaps / self.within**2
        mean = (
            self.log_mean / self.between**2 + waits.gaps * waits.mean_log / self.within**2
        ) / precision
        spread = np.sqrt(self.within**2 + 1 / precision)
        survived = log_ndtr((mean - wait_log(waits.waited)) / spread)
        stays = np.log(self.leave_b + waits.gaps) + survived
        returns = np.exp(stays - np.logaddexp(np.log(self.leave_a), stays))
        return NextGap(mean, spread, waits.waited, survived, returns)


@dataclass(frozen=True, slots=True, eq=False)
class NextGap:
    """The law of each row's next purchase, given the days waited already.

    Args:
        mean, spread: Of the logarithm of the whole gap in days.
        waited: Days waited already.
        survived: Log-probability of waiting at least so long, of those who return.
        returns: Probability that the person returns at all (0-1).
    """

    mean: FloatArray
    spread: FloatArray
    waited: FloatArray
    survived: FloatArray
    returns: FloatArray

    def within(self, days: FloatArray | float) -> FloatArray:
        """Probability of a purchase within so many days from now, of all, also of those who may be gone."""
        return np.asarray(self.returns * self.within_if_back(days))

    def within_if_back(self, days: FloatArray | float) -> FloatArray:
        """The same of those who return."""
        beyond = log_ndtr((self.mean - wait_log(self.waited + days)) / self.spread)
        return np.asarray(-np.expm1(np.minimum(beyond - self.survived, 0.0)))

    def days_if_back(self, share: FloatArray | float) -> FloatArray:
        """Days from now within which so large a share (0-1) of those buy who return; at least 1."""
        end = self.mean - self.spread * ndtri_exp(np.log1p(-share) + self.survived)
        whole = np.exp(np.minimum(end, 50.0)) - 0.5
        return np.asarray(np.maximum(np.ceil(whole - self.waited - 1e-9), 1.0))

    @property
    def elapsed(self) -> FloatArray:
        """The share (0-1) of people of this pace who, if they return, have done so by now."""
        return np.asarray(-np.expm1(self.survived))

    def take(self, rows: slice) -> NextGap:
        """Some of the rows."""
        return NextGap(
            self.mean[rows],
            self.spread[rows],
            self.waited[rows],
            self.survived[rows],
            self.returns[rows],
        )


def fit_renewal(waits: Waits) -> Renewal:
    """The parameters of maximum likelihood, held by a weak prior where the data leave them open.

    Of more than 200,000 rows every k-th is taken; rows should be in an order that has nothing to do with buying.

    Raises:
        PredictError: Nobody bought twice.
    """
    repeat = waits.gaps > 0
    if not repeat.any():
        raise PredictError("Nobody bought on a second day, so there is no gap to learn from.")
    step = -(-len(waits) // _ROWS_MAX)
    sample = waits.take(slice(None, None, step)) if step > 1 else waits
    sample = _counted(sample if (sample.gaps > 0).any() else waits)
    weights = sample.weight * sample.gaps
    centre = float(np.sum(weights * sample.mean_log) / np.sum(weights))

    def loss(point: FloatArray) -> float:
        held = np.sum((point[1:] - _START) ** 2) / (2 * PRIOR_SPREAD**2)
        return float(held - _log_likelihood(_model(point), sample)) / scale

    scale = float(sample.weight.sum())
    bounds = [(centre - 5, centre + 5), (np.log(_TAU_MIN), 3.0), (np.log(0.02), 3.0)]
    with one_blas_thread():
        found = minimize(
            loss,
            np.concatenate([[centre], _START]),
            method="L-BFGS-B",
            bounds=[*bounds, (-8.0, 8.0), (-8.0, 8.0)],
            options={"ftol": 1e-10, "gtol": 1e-6},
        )
    return _model(found.x)


def _counted(waits: Waits) -> Waits:
    """The same people; those who bought once and wait as long are one row."""
    single = waits.gaps == 0
    waited, place = np.unique(waits.waited[single], return_inverse=True)
    people = np.bincount(place, weights=waits.weight[single], minlength=len(waited))
    return waits.take(~single).joined(Waits.once(waited, people.astype(np.float64)))


def _model(point: FloatArray) -> Renewal:
    return Renewal(float(point[0]), *(float(value) for value in np.exp(point[1:])))


def _log_likelihood(model: Renewal, waits: Waits) -> float:
    """Summed over rows by weight; the constants of the logarithm's own density are left out."""
    count, within = waits.gaps, model.within**2
    whole = within + count * model.between**2
    gaps = np.where(
        count > 0,
        -(count - 1) * np.log(model.within)
        - 0.5 * np.log(whole)
        - waits.squares / (2 * within)
        - count * (waits.mean_log - model.log_mean) ** 2 / (2 * whole),
        0.0,
    )
    survived = model.next_gap(waits).survived
    a, b = model.leave_a, model.leave_b
    leaving = betaln(a, b + count) - betaln(a, b)
    waiting = np.logaddexp(np.log(a), np.log(b + count) + survived) - np.log(a + b + count)
    return float(np.sum(waits.weight * (gaps + leaving + waiting)))
