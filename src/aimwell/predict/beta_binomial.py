"""Shares of people of whom little is known, drawn towards what is usual: the beta-binomial law.

A person hits in `hits` of `trials` with a probability of their own. Over people it follows a Beta law with a mean (everybody's, or one
that is known of each) and a strength: as many trials as the usual counts for. A large one says that people hardly differ. Both are those
of maximum likelihood. What is then known of a person is again a Beta law, with mean (strength · mean + hits) / (strength + trials).

Source: Skellam (1948), A probability distribution derived from the binomial distribution, JRSS B 10(2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import betainc, betaincinv, betaln, expit, logit

from aimwell.errors import PredictError
from aimwell.predict.grouping import distinct_rows
from aimwell.stats.estimate import DEFAULT_CONFIDENCE
from aimwell.stats.samples import FloatArray

__all__ = ["BetaBinomial", "Shares", "chances_best", "fit_beta_binomial", "fit_strength"]

_STRENGTH_LOG = (-5.0, 12.0)
_CELLS = 256
_ROWS = 4_000
_MEANS_PLACES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What is known of each person's share: a Beta law with `alpha` and `beta`, of any shape."""

    alpha: FloatArray
    beta: FloatArray

    @property
    def mean(self) -> FloatArray:
        """The expected share."""
        return np.asarray(self.alpha / (self.alpha + self.beta))

    def interval(self, confidence: float = DEFAULT_CONFIDENCE) -> tuple[FloatArray, FloatArray]:
        """Between these lies the share with that probability, as much missing on either side."""
        rows = distinct_rows(self.alpha.ravel(), self.beta.ravel())
        tail = (1 - confidence) / 2
        low, high = (betaincinv(*rows.columns, level) for level in (tail, 1 - tail))
        shape = self.alpha.shape
        return low[rows.place].reshape(shape), high[rows.place].reshape(shape)


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """The law of people's shares: everybody's `mean` (0-1), and the `strength` with which a person is drawn to it, in trials."""

    mean: float
    strength: float

    def shares(
        self, hits: FloatArray, trials: FloatArray, means: FloatArray | None = None
    ) -> Shares:
        """What is known of people after so many hits in so many trials; `means`: what is usual of each, else everybody's mean."""
        usual = self.mean if means is None else means
        return Shares(
            np.asarray(self.strength * usual + hits),
            np.asarray(self.strength * (1 - usual) + trials - hits),
        )


def fit_beta_binomial(hits: FloatArray, trials: FloatArray) -> BetaBinomial:
    """Fit mean and strength.

    Args:
        hits, trials: Of each person; hits at most trials.

    Raises:
        PredictError: Nobody hit, or nobody ever missed: there is no share to tell.
    """
    if not 0 < hits.sum() < trials.sum():
        raise PredictError(
            f"{int(hits.sum()):,} of {int(trials.sum()):,} hit. A share between 0 and 1 is needed."
        )
    rows = distinct_rows(hits, trials)
    (hit, trial), weight = rows.columns, rows.counts
    start = [float(logit(hits.sum() / trials.sum())), 2.0]
    found = minimize(
        lambda at: (
            -_log_likelihood(hit, trial, expit(at[0]), float(np.exp(at[1])), weight) / weight.sum()
        ),
        start,
        method="L-BFGS-B",
        bounds=[(-12.0, 12.0), _STRENGTH_LOG],
    )
    return BetaBinomial(float(expit(found.x[0])), float(np.exp(found.x[1])))


def fit_strength(hits: FloatArray, trials: FloatArray, means: FloatArray) -> float:
    """Fit the strength where what is usual of each person is known (above 0 and below 1)."""
    # People with nearly the same mean are taken together.
    rows = distinct_rows(hits, trials, np.clip(np.round(means, _MEANS_PLACES), 0.001, 0.999))
    hit, trial, mean = rows.columns
    found = minimize_scalar(
        lambda log: -_log_likelihood(hit, trial, mean, float(np.exp(log)), rows.counts),
        bounds=_STRENGTH_LOG,
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def chances_best(shares: Shares, had: FloatArray) -> FloatArray:
    """The probability of each of several shares of a person to be the highest of those that they have.

    P(i is best) is the integral, over the law of share i, of the probability that all others are lower. It is summed over cells of the
    line from 0 to 1 that are finest at both ends; where two shares fall into one cell, each is the higher in half of the cases. The
    laws of a share are few, as counts are, so their values at the cells' ends are computed once.

    Args:
        shares: Rows of people × shares, independent.
        had: Above 0 where the person has the share.

    Returns:
        People × shares; 0 where they have it not, NaN for people with none.
    """
    people, kinds = shares.alpha.shape
    ends = np.sin(np.pi / 2 * np.linspace(0, 1, _CELLS + 1)) ** 2
    tables, codes = [], []
    for one in range(kinds):
        has = (had[:, one] > 0).astype(np.float64)
        laws = distinct_rows(shares.alpha[:, one], shares.beta[:, one], has)
        alpha, beta, there = (column[:, None] for column in laws.columns)
        # Who has it not is never the best by it, and is below any other by it.
        tables.append(np.where(there > 0, betainc(alpha, beta, ends), 1.0))
        codes.append(laws.place.astype(np.float64))
    rows = distinct_rows(*codes)
    found = np.zeros((len(rows.counts), kinds))
    for start in range(0, len(found), _ROWS):
        part = slice(start, start + _ROWS)
        below = [
            table[code[part].astype(np.int64)]
            for table, code in zip(tables, rows.columns, strict=True)
        ]
        middle = [(each[:, 1:] + each[:, :-1]) / 2 for each in below]
        for one in range(kinds):
            weight = np.diff(below[one], axis=1)
            for other in range(kinds):
                if other != one:
                    weight *= middle[other]
            found[part, one] = weight.sum(axis=1)
    whole = found.sum(axis=1, keepdims=True)
    found = np.divide(found, whole, out=np.full_like(found, np.nan), where=whole > 0)
    return np.asarray(found[rows.place].reshape(people, kinds))


def _log_likelihood(
    hits: FloatArray,
    trials: FloatArray,
    mean: FloatArray | float,
    strength: float,
    weight: FloatArray,
) -> float:
    """Of the hits, without the number of orders in which they may come, which no parameter changes."""
    alpha, beta = strength * mean, strength * (1 - mean)
    each = betaln(alpha + hits, beta + trials - hits) - betaln(alpha, beta)
    return float(np.sum(weight * each))
