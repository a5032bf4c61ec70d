"""Stop a campaign that does harm: a one-sided test that may be looked at after each person.

A guardrail is something that contact must not raise (unsubscribes, complaints) or lower (margin; give it with its sign turned). Its
effect is the mean of w₁ · y − w₀ · y over people in the order in which their outcomes came, with w the inverse of the
probability of the arm that they got. Harm is found where the lower bound of a confidence sequence lies above what is allowed; such
bounds hold at all looks together, so that looking daily finds harm that is not there in at most `alpha` of campaigns.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence
sequences, proposition B.1 (one-sided Gaussian mixture, after Robbins 1970); asymptotic: it begins at `first` people.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import DecideError
from aimwell.stats.estimate import checked_share
from aimwell.stats.samples import FloatArray

__all__ = ["Harm", "harm_bounds", "watch_harm"]

_FIRST = 100
_TUNED_FOR = 2_000


@dataclass(frozen=True, slots=True)
class Harm:
    """What a guardrail says now.

    Args:
        people: Whose outcomes are in.
        effect: Of contact on the guardrail, per person; None with fewer than `first` people.
        lower: Of the effect, at all looks together.
        allowed: How much is tolerated.
        stop: Whether harm beyond that is shown, now or at an earlier look.
        stopped_at: After how many people it was first shown.
        words: For a reader.
    """

    people: int
    effect: float | None
    lower: float | None
    allowed: float
    stop: bool
    stopped_at: int | None
    words: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def harm_bounds(
    scores: FloatArray, *, alpha: float = 0.05, first: int = _FIRST, tuned_for: int = _TUNED_FOR
) -> tuple[FloatArray, FloatArray]:
    """The running mean of scores and its lower bound after each person; −∞ before the `first`.

    Args:
        scores: One a person, in the order in which they came.
        alpha: Of false alarms over all looks together.
        first: From how many people on the law of large numbers is trusted.
        tuned_for: After how many people the bound is to be tightest.
    """
    checked_share(alpha, name="alpha")
    t = np.arange(1, len(scores) + 1, dtype=np.float64)
    mean = np.cumsum(scores) / t
    variance = np.maximum(np.cumsum(scores**2) / t - mean**2, 0.0)
    tightest = (
        -2 * math.log(2 * alpha) + math.log(-2 * math.log(2 * alpha) + 1) if alpha < 0.5 else 1.0
    )
    rho = tightest / tuned_for
    grown = t * rho + 1
    reach = np.sqrt(variance * 2 * grown / (t**2 * rho) * np.log1p(np.sqrt(grown) / (2 * alpha)))
    lower = np.where((t >= first) & (variance > 0), mean - reach, -np.inf)
    return mean, lower


def watch_harm(
    outcome: FloatArray,
    treated: NDArray[np.bool_],
    probability: FloatArray,
    *,
    allowed: float = 0.0,
    alpha: float = 0.05,
    first: int = _FIRST,
    what: str = "the guardrail",
) -> Harm:
    """Whether contact does more harm than is allowed, looked at after every person so far.

    Args:
        outcome: The guardrail of each person, in the order in which they came; more is worse.
        treated: Who was assigned to be contacted.
        probability: Of being so, strictly between 0 and 1.
        allowed: Effect per person that is tolerated.
        alpha: Of false alarms over all looks together.
        first: People before which nothing is said.
        what: Its name in words.

    Raises:
        DecideError: Columns differ in length, or a probability is 0 or 1, so that there is nobody to compare with.
    """
    if not len(outcome) == len(treated) == len(probability):
        raise DecideError("Outcomes, arms and probabilities must be of the same people.")
    if ((probability <= 0) | (probability >= 1)).any():
        raise DecideError(
            "Harm is seen only against a holdout: each person's probability of contact must lie strictly between 0 and 1."
        )
    scores = np.where(treated, outcome / probability, -outcome / (1 - probability))
    mean, lower = harm_bounds(scores - allowed, alpha=alpha, first=first)
    if len(scores) < first:
        words = f"{what}: {len(scores):,} people are too few to tell; {first:,} are needed."
        return Harm(len(scores), None, None, allowed, stop=False, stopped_at=None, words=words)
    shown = np.flatnonzero(lower > 0)
    effect, bound = float(mean[-1] + allowed), float(lower[-1] + allowed)
    last = bound if math.isfinite(bound) else None
    if len(shown):
        at = int(shown[0]) + 1
        words = f"Stop: contact raises {what} by {effect:.4g} a person, more than the {allowed:.4g} allowed; shown after {at:,} people."
        return Harm(len(scores), effect, last, allowed, stop=True, stopped_at=at, words=words)
    words = f"{what}: {effect:+.4g} a person by contact; no harm beyond {allowed:.4g} is shown."
    return Harm(len(scores), effect, last, allowed, stop=False, stopped_at=None, words=words)
