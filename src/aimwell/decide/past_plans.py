"""Which past experiments a campaign learns from: its own earlier plans whose windows are over, other campaigns', imported ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.decide.pooling import Part, Pooled, of_actions, pooled
from aimwell.decide.stored import list_plans
from aimwell.decide.timing_log import timing_experiment
from aimwell.decide.uplift.reading import ReadExperiment, read_experiment
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.errors import DecideError
from aimwell.store.stores import Stores

__all__ = ["MOST_LEARNT", "Source", "past_sources", "past_timings", "read_past"]

MOST_LEARNT = 200_000
"""More people than these are not learnt from: a sample of so many, by the seed, tells as well."""
_MOST_PLANS = 5


@dataclass(frozen=True)
class Source:
    """One past experiment: what it assigned lies under `experiment`, of a plan of our own with its id.

    Args:
        days: How long outcomes count.
        random: Of an experiment of times, whether some were written to at a random hour.
    """

    experiment: str
    plan_id: str | None
    days: float
    random: bool = False

    @property
    def name(self) -> str:
        """As it is shown."""
        return self.plan_id or self.experiment


def past_sources(
    stores: Stores, parts: CampaignParts, *, moment: datetime, trial: bool
) -> list[Source] | str:
    """What to learn from, else why there is nothing, in words.

    Of each campaign the newest five plans whose windows are over. A trial reached nobody, so only trials learn from trials.
    """
    campaign = parts.campaign
    named = campaign.policy.learn_from
    names = (campaign.name,) if named is None else (named,) if isinstance(named, str) else named
    days = campaign.goal.window / timedelta(days=1)
    found: list[Source] = []
    words = []
    for name in names:
        plans = list_plans(stores.control, name)
        if not plans and name != campaign.name:
            found.append(Source(name, None, days))
            continue
        over = _over(plans, moment, trial)
        if isinstance(over, str):
            words.append(over)
        else:
            found += [Source(name, plan.plan_id, days + _lag(plan)) for plan in over]
    return found or " ".join(dict.fromkeys(words))


def past_timings(stores: Stores, campaign: Campaign, *, moment: datetime) -> list[Source] | str:
    """The experiments of times among the campaign's own plans, else why there are none, in words.

    Of trials nothing is told: they reach nobody, and at no particular time.
    """
    tried = [
        plan
        for plan in list_plans(stores.control, campaign.name)
        if plan.started_at is not None
        and not plan.trial
        and 0 < (plan.document.get("timing") or {}).get("test", 0) < 1
    ]
    if not tried:
        return (
            f"No plan of '{campaign.name}' that was sent kept a share of people at the stated time by chance. Set schedule.best_time (its `test` is "
            "that share), plan and send."
        )
    over = _over(tried, moment, trial=False)
    if isinstance(over, str):
        return over
    name, days = timing_experiment(campaign.name), campaign.goal.window / timedelta(days=1)
    return [
        Source(
            name,
            plan.plan_id,
            days + _lag(plan),
            random=bool(plan.document["timing"].get("random")),
        )
        for plan in over
    ]


def _over(plans: Sequence[Plan], moment: datetime, trial: bool) -> list[Plan] | str:
    sent = [
        plan
        for plan in plans
        if plan.started_at is not None and plan.as_of < moment and (trial or not plan.trial)
    ]
    over = [plan for plan in sent if _ends(plan) <= moment]
    if over:
        return sorted(over, key=lambda plan: (plan.as_of, plan.plan_id))[-_MOST_PLANS:]
    if not sent:
        return "There is no past experiment to learn from."
    first = min(_ends(plan) for plan in sent)
    return f"The window of what was sent before ends on {first:%Y-%m-%d}; a plan made after that can learn from it."


def _ends(plan: Plan) -> datetime:
    return plan.starts_at + timedelta(days=plan.summary["window_days"])


def _lag(plan: Plan) -> float:
    """Days from the plan's moment to its first message; outcomes are counted from the former on."""
    return max(0.0, (plan.starts_at - plan.as_of) / timedelta(days=1))


def read_past(
    stores: Stores,
    sources: Sequence[Source],
    keys: Sequence[str],
    *,
    half_life: timedelta | None = None,
    members: Callable[[ReadExperiment], Mapping[str, NDArray[np.bool_]]] | None = None,
    now: datetime,
    seed: int,
) -> Pooled:
    """The experiments together, with only these arms; a sample where there are too many people.

    Features are those of each experiment's own moment, or of before the first wave of the campaign that drew the person, coded as of the newest.

    Args:
        stores: The workspace.
        sources: The experiments.
        keys: The arms, as the campaign's actions are called.
        half_life: What is so much older than the newest counts half; None: all count alike.
        members: Gives the members of an experiment for policies that are rules, as of its own moment.
        now: Nothing from this moment on is seen.
        seed: Of the sample.

    Raises:
        DecideError: None of them can be learnt from, as the one says that was read first.
    """
    found: list[Part] = []
    faults: list[DecideError] = []
    words: list[str] = []
    for source in reversed(sources):
        try:
            read = read_experiment(
                stores,
                source.experiment,
                now=now,
                horizon_days=source.days,
                plan_id=source.plan_id,
                coding=found[0].read.coding if found else None,
            )
            read = of_actions(read, keys)
            if members is not None:
                read = replace(read, data=replace(read.data, members=members(read)))
            found.append(Part(source.name, read))
        except DecideError as fault:
            faults.append(fault)
            words.append(f"Nothing could be learnt from '{source.name}': {fault}")
    if not found:
        raise faults[0]
    together = pooled(found, half_life=half_life)
    data = together.read.data
    read = replace(together.read, data=replace(data, cautions=(*data.cautions, *words)))
    return replace(together, read=_sampled(read, seed))


def _sampled(read: ReadExperiment, seed: int) -> ReadExperiment:
    size = len(read.data)
    if size <= MOST_LEARNT:
        return read
    rows = np.sort(np.random.default_rng(seed).choice(size, MOST_LEARNT, replace=False))
    read = read.take(rows)
    words = f"Of {size:,} people a sample of {MOST_LEARNT:,} was learnt from."
    return replace(read, data=replace(read.data, cautions=(*read.data.cautions, words)))
