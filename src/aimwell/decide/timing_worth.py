"""What the predicted time earned over the stated one, judged like any other policy: doubly robust, by logged probabilities, beyond noise.

The log is that of the campaign's own plans: of the people for whom both times were possible a share was kept at the stated one by chance,
and where the campaign asks for it a share was written to at a random hour. The latter tells whether the prediction is better than any other
time; whether it pays is told of the stated one alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from aimwell.decide.earning import MONEY
from aimwell.decide.past_plans import Source, past_timings, read_past
from aimwell.decide.policies.candidates import Constant, People, Rule
from aimwell.decide.policies.choosing import Choice, choose, difference
from aimwell.decide.policies.judging import Judgement, judge_policies
from aimwell.decide.policies.words import gain_words
from aimwell.decide.timing_log import PREDICTED, RANDOM
from aimwell.decide.uplift.assigned import usual_outcome
from aimwell.decide.uplift.data import ExperimentData, IntArray
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.errors import DecideError, nearest
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = [
    "OutcomeAtRandom",
    "OutcomeOfTiming",
    "TimingWorth",
    "judge_random",
    "judge_timing",
    "timing_worth",
]

_STATED, _PREDICTED, _RANDOM = "the stated time", "the predicted time", "a random hour"
_YES = "bought"
_WORTH_SHARE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeOfTiming:
    """One outcome under both policies.

    Args:
        outcome: Which.
        judgement: Both policies, on the same people.
        choice: The predicted time against the stated one, with what it adds per person.
    """

    outcome: str
    judgement: Judgement
    choice: Choice

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "outcome": self.outcome,
            "stated": self.judgement.find(_STATED).value.to_dict(),
            "predicted": self.judgement.find(_PREDICTED).value.to_dict(),
            "added": asdict(self.choice.gain),
            "verdict": self.choice.verdict,
            "more": self.choice.more,
            "sentence": self.sentence,
        }

    @property
    def sentence(self) -> str:
        """The answer for a reader."""
        gain, what = self.choice.gain, self.outcome
        if gain.estimate is None or gain.lower is None or gain.upper is None:
            return self._undefined()
        told = f"{what} {gain_words(gain, self.choice.currency)}"
        if self.choice.verdict == "personalise":
            return f"The predicted time pays: {told} over the stated one."
        if self.choice.verdict == "does not pay":
            return f"The predicted time does not pay: {told} over the stated one."
        needed = "more people are" if self.choice.more is None else f"{self.choice.more:,} more are"
        return f"We cannot tell yet whether the predicted time pays: {told}; {needed} needed."

    def _undefined(self) -> str:
        """Why the two times cannot be compared."""
        rewards = self.judgement.log.reward
        if self.outcome == _YES and not rewards.any():
            return f"{_YES}: nobody did at either time, so it cannot tell them apart."
        if self.outcome == _YES and rewards.all():
            return f"{_YES}: everybody did at either time, so it cannot tell them apart."
        if not np.ptp(rewards):
            return f"{self.outcome}: it is {rewards[0]:,.4g} of everybody at either time, so it cannot tell them apart."
        return f"{self.outcome}: {self.choice.gain.reason}."


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeAtRandom:
    """One outcome of who was written to at a random hour.

    Args:
        outcome: Which.
        people: How many were.
        value: Per person.
        over_stated: What a random hour adds to the stated time, per person.
        predicted_over: What the predicted time adds to a random hour.
    """

    outcome: str
    people: int
    value: Estimate
    over_stated: Estimate
    predicted_over: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class TimingWorth:
    """What the predicted time of a campaign's plans earned.

    Args:
        campaign: Its name.
        sources: Plan → people for whom both times were possible, the newest first.
        arms: People at the stated and at the predicted time.
        window_days: How long outcomes count, from the plan's moment on.
        outcomes: The one asked for, or that the campaign is about, first.
        random: The same outcomes at a random hour; empty where nobody was written to at one.
        cautions: What a reader must know, in words.
    """

    campaign: str
    sources: Mapping[str, int]
    arms: Mapping[str, int]
    window_days: float | None
    outcomes: tuple[OutcomeOfTiming, ...]
    random: tuple[OutcomeAtRandom, ...]
    cautions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "campaign": self.campaign,
            "sources": dict(self.sources),
            "arms": dict(self.arms),
            "window_days": self.window_days,
            "outcomes": [one.to_dict() for one in self.outcomes],
            "random": [asdict(one) for one in self.random],
            "cautions": list(self.cautions),
        }


def timing_worth(
    stores: Stores,
    campaign: str,
    *,
    now: datetime,
    outcome: str | None = None,
    worth: float | None = None,
    seed: int = 0,
) -> TimingWorth:
    """Judge the predicted time by the newest plans of a campaign whose windows are over.

    Args:
        stores: The workspace.
        campaign: Name of the definition.
        now: Nothing from this moment on is seen.
        outcome: bought, orders, revenue or margin; default: margin, or revenue where it is not known.
        worth: The smallest gain per person that counts; default: the campaign's (schedule.best_time.gain), else a twentieth of what
            people at the stated time earn.
        seed: Of how people are dealt out.

    Raises:
        UnknownDefinitionError: There is no such campaign.
        DecideError: No plan kept anybody at the stated time, no window is over, or there is no such outcome.
    """
    asked = definitions.find(stores.control, Campaign, campaign)
    sources = past_timings(stores, asked, moment=now)
    if isinstance(sources, str):
        raise DecideError(sources)
    past = read_past(stores, sources, [PREDICTED], now=now, seed=seed)
    data = past.read.data
    first = outcome or usual_outcome(data.outcomes)
    if first not in data.outcomes:
        raise DecideError(f"There is no outcome '{first}'. {nearest(first, list(data.outcomes))}")
    counts = list(data.counts.values())
    wanted = asked.schedule.best_time
    if worth is None and wanted is not None and outcome is None:
        worth = wanted.gain
    names = tuple(dict.fromkeys((first, _YES)))
    return TimingWorth(
        campaign=campaign,
        sources=past.parts,
        arms={_STATED: counts[0], _PREDICTED: counts[1]},
        window_days=past.read.window_days,
        outcomes=tuple(
            judge_timing(
                data,
                name,
                worth=worth if name == first else None,
                seed=seed,
                currency=stores.settings.currency,
            )
            for name in names
        ),
        random=_at_random(stores, sources, names, now=now, seed=seed),
        cautions=data.cautions,
    )


def judge_timing(
    data: ExperimentData,
    outcome: str,
    *,
    worth: float | None = None,
    seed: int = 0,
    currency: str | None = None,
) -> OutcomeOfTiming:
    """Both policies on an experiment of times, whose control is the stated time and whose one arm is the predicted.

    Args:
        data: The experiment.
        outcome: One of its.
        worth: The smallest gain per person that counts; default: a twentieth of what people at the stated time earn.
        seed: Of how people are dealt out.
        currency: Of outcomes that are money.
    """
    judgement = judge_policies(
        data,
        data.outcome(outcome),
        (Constant(0, _STATED), Rule(_PREDICTED, _predicted)),
        seed=seed,
    )
    stated = judgement.find(_STATED).value.doubly_robust.estimate or 0.0
    least = max(0.0, _WORTH_SHARE * stated) if worth is None else worth
    money = currency if outcome in MONEY else None
    return OutcomeOfTiming(
        outcome, judgement, choose(judgement, worth=least, seed=seed, currency=money)
    )


def _at_random(
    stores: Stores, sources: Sequence[Source], names: Sequence[str], *, now: datetime, seed: int
) -> tuple[OutcomeAtRandom, ...]:
    """Of the plans that wrote to a share of people at a random hour."""
    some = [one for one in sources if one.random]
    if not some:
        return ()
    try:
        data = read_past(stores, some, [PREDICTED, RANDOM], now=now, seed=seed).read.data
    except DecideError:
        return ()
    if RANDOM not in data.arms or PREDICTED not in data.arms:
        return ()
    return tuple(judge_random(data, name, seed=seed) for name in names if name in data.outcomes)


def judge_random(data: ExperimentData, outcome: str, *, seed: int = 0) -> OutcomeAtRandom:
    """A random hour on an experiment of times that has it as a third arm."""
    place, predicted = data.arms.index(RANDOM), data.arms.index(PREDICTED)
    judgement = judge_policies(
        data,
        data.outcome(outcome),
        (Constant(0, _STATED), Constant(predicted, _PREDICTED), Constant(place, _RANDOM)),
        seed=seed,
    )
    stated, other, random = judgement.candidates
    return OutcomeAtRandom(
        outcome,
        data.counts[RANDOM],
        random.value.doubly_robust,
        difference(judgement, random, stated),
        difference(judgement, other, random),
    )


def _predicted(people: People) -> IntArray:
    return np.ones(len(people.values), dtype=np.int64)
