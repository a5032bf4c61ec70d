"""Data-driven attribution: the chance of converting after each touch, learnt from all paths, with and without a channel.

A logistic hazard: after each touch a person converts or goes on; the log odds depend on the channel just seen and, for
each channel, on log(1 + how often it was seen so far). People who did not convert count as much as those who did. Of
each conversion a channel gets in proportion to what the probability of the path falls by if its touches are taken out,
and nothing where it would rise.

Sources: Singer and Willett (1993), It's about time: using discrete-time survival analysis (the hazard); Shao and Li
(2011), Data-driven multi-touch attribution models (credit by what a channel adds to a fitted probability).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from aimwell.measure.attribution.paths import IntArray
from aimwell.measure.attribution.sequences import Counts, Sequences, added_up, distinct_rows
from aimwell.stats.samples import FloatArray

__all__ = ["Exposure", "exposure_of", "fit_hazard", "hazard_credits", "log_loss"]

_RIDGE = 1.0
_STEPS = 50
_CLOSE = 1e-10
_COUNT_MAX = 15
"""How often seen beyond which more of the same is taken to change nothing."""


@dataclass(frozen=True, eq=False)
class Exposure:
    """What had been seen at each touch of the sequences.

    Attributes:
        seen: One row a touch, one column a channel: log(1 + how often so far).
        rows: The distinct situations as features: what was seen, then the channel just seen as 0 and 1.
        row: Of each touch: which situation.
    """

    seen: FloatArray
    rows: FloatArray
    row: IntArray


def exposure_of(found: Sequences) -> Exposure:
    """The situations of all touches."""
    touches, size = len(found.channel), found.size
    counts = np.zeros((touches, size), dtype=np.int64)
    first = found.starts[:-1]
    for channel in range(size):
        running = np.cumsum(found.channel == channel)
        before = running[first] - (found.channel[first] == channel)
        counts[:, channel] = running - np.repeat(before, found.lengths)
    np.minimum(counts, _COUNT_MAX, out=counts)
    cells = np.column_stack([counts, found.channel])
    distinct, row = distinct_rows(cells, max(_COUNT_MAX + 1, size))
    now = (distinct[:, -1:] == np.arange(size)).astype(np.float64)
    return Exposure(np.log1p(counts), np.hstack([np.log1p(distinct[:, :-1]), now]), row)


def _trials(found: Sequences, exposure: Exposure, counts: Counts) -> tuple[FloatArray, FloatArray]:
    """In each situation: how often somebody was in it, and how often a conversion followed at once."""
    rows = len(exposure.rows)
    trials = added_up(exposure.row, np.repeat(counts.all, found.lengths), rows)
    last = exposure.row[found.starts[1:] - 1]
    return trials, added_up(last, counts.converted, rows)


def fit_hazard(
    found: Sequences, exposure: Exposure, counts: Counts, *, start: FloatArray | None = None
) -> FloatArray:
    """Coefficients of the hazard: those of `exposure.rows`, then the constant.

    Newton's method on the log likelihood less half the sum of squared coefficients, the constant's excepted: a small
    ridge, so that a channel which was seen seldom is not believed to do miracles.
    """
    trials, successes = _trials(found, exposure, counts)
    features = np.hstack([exposure.rows, np.ones((len(exposure.rows), 1))])
    penalty = np.full(features.shape[1], _RIDGE)
    penalty[-1] = 1e-9
    beta = np.zeros(features.shape[1]) if start is None else start.copy()
    if start is None:
        rate = (successes.sum() + 0.5) / (trials.sum() + 1.0)
        beta[-1] = np.log(rate / (1.0 - rate))
    value = _objective(features, trials, successes, beta, penalty)
    for _ in range(_STEPS):
        chance = expit(features @ beta)
        slope = features.T @ (successes - trials * chance) - penalty * beta
        weight = trials * chance * (1.0 - chance)
        curve = features.T @ (features * weight[:, None]) + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-6:
            next_value = _objective(features, trials, successes, beta + size * step, penalty)
            if next_value >= value:
                break
            size /= 2.0
        beta = beta + size * step
        done = abs(next_value - value) <= _CLOSE * (1.0 + abs(value))
        value = next_value
        if done:
            break
    return beta


def _objective(
    features: FloatArray,
    trials: FloatArray,
    successes: FloatArray,
    beta: FloatArray,
    penalty: FloatArray,
) -> float:
    odds = features @ beta
    likelihood = successes @ log_expit(odds) + (trials - successes) @ log_expit(-odds)
    return float(likelihood - 0.5 * penalty @ beta**2)


def log_loss(found: Sequences, exposure: Exposure, beta: FloatArray, counts: Counts) -> float:
    """Of the touches of these counts, their log loss, added up."""
    trials, successes = _trials(found, exposure, counts)
    odds = exposure.rows @ beta[:-1] + beta[-1]
    return float(-(successes @ log_expit(odds) + (trials - successes) @ log_expit(-odds)))


def hazard_credits(
    found: Sequences, exposure: Exposure, beta: FloatArray, counts: Counts
) -> FloatArray:
    """Two rows: conversions and money, divided by what each channel adds to the probability of its paths."""
    size = found.size
    earned = counts.converted > 0
    touch = np.repeat(earned, found.lengths)
    lengths = found.lengths[earned]
    if not len(lengths):
        return np.zeros((2, size))
    starts = np.append(0, np.cumsum(lengths))[:-1]
    channel, seen = found.channel[touch], exposure.seen[touch]
    odds = (exposure.rows @ beta[:-1] + beta[-1])[exposure.row[touch]]
    # Of the log of the probability not to convert along the path, with everything and without each channel.
    whole = np.add.reduceat(log_expit(-odds), starts)
    added, present = np.zeros((len(lengths), size)), np.zeros((len(lengths), size), dtype=bool)
    for one in range(size):
        is_it = channel == one
        present[:, one] = np.add.reduceat(is_it.astype(np.int64), starts) > 0
        without = np.where(is_it, 0.0, log_expit(-(odds - beta[one] * seen[:, one])))
        left = np.add.reduceat(without, starts)
        added[:, one] = np.where(present[:, one], np.exp(left) - np.exp(whole), 0.0)
    np.maximum(added, 0.0, out=added)
    nothing = added.sum(axis=1) <= 0.0
    added[nothing] = present[nothing]
    shares = added / added.sum(axis=1, keepdims=True)
    return np.stack([counts.converted[earned] @ shares, counts.value[earned] @ shares])
