"""Which past experiments a campaign learns from: its own earlier plans whose windows are over, other campaigns', imported ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.decide.pooling import Part, Pooled, of_actions, pooled
from aimwell.decide.stored import list_plans
from aimwell.decide.uplift.reading import ReadExperiment, read_experiment
from aimwell.errors import DecideError
from aimwell.store.stores import Stores

__all__ = ["MOST_LEARNT", "Source", "past_sources", "read_past"]

MOST_LEARNT = 200_000
"""More people than these are not learnt from: a sample of so many, by the seed, tells as well."""
_MOST_PLANS = 5


@dataclass(frozen=True)
class Source:
    """One past experiment: what it assigned lies under `experiment`, of a plan of our own with its id."""

    experiment: str
    plan_id: str | None
    days: float

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
    stores: Stores, parts: CampaignParts, sources: Sequence[Source], *, now: datetime, seed: int
) -> Pooled:
    """The experiments together, with only the campaign's actions; a sample where there are too many people.

    Features are those of each experiment's own moment, coded as of the newest.

    Raises:
        DecideError: None of them can be learnt from, as the one says that was read first.
    """
    keys = tuple(action.key for action in parts.campaign.actions)
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
            found.append(Part(source.name, of_actions(read, keys)))
        except DecideError as fault:
            faults.append(fault)
            words.append(f"Nothing could be learnt from '{source.name}': {fault}")
    if not found:
        raise faults[0]
    together = pooled(found, half_life=parts.campaign.policy.half_life)
    data = together.read.data
    read = replace(together.read, data=replace(data, cautions=(*data.cautions, *words)))
    return replace(together, read=_sampled(read, seed))


def _sampled(read: ReadExperiment, seed: int) -> ReadExperiment:
    size = len(read.data)
    if size <= MOST_LEARNT:
        return read
    rows = np.sort(np.random.default_rng(seed).choice(size, MOST_LEARNT, replace=False))
    data = read.data.take(rows)
    words = f"Of {size:,} people a sample of {MOST_LEARNT:,} was learnt from."
    return replace(
        read,
        data=replace(data, cautions=(*data.cautions, words)),
        profiles=read.profiles.take(pa.array(rows)),
    )
