"""What a campaign's past experiment teaches its next plan: which policy, and what each action is expected to add for each person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.budget.curve import Curve, profit_curve
from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.channel_choice import ChannelChoice, channel_rules
from aimwell.decide.channel_worth import ChannelWorth, channel_worth
from aimwell.decide.earning import MONEY, Earned, discounts_of, earned
from aimwell.decide.past_plans import past_sources, read_past
from aimwell.decide.policies.candidates import (
    Constant,
    People,
    PolicyCandidate,
    Training,
    UpliftPolicy,
    constant_candidates,
    usual_learners,
)
from aimwell.decide.policies.choosing import Choice, choose
from aimwell.decide.policies.judging import Judged, Judgement, judge_policies
from aimwell.decide.pooling import Pooled
from aimwell.decide.uplift.data import NOTHING, ExperimentData
from aimwell.decide.uplift.problem import Problem, aipw_scores, dealt, prepared, problem_of
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.errors import DecideError
from aimwell.history.moment import open_moment
from aimwell.segment.attributes.people_table import EVERYBODY, people_table
from aimwell.stats.estimate import Estimate
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["Lesson", "NoLesson", "learn"]

_FEW = 50_000
_TREES = 20_000
_REPEATS = 3
_PARTS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NoLesson:
    """Why there is nothing to learn from, in words for the plan.

    `channel_worth` as of a lesson: it may be known though nothing is known of contacting nobody.
    """

    words: str
    channel_worth: ChannelWorth | None = None


@dataclass(frozen=True, eq=False)
class Lesson:
    """A chosen policy with what it rests on.

    Args:
        sources: What was learnt from: name of the plan or experiment → people, the newest first.
        actions: The campaign's actions, in its order.
        read: The experiment, with only the arms that are actions of the campaign.
        gains: What each person of it earned.
        judgement, choice: Candidates and the answer.
        discounts: What each action's offer cost per person.
        unknown: Actions that the experiment does not have.
        seed: Of everything drawn.
        channels: Where people are likelier to answer, if the campaign asks for it; some candidates rest on it.
        channel_worth: What these candidates earn over one channel to everybody.
    """

    sources: Mapping[str, int]
    actions: tuple[str, ...]
    read: ReadExperiment
    gains: Earned
    judgement: Judgement
    choice: Choice
    discounts: Floats
    unknown: tuple[str, ...]
    seed: int
    channels: ChannelChoice | None = None
    channel_worth: ChannelWorth | None = None

    @property
    def source(self) -> str:
        """What was learnt from, in words: "'spring-1'", or "'spring-1' and 2 more"."""
        first, *others = self.sources
        return f"'{first}' and {len(others)} more" if others else f"'{first}'"

    @property
    def people(self) -> int:
        """How many different people were learnt from; of several experiments some stand in more than one."""
        cluster = self.data.cluster
        return len(self.data) if cluster is None else len(np.unique(cluster))

    @property
    def data(self) -> ExperimentData:
        """The experiment's people."""
        return self.read.data

    def expected(
        self, stores: Stores, audience: Sequence[str], *, as_of: datetime, snapshot: Snapshot
    ) -> Floats:
        """What each action is expected to add for each of the audience (people × actions); NaN where nothing is known of it.

        The audience is that of `channels`, where there are some.
        """
        chosen = self._candidate()
        if isinstance(chosen, Constant):
            return np.broadcast_to(self._constants(), (len(audience), len(self.actions))).copy()
        with open_moment(
            stores, as_of=as_of, snapshot=snapshot, engine=stores.history_engine
        ) as moment:
            known = people_table(moment, self.read.coding.columns, among=EVERYBODY, visitors=True)
        places = pc.index_in(
            pa.array(audience, pa.string()), value_set=known.column("profile_id").combine_chunks()
        )
        coded = self.read.coding.apply(known.take(places))
        # Today's people are foretold as those of the newest experiment: no mark of an earlier one.
        earlier = len(self.data.names) - coded.shape[1]
        features = np.column_stack([coded, np.zeros((len(coded), earlier))])
        how, values = prepared(self.data)
        problem = problem_of(self.data, self.gains.values, values=values)
        inside = {} if self.channels is None else self.channels.members()
        there = People(self.data.names, features, how.apply(features), inside)
        return self._by_action(self._effects(chosen, problem, values, there))

    def curve(
        self,
        cost: Floats,
        people: int,
        budgets: Sequence[float] | None = None,
        *,
        among: NDArray[np.intp] | None = None,
    ) -> Curve:
        """Profit against budget per person of the experiment, of effects that did not see the person, judged by what came.

        Args:
            cost: What each action uses of the budget per person.
            people: To whom the budgets are given.
            budgets: For so many people; default: ten even parts.
            among: The places of the experiment's people whom it shall be of; default: of all.
        """
        values, judged = self.held_out
        if among is not None:
            values, judged = values[among], judged[among]
        share = len(values) / people
        wanted = None if budgets is None else [budget * share for budget in budgets]
        known = ~np.isnan(values)
        return profit_curve(values, cost, wanted, judged=np.where(known, judged, 0.0))

    @cached_property
    def held_out(self) -> tuple[Floats, Floats]:
        """People of the experiment × actions: what is expected without the person's own outcome, and the scores to judge it by."""
        chosen = self._candidate()
        log = self.judgement.log
        scores = aipw_scores(log.expected, log.arm, log.reward, log.propensity)
        judged = self._by_action(scores[:, 1:] - scores[:, :1])
        if isinstance(chosen, Constant):
            return np.broadcast_to(self._constants(), judged.shape).copy(), judged
        return self._by_action(self._held_out_effects(chosen)), judged

    def _candidate(self) -> PolicyCandidate:
        candidates = _candidates(self.data, self.channels)
        return next(one for one in candidates if one.name == self.choice.chosen)

    def _constants(self) -> Floats:
        """What each action adds if everybody gets it, per person; NaN where the log cannot tell."""
        found = np.full(len(self.actions), np.nan)
        for candidate in constant_candidates(self.data.arms)[1:]:
            gain = self.choice.over_nobody.get(candidate.name)
            if gain is not None and gain.estimate is not None:
                found[self.actions.index(self.data.arms[candidate.arm])] = gain.estimate
        return found

    def _effects(
        self, chosen: PolicyCandidate, problem: Problem, values: Floats, there: People
    ) -> Floats:
        """People × (arms − 1)."""
        if isinstance(chosen, UpliftPolicy):
            model = chosen.learner.fit(problem, seed=self.seed)
            return np.asarray(model.effects(there.values), dtype=np.float64)
        people = People(self.data.names, self.data.features, values)
        decider = chosen.learn(
            Training(problem, people, _response(self.data, self.gains), self.seed)
        )
        return self._as_decided(decider.decide(there))

    def _as_decided(self, arm: NDArray[np.int64]) -> Floats:
        """Effects of a policy that only says who gets what: what it gained, per person whom it gave something."""
        judged = self.judgement.find(self.choice.chosen)
        gain = self.choice.over_nobody[self.choice.chosen].estimate or 0.0
        given = 1.0 - float(judged.policy[:, 0].mean())
        found = np.full((len(arm), len(self.data.arms) - 1), np.nan)
        some = np.flatnonzero(arm > 0)
        found[some, arm[some] - 1] = gain / given if given > 0 else np.nan
        return found

    def _held_out_effects(self, chosen: PolicyCandidate) -> Floats:
        data = self.data
        if not isinstance(chosen, UpliftPolicy):
            return self._as_decided(self.judgement.find(chosen.name).actions)
        values = prepared(data)[1]
        problem = problem_of(data, self.gains.values, values=values)
        part = dealt(data.arm, count=_PARTS, seed=self.seed, cluster=data.cluster)
        found = np.empty((len(data), len(data.arms) - 1))
        for turn in range(_PARTS):
            learn_from, held = np.flatnonzero(part != turn), np.flatnonzero(part == turn)
            model = chosen.learner.fit(problem.take(learn_from), seed=self.seed + turn)
            found[held] = model.effects(values[held])
        return found

    def _by_action(self, effects: Floats) -> Floats:
        """People × actions of the campaign, from people × (arms − 1) of the experiment."""
        found = np.full((len(effects), len(self.actions)), np.nan)
        for place, arm in enumerate(self.data.arms[1:]):
            found[:, self.actions.index(arm)] = effects[:, place]
        return found

    def summary(self) -> dict[str, Any]:
        """What explain shows: the candidates with what they earn, what was chosen and why."""
        return {
            "experiment": self.source,
            "sources": dict(self.sources),
            "people": self.people,
            "outcome": self.gains.outcome,
            "window_days": self.read.window_days,
            "chosen": self.choice.chosen,
            "verdict": self.choice.verdict,
            "sentence": self.choice.sentence,
            "more": self.choice.more,
            "best_constant": self.choice.best_constant,
            "candidates": [_row(self.choice, one) for one in self.judgement.best_first()],
            "unknown_actions": list(self.unknown),
            "cautions": [*self.data.cautions, *self.gains.cautions],
        }


def _row(choice: Choice, one: Judged) -> dict[str, Any]:
    value = one.value
    return {
        "name": one.name,
        "kind": one.kind,
        "value": asdict(value.doubly_robust),
        "over_nobody": _told(choice.over_nobody.get(one.name)),
        "over_best_constant": _told(choice.gains.get(one.name)),
        "shares": dict(one.shares),
        "people_told_of": value.effective_sample,
        "answer": value.answer,
    }


def _told(one: Estimate | None) -> dict[str, Any] | None:
    return None if one is None else asdict(one)


def learn(
    stores: Stores,
    parts: CampaignParts,
    *,
    moment: datetime,
    trial: bool,
    seed: int,
    channels: ChannelChoice | None = None,
) -> Lesson | NoLesson:
    """Learn from the campaign's past experiments, as of a moment: see `past_plans`.

    Args:
        stores: The workspace.
        parts: The campaign.
        moment: Nothing from then on is seen.
        trial: Whether the plan is one, so that it may learn from trials.
        seed: Of everything that is drawn.
        channels: Where people are likelier to answer: policies by it are judged with the others.

    Raises:
        DecideError: The experiment that the campaign names cannot be learnt from.
    """
    campaign = parts.campaign
    if campaign.policy.choose == "random":
        return NoLesson("The campaign asks for a random choice (policy.choose).")
    sources = past_sources(stores, parts, moment=moment, trial=trial)
    if isinstance(sources, str):
        return NoLesson(sources)
    try:
        past = read_past(
            stores,
            sources,
            [action.key for action in campaign.actions],
            half_life=campaign.policy.half_life,
            members=None if channels is None else channels.members_then,
            now=moment,
            seed=seed,
        )
        return _lesson(past, parts, seed, channels, stores.settings.currency)
    except DecideError as error:
        if campaign.policy.learn_from is not None:
            raise
        return NoLesson(_nothing_from(sources[-1].name, error))


def _lesson(
    past: Pooled, parts: CampaignParts, seed: int, channels: ChannelChoice | None, money: str
) -> Lesson | NoLesson:
    keys = tuple(action.key for action in parts.campaign.actions)
    read = past.read
    data = read.data
    gains = earned(data, parts)
    currency = money if gains.outcome in MONEY else None
    exploring = parts.campaign.policy.exploring
    # Thompson sampling weighs whole actions, so nothing else need be learnt.
    whole = exploring is not None and exploring.method == "thompson"
    judgement = judge_policies(
        data,
        gains.values,
        constant_candidates(data.arms) if whole else _candidates(data, channels),
        response=_response(data, gains),
        repeats=_REPEATS if len(data) <= _FEW else 1,
        seed=seed,
    )
    choice = choose(judgement, seed=seed, currency=currency)
    worth = None
    if channels is not None and not whole:
        worth = channel_worth(
            judgement, channels.actions, gain=channels.wanted.gain, seed=seed, currency=currency
        )
    if not choice.over_nobody:
        why = "; ".join(judgement.find(NOTHING).value.words)
        words = (
            f"Of {len(data):,} people it cannot be told what comes of contacting nobody ({why}), so neither can what an action adds. "
            "Hold out more people, or let it learn from several plans (policy.learn_from)."
        )
        if parts.campaign.policy.learn_from is not None:
            raise DecideError(words)
        return NoLesson(_nothing_from(next(reversed(past.parts)), words), worth)
    return Lesson(
        sources=past.parts,
        actions=keys,
        read=read,
        gains=gains,
        judgement=judgement,
        choice=choice,
        discounts=discounts_of(data, parts),
        unknown=tuple(key for key in keys if key not in data.arms),
        seed=seed,
        channels=channels,
        channel_worth=worth,
    )


def _nothing_from(source: str, why: object) -> str:
    return f"Nothing could be learnt from '{source}': {why}"


def _candidates(
    data: ExperimentData, channels: ChannelChoice | None
) -> tuple[PolicyCandidate, ...]:
    rules = () if channels is None else channel_rules(channels.actions, data.arms)
    return (*constant_candidates(data.arms), *rules, *usual_learners(trees=len(data) <= _TREES))


def _response(data: ExperimentData, gains: Earned) -> Floats:
    """By what the likeliest are told: whether they bought, else what they earned."""
    outcomes: Mapping[str, Floats] = data.outcomes
    return outcomes.get("bought", outcomes[gains.outcome])
