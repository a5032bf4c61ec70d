"""Whether an order of people by predicted uplift is worth anything: the rank-weighted average treatment effect.

TOC(u) is the mean effect among the share u with the highest scores less the mean effect of all. AUTOC is its mean over u, which
weighs the very first most; the Qini coefficient of the same family weighs by u. Both are 0 for an order by chance. Effects of
people are doubly robust scores.

Source: Yadlowsky, Fleming, Shah, Brunskill and Wager (2021), Evaluating treatment prioritization rules via rank-weighted average
treatment effects, equations 2.1 to 2.6; half-sample bootstrap of section 3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["rate"]

_NAMES = {"autoc": "AUTOC", "qini": "rank-weighted Qini"}


def rate(
    effects: FloatArray,
    scores: FloatArray,
    *,
    weighting: Literal["autoc", "qini"] = "autoc",
    draws: int = 200,
    seed: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Estimate:
    """The rank-weighted average treatment effect of an order, in the unit of the effects.

    Args:
        effects: A doubly robust score of the effect on each person; not used to make `scores`.
        scores: What people are ordered by, highest first; equal scores share the mean of their effects.
        weighting: Which of the two.
        draws: Half samples.
        seed: Of the half samples.
        confidence: 0–1.
    """
    method = f"{_NAMES[weighting]}, normal interval by half samples"
    if len(effects) < 10 or np.ptp(scores) == 0:
        reason = "fewer than ten people" if len(effects) < 10 else "all scores are equal"
        return Estimate.missing(reason, method=method, confidence=confidence)
    order = np.argsort(-scores, kind="stable")
    sorted_effects = effects[order]
    _, tied = np.unique(-scores[order], return_inverse=True)
    whole = _rate(sorted_effects, tied, weighting)
    rng = np.random.default_rng(seed)
    half, n = len(effects) // 2, len(effects)
    found = np.empty(draws)
    for draw in range(draws):
        rows = np.sort(rng.permutation(n)[:half])
        found[draw] = _rate(sorted_effects[rows], tied[rows], weighting)
    error = float(found.std(ddof=1))
    if error == 0.0:
        return Estimate.missing("all effects are equal", method=method, confidence=confidence)
    reach = float(ndtri(0.5 + confidence / 2)) * error
    return Estimate(
        estimate=whole,
        lower=whole - reach,
        upper=whole + reach,
        confidence=confidence,
        method=method,
        p_value=2.0 * float(ndtr(-abs(whole) / error)),
    )


def _rate(effects: FloatArray, tied: np.ndarray, weighting: str) -> float:
    """Of effects in order of falling scores; `tied` numbers people of equal scores alike, in ascending order."""
    sizes = np.bincount(tied)
    means = np.bincount(tied, weights=effects) / np.maximum(sizes, 1)
    shared = means[tied]
    first = np.cumsum(shared) / np.arange(1, len(shared) + 1)
    above = first - shared.mean()
    if weighting == "qini":
        above = above * np.arange(1, len(shared) + 1) / len(shared)
    return float(above.mean())
