"""From an experiment in the lake to a chosen policy, and from a policy to who gets what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.decide.policies.by_channel import ByChannel
from aimwell.decide.policies.candidates import (
    People,
    PolicyCandidate,
    Rule,
    Training,
    constant_candidates,
    segment_rule,
    usual_learners,
)
from aimwell.decide.policies.choosing import Choice, choose
from aimwell.decide.policies.judging import Judgement, judge_policies
from aimwell.decide.policies.net_revenue import net_profits
from aimwell.decide.policies.rewards import Economics, profit_of
from aimwell.decide.policies.treating import GroupShare, shares_by_group
from aimwell.decide.uplift.data import ExperimentData
from aimwell.decide.uplift.problem import prepared, problem_of
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.decide.uplift.segments import in_segments
from aimwell.errors import DecideError, nearest
from aimwell.history.moment import open_moment
from aimwell.segment.attributes.people_table import EVERYBODY, people_table
from aimwell.stats.estimate import Estimate
from aimwell.store.stores import Stores

__all__ = ["DEFAULT_REPEATS", "PolicyReport", "policy_report", "who_gets_what"]

DEFAULT_REPEATS = 3


@dataclass(frozen=True, slots=True, eq=False)
class PolicyReport:
    """All candidates with their values, and what was chosen.

    Args:
        outcome: What is turned into profit.
        people: Judged on.
        arms: The first is nothing.
        judgement: Candidates.
        choice: The answer.
        net: Candidate → net incremental revenue: what the experiment earned among those to whom it would have sent.
        groups: Who would get an offer under the chosen policy, by protected groups, where any were named.
        cautions: What must be known of the data.
    """

    outcome: str
    people: int
    arms: tuple[str, ...]
    judgement: Judgement
    choice: Choice
    net: Mapping[str, Estimate]
    groups: tuple[GroupShare, ...]
    cautions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "outcome": self.outcome,
            "people": self.people,
            "arms": list(self.arms),
            "choice": self.choice.to_dict(),
            "candidates": [
                {**one.to_dict(), "net_incremental_revenue": asdict(self.net[one.name])}
                for one in self.judgement.candidates
            ],
            "groups": [asdict(one) for one in self.groups],
            "cautions": list(self.cautions),
        }


def policy_report(
    data: ExperimentData,
    outcome: str,
    *,
    economics: Economics | None = None,
    response: str | None = None,
    rules: Mapping[str, str] | None = None,
    inside: Mapping[str, NDArray[np.bool_]] | None = None,
    more: Sequence[Rule] = (),
    trees: bool = True,
    protected: Mapping[str, Sequence[str | None]] | None = None,
    limit: float = 0.1,
    worth: float | None = None,
    repeats: int = DEFAULT_REPEATS,
    seed: int = 0,
    currency: str | None = None,
) -> PolicyReport:
    """Judge the usual candidates and rules by segment, and choose.

    Args:
        data: The experiment.
        outcome: What is turned into profit.
        economics: How; default: an outcome is worth 1 and contact costs nothing.
        response: The outcome that the likeliest-first policy ranks by; default: `outcome`.
        rules: Segment → the arm that its members get, others getting nothing; further candidates.
        inside: Who is in these segments, see `uplift.segments`, and whatever else rules ask.
        more: Further rules, see `by_channel`.
        trees: Whether learners by boosted trees are tried, which take most of the time.
        protected: Attribute → each person's group, for the shares of the chosen policy.
        limit: How far shares of groups may lie apart.
        worth: The smallest gain per person that counts; default: see `choose`.
        repeats: How often people are dealt out anew, see `judge_policies`.
        seed: Same people and seed, same report.
        currency: Of the profit, for words; None: that is not said.

    Raises:
        DecideError: See `profit_of` and `choose`.
    """
    profit = profit_of(data, outcome, economics or Economics())
    judgement = judge_policies(
        data,
        profit,
        _candidates(data, rules or {}, more, trees),
        response=data.outcome(response or outcome),
        members=inside,
        repeats=repeats,
        seed=seed,
    )
    choice = choose(judgement, worth=worth, seed=seed, currency=currency)
    groups: tuple[GroupShare, ...] = ()
    if protected:
        actions = judgement.find(choice.chosen).actions
        offers = range(1, len(data.arms))
        groups = shares_by_group(actions, protected, offers=offers, limit=limit)
    net = net_profits(judgement)
    return PolicyReport(
        outcome, len(data), data.arms, judgement, choice, net, groups, data.cautions
    )


def _candidates(
    data: ExperimentData, rules: Mapping[str, str], more: Sequence[Rule], trees: bool
) -> tuple[PolicyCandidate, ...]:
    for arm in rules.values():
        if arm not in data.arms:
            raise DecideError(f"There is no arm '{arm}'. {nearest(arm, list(data.arms))}")
    by_segment = [segment_rule(one, arm, data.arms.index(arm)) for one, arm in rules.items()]
    return (*constant_candidates(data.arms), *by_segment, *more, *usual_learners(trees=trees))


def who_gets_what(
    stores: Stores,
    read: ReadExperiment,
    report: PolicyReport,
    *,
    as_of: datetime,
    economics: Economics | None = None,
    rules: Mapping[str, str] | None = None,
    channels: ByChannel | None = None,
    among: str = EVERYBODY,
    trees: bool = True,
    seed: int = 0,
) -> pa.Table:
    """The chosen policy, learnt from all people of the experiment, applied to the people known at a moment.

    Returns:
        `profile_id` and `action` (the arm's name), by profile_id. The plan of a campaign still decides who may be contacted.
    """
    data = read.data
    candidates = _candidates(data, rules or {}, () if channels is None else channels.rules, trees)
    chosen = next(one for one in candidates if one.name == report.choice.chosen)
    how, values = prepared(data)
    profit = profit_of(data, report.outcome, economics or Economics())
    problem = problem_of(data, profit, values=values)
    known = People(data.names, data.features, values)
    decider = chosen.learn(Training(problem, known, data.outcome(report.outcome), seed))
    with open_moment(stores, as_of=as_of) as moment:
        table = people_table(moment, read.coding.columns, among=among)
    features = read.coding.apply(table)
    profiles = table.column("profile_id").combine_chunks()
    inside = in_segments(stores, profiles, list(rules or {}), as_of=as_of)
    if channels is not None:
        inside |= channels.now(profiles, as_of)
    actions = decider.decide(People(data.names, features, how.apply(features), inside))
    names = pa.array(data.arms, pa.string()).take(pa.array(actions))
    return pa.table({"profile_id": table.column("profile_id"), "action": names})
