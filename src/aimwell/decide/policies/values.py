"""What a policy would have earned, by a log of what was done, with which probability, and what came of it.

With w = [the policy's action is the logged one] / its logged probability, r the reward and q the reward that a model expects:

- **IPS**: mean of w · r (Horvitz and Thompson 1952);
- **SNIPS**: sum of w · r over sum of w (Hájek 1971; Swaminathan and Joachims 2015);
- **direct**: mean of q of the policy's actions, as good as the model;
- **doubly robust**: direct + mean of w · (r − q of the logged action) (Dudík, Langford and Li 2011, equation 2).

The **effective sample size** is (sum of w)² / sum of w² (Kish 1965): people of whom the log really tells something.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.uplift.averages import mean_of
from aimwell.decide.uplift.data import IntArray
from aimwell.errors import DecideError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["Log", "OffPolicyValue", "policy_scores", "value_of"]

_IPS = "inverse propensity weighting, normal interval"
_SNIPS = "self-normalised inverse propensity weighting, normal interval by the delta method"
_DR = "doubly robust, normal interval by the influence function"

_SAMPLE_REFUSED, _SAMPLE_WARNED = 30.0, 200.0
_WEIGHT_REFUSED, _WEIGHT_WARNED, _WEIGHT_ERRORS = 0.25, 0.05, 4.0
_UNSEEN_REFUSED = 0.05
_ONE_PERSON = 0.1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Log:
    """One row a person.

    Args:
        arm: What was done.
        propensity: People × arms: with which probabilities.
        reward: What came of it.
        expected: People × arms: the reward that a model expects, which did not see the person's own.
        weight, cluster: As in `ExperimentData`.
    """

    arm: IntArray
    propensity: FloatArray
    reward: FloatArray
    expected: FloatArray
    weight: FloatArray | None = None
    cluster: NDArray[Any] | None = None


@dataclass(frozen=True, slots=True)
class OffPolicyValue:
    """Reward per person.

    Args:
        ips, snips, doubly_robust: With intervals.
        direct: Without: its error is the model's, which the log does not tell.
        effective_sample: People.
        mean_weight: Near 1 where the logged probabilities are right.
        largest_share: Of all weight, that of one person.
        unseen: Share of people for whom the log could not hold the policy's action.
        answer: Whether the log can tell: "yes", "with caution" or "no".
        words: Why not, or why with caution.
    """

    ips: Estimate
    snips: Estimate
    direct: float
    doubly_robust: Estimate
    effective_sample: float
    mean_weight: float
    largest_share: float
    unseen: float
    answer: Literal["yes", "with caution", "no"]
    words: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def policy_scores(log: Log, policy: IntArray | FloatArray) -> FloatArray:
    """A doubly robust score for each person, whose mean is the policy's value.

    Args:
        log: What was done.
        policy: An arm for each person, or people × arms probabilities.
    """
    return _scores(log, *_parts(log, policy))


def _scores(log: Log, direct: FloatArray, weight: FloatArray) -> FloatArray:
    rows = np.arange(len(log.arm))
    return direct + weight * (log.reward - log.expected[rows, log.arm])


def value_of(
    log: Log, policy: IntArray | FloatArray, *, confidence: float = DEFAULT_CONFIDENCE
) -> OffPolicyValue:
    """All four estimates, with how far the log can be trusted.

    Raises:
        DecideError: A probability that something was done with is 0.
    """
    direct, weight = _parts(log, policy)

    def told(scores: FloatArray, method: str) -> Estimate:
        return mean_of(
            scores, weight=log.weight, cluster=log.cluster, method=method, confidence=confidence
        )

    people = np.ones(len(log.arm)) if log.weight is None else log.weight
    total = float(people @ weight)
    mean_weight = total / float(people.sum())
    squares = float(people @ weight**2)
    sample = total**2 / squares if squares else 0.0
    if total:
        ratio = float(people @ (weight * log.reward)) / total
        snips = told(ratio + weight * (log.reward - ratio) / mean_weight, _SNIPS)
    else:
        snips = Estimate.missing(
            "the policy never agrees with what was done", method=_SNIPS, confidence=confidence
        )
    unseen = _unseen(log, policy)
    answer, words = _trust(weight, people, sample, mean_weight, unseen)
    return OffPolicyValue(
        ips=told(weight * log.reward, _IPS),
        snips=snips,
        direct=float(people @ direct) / float(people.sum()),
        doubly_robust=told(_scores(log, direct, weight), _DR),
        effective_sample=sample,
        mean_weight=mean_weight,
        largest_share=float((people * weight).max(initial=0.0)) / total if total else 0.0,
        unseen=unseen,
        answer=answer,
        words=words,
    )


def _parts(log: Log, policy: IntArray | FloatArray) -> tuple[FloatArray, FloatArray]:
    """What the model expects of the policy, and the weight of what was done."""
    rows = np.arange(len(log.arm))
    drawn = log.propensity[rows, log.arm]
    if (drawn <= 0).any():
        raise DecideError(
            "Something was done with probability 0. Put the logged probabilities right."
        )
    if policy.ndim == 1:
        chosen = policy.astype(np.int64)
        return log.expected[rows, chosen], (chosen == log.arm) / drawn
    direct = (policy * log.expected).sum(axis=1)
    return np.asarray(direct, np.float64), np.asarray(policy[rows, log.arm] / drawn, np.float64)


def _unseen(log: Log, policy: IntArray | FloatArray) -> float:
    impossible = log.propensity <= 0
    if policy.ndim == 1:
        return float(impossible[np.arange(len(policy)), policy.astype(np.int64)].mean())
    return float((policy * impossible).sum(axis=1).mean())


def _trust(
    weight: FloatArray, people: FloatArray, sample: float, mean_weight: float, unseen: float
) -> tuple[Literal["yes", "with caution", "no"], tuple[str, ...]]:
    refused: list[str] = []
    warned: list[str] = []
    if sample < _SAMPLE_WARNED:
        words = f"the log tells of no more than {sample:,.0f} people in effect"
        (refused if sample < _SAMPLE_REFUSED else warned).append(words)
    off = abs(mean_weight - 1.0)
    noise = _WEIGHT_ERRORS * float(weight.std()) / float(np.sqrt(max(len(weight), 1)))
    if off > max(_WEIGHT_WARNED, noise):
        words = (
            f"the mean weight is {mean_weight:.3g}, not 1: the logged probabilities are not right"
        )
        (refused if off > _WEIGHT_REFUSED else warned).append(words)
    if unseen > 0:
        words = (
            f"{unseen:.1%} of the people could not have got in the log what the policy gives them"
        )
        (refused if unseen > _UNSEEN_REFUSED else warned).append(words)
    total = float(people @ weight)
    largest = float((people * weight).max(initial=0.0)) / total if total else 0.0
    if largest > _ONE_PERSON:
        warned.append(f"one person bears {largest:.0%} of all weight")
    if refused:
        return "no", (*refused, *warned)
    return ("with caution" if warned else "yes"), tuple(warned)
