"""Choose among judged policies: a targeted one only where it beats every constant one beyond noise.

Each targeted candidate is compared with each constant one person by person (paired doubly robust scores). It beats them where the
interval of the difference lies above 0 for every constant one, whichever of them is truly the best (an intersection-union test,
Berger 1982). Intervals are simultaneous over the targeted candidates: their half width is the quantile of the largest of their
|z| under their joint normal law (max-t, Hothorn, Bretz and Westfall 2008), so that trying many learners does not make one of
them look good by chance.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from aimwell.decide.policies.judging import Judged, Judgement
from aimwell.decide.policies.words import EARNED_ALIKE, choice_words
from aimwell.decide.uplift.averages import mean_error
from aimwell.decide.uplift.data import NOTHING
from aimwell.errors import DecideError
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate, checked_share
from aimwell.stats.intervals import student
from aimwell.stats.power import DEFAULT_POWER
from aimwell.stats.samples import FloatArray

__all__ = ["Choice", "Verdict", "choose", "difference", "simultaneous_quantile"]

Verdict = Literal["personalise", "does not pay", "cannot tell"]

_PAIRED = "paired doubly robust difference, simultaneous over the targeted candidates (max-t)"
_ALIKE = "no targeted policy decides otherwise than the best constant one"
_DRAWS = 20_000
_WORTH_SHARE = 0.05
_DIFFERING_MIN = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why.

    Args:
        chosen: Name of the policy.
        verdict: "personalise", "does not pay" or "cannot tell".
        best_constant: Name of the constant policy with the highest value.
        best_targeted: Name of the targeted candidate with the highest value; None where there is none to be trusted.
        gain: Of the best targeted candidate over the best constant one, per person.
        gains: Candidate → the same for each, the constant ones too.
        over_nobody: Candidate → what it earns over contacting nobody, per person: incremental profit.
        worth: The smallest gain per person that counts.
        more: People that are needed beside those at hand, to detect the gain (or `worth`, if that is larger); None: enough.
        sentence: All of it for a reader.
        currency: Of gains and worth; None where they are not money.
    """

    chosen: str
    verdict: Verdict
    best_constant: str
    best_targeted: str | None
    gain: Estimate
    gains: dict[str, Estimate]
    over_nobody: dict[str, Estimate]
    worth: float
    more: int | None
    sentence: str
    currency: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def choose(
    judgement: Judgement,
    *,
    worth: float | None = None,
    confidence: float = DEFAULT_CONFIDENCE,
    power: float = DEFAULT_POWER,
    seed: int = 0,
    currency: str | None = None,
) -> Choice:
    """Choose a policy.

    Args:
        judgement: Candidates on the same people, constant ones among them.
        worth: The smallest gain per person for which personalising is worth its trouble; default: a twentieth of what lies
            between the best and the worst constant policy.
        confidence: Of the simultaneous intervals.
        power: With which a gain is to be detected, for how many more people are needed.
        seed: Of the quantile, which is drawn.
        currency: Of rewards, for the sentence; None: they are not money.

    Raises:
        DecideError: No constant policy was judged, or the log can tell of none of them.
    """
    checked_share(confidence, name="confidence")
    usable = [one for one in judgement.candidates if one.value.answer != "no"]
    constants = [one for one in usable if one.constant]
    if not constants:
        words = "; ".join(
            w for one in judgement.candidates if one.constant for w in one.value.words
        )
        raise DecideError(
            f"The log cannot tell what any constant policy earns ({words or 'none was judged'}). Run an experiment first."
        )
    targeted = [one for one in usable if not one.constant]
    best = max(constants, key=lambda one: _mean(judgement, one))
    compared = {
        one.name: _Compared.over(judgement, targeted, one, confidence, seed) for one in constants
    }
    over = compared[best.name]
    worst = min(_mean(judgement, one) for one in constants)
    least = worth if worth is not None else _WORTH_SHARE * (_mean(judgement, best) - worst)
    winners = [
        one
        for place, one in enumerate(targeted)
        if all(found.lower(place) > 0.0 for found in compared.values())
        and _differ(judgement, one, constants) >= _DIFFERING_MIN
    ]
    differing = [one for place, one in enumerate(targeted) if over.errors[place] > 0]
    leading = max(winners or differing, key=lambda one: _mean(judgement, one), default=None)
    place = None if leading is None else targeted.index(leading)
    silent = _silence(judgement, targeted)
    gain = (
        Estimate.missing(silent or _ALIKE, method=_PAIRED, confidence=confidence)
        if place is None
        else over.estimate(place)
    )
    verdict = _verdict(gain, least, won=bool(winners), silent=bool(silent))
    chosen = leading.name if winners and leading is not None else best.name
    more = None
    if verdict == "cannot tell" and place is not None:
        more = over.people_more(place, least, len(judgement.log.arm), power)
    gains = {
        one.name: gain if silent == EARNED_ALIKE else over.estimate(n)
        for n, one in enumerate(targeted)
    }
    gains |= {
        one.name: difference(judgement, one, best, confidence=confidence) for one in constants
    }
    return Choice(
        chosen=chosen,
        verdict=verdict,
        best_constant=best.name,
        best_targeted=None if leading is None else leading.name,
        gain=gain,
        gains=gains,
        over_nobody=_over_nobody(judgement, usable, confidence),
        worth=least,
        more=more,
        sentence=choice_words(
            verdict,
            best.name,
            None if leading is None else leading.name,
            gain,
            least,
            more,
            currency=currency,
        ),
        currency=currency,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """Targeted candidates less one constant policy."""

    means: FloatArray
    errors: FloatArray
    quantile: float
    confidence: float

    @classmethod
    def over(
        cls,
        judgement: Judgement,
        targeted: list[Judged],
        constant: Judged,
        confidence: float,
        seed: int,
    ) -> _Compared:
        if not targeted:
            return cls(np.zeros(0), np.zeros(0), math.nan, confidence)
        log = judgement.log
        columns = [one.scores - constant.scores for one in targeted]
        found = [mean_error(one, weight=log.weight, cluster=log.cluster) for one in columns]
        quantile = simultaneous_quantile(
            np.column_stack(columns), confidence=confidence, degrees=found[0][2], seed=seed
        )
        means, errors = (np.array([one[n] for one in found]) for n in (0, 1))
        return cls(means, errors, quantile, confidence)

    def lower(self, place: int) -> float:
        if self.errors[place] <= 0:
            return -math.inf
        return float(self.means[place] - self.quantile * self.errors[place])

    def estimate(self, place: int) -> Estimate:
        mean, error = float(self.means[place]), float(self.errors[place])
        if error <= 0:
            return Estimate.missing(
                "it decides as the constant policy does", method=_PAIRED, confidence=self.confidence
            )
        reach = self.quantile * error
        return Estimate(
            estimate=mean,
            lower=mean - reach,
            upper=mean + reach,
            confidence=self.confidence,
            method=_PAIRED,
        )

    def people_more(self, place: int, worth: float, people: int, power: float) -> int | None:
        """From the variance of the paired difference: (quantile + z of the power)² · variance / gain², less those at hand."""
        wanted = max(float(self.means[place]), worth)
        if wanted <= 0 or self.errors[place] <= 0:
            return None
        reach = (self.quantile + float(ndtri(power))) * float(self.errors[place])
        return max(math.ceil(people * (reach / wanted) ** 2) - people, 0)


def simultaneous_quantile(
    columns: FloatArray, *, confidence: float, degrees: float, seed: int = 0
) -> float:
    """How many standard errors wide each side of intervals must be that hold for all columns at once.

    The columns' means are jointly t with the correlations of the columns; the quantile of the largest |t| is drawn, 20,000 times.
    One column gives Student's quantile exactly.
    """
    spread = columns.std(axis=0)
    varying = columns[:, spread > 0]
    if varying.shape[1] <= 1:
        return float(stdtrit(degrees, 0.5 + confidence / 2))
    correlation = np.corrcoef(varying, rowvar=False)
    sizes, axes = np.linalg.eigh(correlation)
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((_DRAWS, len(sizes))) * np.sqrt(np.maximum(sizes, 0.0))
    largest = np.abs(drawn @ axes.T).max(axis=1)
    # As a share of the normal law, then read off Student's, which is wider where people are few.
    normal = float(np.quantile(largest, confidence))
    return float(stdtrit(degrees, ndtr(normal)))


def _mean(judgement: Judgement, one: Judged) -> float:
    weight = judgement.log.weight
    return float(np.average(one.scores, weights=weight))


def _differ(judgement: Judgement, one: Judged, constants: list[Judged]) -> float:
    """People with whom the log can tell the candidate from each constant policy: one of the two would do what was done."""
    rows, logged = np.arange(len(judgement.log.arm)), judgement.log.arm
    return min(
        float(np.abs(one.policy[rows, logged] - other.policy[rows, logged]).sum())
        for other in constants
    )


def difference(
    judgement: Judgement, one: Judged, other: Judged, *, confidence: float = DEFAULT_CONFIDENCE
) -> Estimate:
    """What one candidate earns over another, per person, by itself: not simultaneous over several."""
    method = "paired doubly robust difference, normal interval"
    if one.name == other.name:
        return Estimate.missing("it is the one compared with", method=method, confidence=confidence)
    log = judgement.log
    mean, error, degrees = mean_error(
        one.scores - other.scores, weight=log.weight, cluster=log.cluster
    )
    if error <= 0:
        alike = "both decide alike" if np.ptp(judgement.log.reward) else EARNED_ALIKE
        return Estimate.missing(alike, method=method, confidence=confidence)
    return student(mean, error, degrees, method=method, confidence=confidence)


def _over_nobody(
    judgement: Judgement, usable: list[Judged], confidence: float
) -> dict[str, Estimate]:
    nobody = next((one for one in usable if one.name == NOTHING), None)
    if nobody is None:
        return {}
    return {one.name: difference(judgement, one, nobody, confidence=confidence) for one in usable}


def _silence(judgement: Judgement, targeted: list[Judged]) -> str:
    """Why the log says nothing of targeted policies that were tried; empty where it does, or none was tried."""
    if all(one.constant for one in judgement.candidates):
        return ""
    if not targeted:
        return "there is no targeted policy of which the log can tell"
    return "" if np.ptp(judgement.log.reward) else EARNED_ALIKE


def _verdict(gain: Estimate, worth: float, *, won: bool, silent: bool) -> Verdict:
    if won:
        return "personalise"
    if gain.upper is None and silent:
        return "cannot tell"
    if gain.upper is None or gain.upper <= worth:
        return "does not pay"
    return "cannot tell"
