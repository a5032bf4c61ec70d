"""Stop a campaign that does harm: one-sided tests that may be looked at after each person.

A guardrail is something that contact must not raise (unsubscribes, complaints) or lower (margin; give it with its sign turned). All
bounds hold at all looks together, so that looking daily finds harm that is not there in at most `alpha` of campaigns.

- `watch_rate`: yes and no among the contacted, as unsubscribes, against a limit. Exact, from the first person on. `watch_counts`: the
  same of the two counts, where it is looked now and then and not after each person.
- `watch_events`: whether events, as complaints, come from the contacted more often than chance assigned people to contact. Exact.
- `watch_amount`: amounts, as margin lost, against the holdout. Asymptotic, so it says nothing before there is enough in both arms.

The first two bet against "the probability of yes is at most p": see `stats.rate_evidence`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.errors import DecideError
from aimwell.stats.estimate import checked_share
from aimwell.stats.rate_evidence import log_evidence
from aimwell.stats.samples import FloatArray

__all__ = ["Harm", "harm_bounds", "watch_amount", "watch_counts", "watch_events", "watch_rate"]

_FIRST = 100
_TUNED_FOR = 2_000
_EVENTS_MIN = 200


@dataclass(frozen=True, slots=True)
class Harm:
    """What a guardrail says now.

    Args:
        people: Whose outcomes are in.
        effect: The rate, the ratio of rates, or the effect per person; None where too little is known.
        lower: Of an effect per person, at all looks together; None for the exact tests, which have none.
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


def watch_rate(
    yes: NDArray[np.bool_], *, limit: float, alpha: float = 0.05, what: str = "the guardrail"
) -> Harm:
    """Whether more of the contacted did it than the limit allows, looked at after every person so far.

    Args:
        yes: Whether each contacted person did it (unsubscribed), in the order in which that was known.
        limit: The share that is tolerated, as 0.01.
        alpha: Of false alarms over all looks together.
        what: Its name in words.
    """
    checked_share(limit, name="limit")
    return _rate_harm(int(yes.sum()), len(yes), limit, _shown(yes, limit, alpha), what)


def watch_counts(
    yes: int, people: int, *, limit: float, alpha: float = 0.05, what: str = "the guardrail"
) -> Harm:
    """Whether more of the contacted did it than the limit allows, by what is known at this look; any looks may be taken.

    Who has not done it yet may still do it: that only lowers the evidence.

    Args:
        yes, people: How many did it, of how many contacted.
        limit, alpha, what: As in `watch_rate`.
    """
    checked_share(limit, name="limit")
    checked_share(alpha, name="alpha")
    shown = people > 0 and float(log_evidence(yes, people, limit=limit)) >= -math.log(alpha)
    return _rate_harm(yes, people, limit, people if shown else None, what)


def _rate_harm(yes: int, people: int, limit: float, shown: int | None, what: str) -> Harm:
    rate = yes / people if people else None
    if rate is None:
        words = f"{what}: nobody was contacted yet."
    elif shown is None:
        words = f"{what}: {rate:.2%} of {people:,} contacted; more than {limit:.2%} is not shown."
    else:
        words = f"Stop: {what} at {rate:.2%} of the contacted, more than the {limit:.2%} allowed; shown after {shown:,} people."
    return Harm(people, rate, None, limit, stop=shown is not None, stopped_at=shown, words=words)


def watch_events(
    treated: NDArray[np.bool_],
    *,
    probability: float,
    allowed: float = 1.0,
    alpha: float = 0.05,
    what: str = "the guardrail",
) -> Harm:
    """Whether events come from the contacted more often than from the held-out, looked at after every event so far.

    If contact raises the rate by the factor ρ, an event is of a contacted person with probability p ρ / (p ρ + 1 − p); how often people do it
    at all does not matter.

    Args:
        treated: Whether each event was a contacted person's, in the order in which they came; who did not do it does not appear.
        probability: With which people were assigned to contact.
        allowed: The factor that is tolerated; 1: no rise at all.
        alpha: Of false alarms over all looks together.
        what: Its name in words.

    Raises:
        DecideError: Nobody, or everybody, is held out.
    """
    if not 0 < probability < 1:
        raise DecideError(
            f"Harm is seen only against a holdout; the probability of contact is {probability!r} and must lie strictly between 0 and 1."
        )
    if not (math.isfinite(allowed) and allowed > 0):
        raise DecideError(
            f"The factor that is allowed is {allowed!r}. It is above 0; 1 is no rise."
        )
    share = probability * allowed / (probability * allowed + 1 - probability)
    shown = _shown(treated, share, alpha)
    inside, outside = int(treated.sum()), int((~treated).sum())
    ratio = inside / outside * (1 - probability) / probability if outside else None
    factor = "unknown (none among the held-out)" if ratio is None else f"{ratio:.3g}"
    if shown is None:
        words = f"{what}: {factor} times as often among the contacted; more than {allowed:g} times is not shown."
    else:
        words = f"Stop: {what} is {factor} times as often among the contacted, more than the {allowed:g} allowed; shown after {shown:,} events."
    return Harm(
        len(treated), ratio, None, allowed, stop=shown is not None, stopped_at=shown, words=words
    )


def _shown(yes: NDArray[np.bool_], p: float, alpha: float) -> int | None:
    """After how many trials a probability above p was first shown."""
    checked_share(alpha, name="alpha")
    # A no always lowers the bet, so it can first be won at a yes.
    n = np.flatnonzero(yes) + 1.0
    k = np.arange(1, len(n) + 1, dtype=np.float64)
    found = np.flatnonzero(log_evidence(k, n, limit=p) >= -math.log(alpha))
    return int(n[found[0]]) if len(found) else None


def harm_bounds(
    scores: FloatArray, *, alpha: float = 0.05, first: int = _FIRST, tuned_for: int = _TUNED_FOR
) -> tuple[FloatArray, FloatArray]:
    """The running mean of scores and its lower bound after each person; −∞ before the `first`.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Time-uniform central limit theory and asymptotic confidence
    sequences, proposition B.1 (one-sided Gaussian mixture, after Robbins 1970); asymptotic.

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


def watch_amount(
    outcome: FloatArray,
    treated: NDArray[np.bool_],
    probability: FloatArray,
    *,
    allowed: float = 0.0,
    alpha: float = 0.05,
    what: str = "the guardrail",
) -> Harm:
    """Whether contact raises an amount by more than is allowed, looked at after every person so far.

    The effect is the mean of w₁ · y − w₀ · y over people, w the inverse of the probability of the arm that they got. Nothing is said before
    two hundred people of *each* arm have an amount other than 0: of rare amounts in a small holdout the first hundreds know nothing, and what
    they seem to know is that the holdout has none.

    Args:
        outcome: Of each person, in the order in which it was known; more is worse.
        treated: Who was assigned to be contacted.
        probability: Of being so, strictly between 0 and 1.
        allowed: Effect per person that is tolerated.
        alpha: Of false alarms over all looks together.
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
    other = outcome != 0
    both = np.minimum(np.cumsum(other & treated), np.cumsum(other & ~treated))
    enough = np.flatnonzero(both >= _EVENTS_MIN)
    if not len(enough):
        seen = int(both[-1]) if len(both) else 0
        words = f"{what}: too little to tell; in one arm {seen} people have an amount, {_EVENTS_MIN} are needed in each."
        return Harm(len(outcome), None, None, allowed, stop=False, stopped_at=None, words=words)
    scores = np.where(treated, outcome / probability, -outcome / (1 - probability))
    first = int(enough[0]) + 1
    mean, lower = harm_bounds(
        scores - allowed, alpha=alpha, first=first, tuned_for=max(_TUNED_FOR, 2 * first)
    )
    shown = np.flatnonzero(lower > 0)
    effect, bound = float(mean[-1] + allowed), float(lower[-1] + allowed)
    last = bound if math.isfinite(bound) else None
    if len(shown):
        at = int(shown[0]) + 1
        words = f"Stop: contact raises {what} by {effect:.4g} a person, more than the {allowed:.4g} allowed; shown after {at:,} people."
        return Harm(len(scores), effect, last, allowed, stop=True, stopped_at=at, words=words)
    words = f"{what}: {effect:+.4g} a person by contact; no harm beyond {allowed:.4g} is shown."
    return Harm(len(scores), effect, last, allowed, stop=False, stopped_at=None, words=words)
