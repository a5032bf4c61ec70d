"""From an experiment to the campaign that runs it, how large it must be, and the campaign after its winner is known."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.definitions.kinds.campaign import Action, Campaign
from aimwell.definitions.kinds.experiment import Experiment
from aimwell.errors import DecideError
from aimwell.stats.buckets import BUCKETS, buckets
from aimwell.stats.power import (
    DEFAULT_ALPHA,
    DEFAULT_POWER,
    mean_sample_size,
    proportion_sample_size,
)

__all__ = ["Needed", "campaign_of", "needed", "rolled_out", "takes_part"]


def campaign_of(experiment: Experiment, campaign: Campaign) -> Campaign:
    """The campaign that runs the experiment: the same audience, goal and limits, an action for each arm.

    Its name is the experiment's, and so is the salt, so its arms are drawn independently of other campaigns'.
    """
    first = campaign.actions[0]
    base: dict[str, Any] = {"channel": first.channel, "template": first.template}
    if first.offer is not None:
        base["offer"] = first.offer
    base |= {str(part): name for part, name in experiment.base.items()}
    # Where a factor varies the offer, a level without one means that there is none.
    base = {part: name for part, name in base.items() if part not in experiment.varied}
    actions = [
        {**base, **arm.parts, "name": arm.name, "weight": arm.weight} for arm in experiment.arms()
    ]
    body = {
        **campaign.document(),
        "name": experiment.name,
        "description": experiment.description or campaign.description,
        "actions": actions,
        "experiment": experiment.name,
        "salt": None,
    }
    if experiment.holdout is not None:
        body["holdout"] = experiment.holdout
    if experiment.cluster is not None:
        body |= {"cluster": experiment.cluster, "stratify": ()}
    if experiment.stratify:
        body |= {"stratify": experiment.stratify, "cluster": experiment.cluster}
    if experiment.looks is not None:
        body["looks"] = experiment.looks.model_dump(mode="json", exclude_none=True)
    if experiment.share < 1:
        body["share"] = experiment.share
    return Campaign.model_validate(
        {name: value for name, value in body.items() if value is not None}
    )


def takes_part(campaign: Campaign, keys: list[str]) -> NDArray[np.bool_]:
    """Who takes part where a campaign reaches only a share of its audience, by a hash of their own."""
    salt = f"{campaign.salt or campaign.name}:share"
    taken: NDArray[np.bool_] = buckets(salt, keys) < round(campaign.share * BUCKETS)
    return taken


def rolled_out(campaign: Campaign, tried: Campaign, winner: str) -> Campaign:
    """The campaign with the winner of the experiment as its one action; the holdout stays, so its effect can be seen on.

    Raises:
        DecideError: The experiment has no such arm; names those that it has.
    """
    found = next((action for action in tried.actions if action.key == winner), None)
    if found is None:
        raise DecideError(
            f"The experiment '{tried.name}' has no arm '{winner}'. Its arms: "
            f"{', '.join(action.key for action in tried.actions)}."
        )
    action = Action(
        channel=found.channel, template=found.template, offer=found.offer, name=found.name
    )
    return Campaign.model_validate(
        {
            **campaign.document(),
            "actions": [action.model_dump(mode="json", exclude_none=True, exclude={"weight"})],
        }
    )


@dataclass(frozen=True, kw_only=True)
class Needed:
    """How many people an experiment needs, and how long that takes.

    Attributes:
        control, each_arm: People held out, and in each arm that is contacted.
        total: All together.
        days: Until the last outcome is in: the time to find the people (where they come day by day), and the window.
        alpha: Of each comparison: 0.05 divided by the number of arms (Bonferroni).
    """

    control: int
    each_arm: int
    total: int
    days: float | None
    alpha: float
    power: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def needed(
    *,
    base: float,
    lift: float,
    spread: float | None = None,
    arms: int = 1,
    holdout: float = 0.5,
    cluster_size: float = 1.0,
    alike: float = 0.0,
    per_day: float | None = None,
    window_days: float = 0.0,
    power: float = DEFAULT_POWER,
    alpha: float = DEFAULT_ALPHA,
) -> Needed:
    """People needed so that each arm's difference from the held-out is found with this power.

    Shares by Cohen's h, means by the noncentral t law (`stats.power`). With clusters of m people whose outcomes are
    alike with correlation ρ, all numbers grow by 1 + (m − 1) ρ (Kish 1965, Survey sampling, 8.2).

    Args:
        base: Rate (0–1) or mean of the held-out.
        lift: Smallest difference worth finding, in the same unit.
        spread: Standard deviation of the outcome; None: it is a rate.
        arms: Arms that are contacted, all of one size.
        holdout: Share held out, 0 to 1 (exclusive).
        cluster_size, alike: People a cluster, and the intra-cluster correlation.
        per_day: People who come into the audience a day; None: they are all there.

    Raises:
        DecideError: A share or number makes no sense.
        StatsError: Rates are equal, or not rates.
    """
    if not 0 < holdout < 1 or arms < 1 or cluster_size < 1 or not 0 <= alike <= 1:
        raise DecideError(
            f"A holdout of {holdout:g}, {arms} arms, clusters of {cluster_size:g} people alike by {alike:g} cannot be "
            "planned: the holdout lies between 0 and 1, arms and people a cluster are 1 or more, alike is 0 to 1."
        )
    if per_day is not None and per_day <= 0:
        raise DecideError(f"{per_day:g} people a day never make an experiment; give more than 0.")
    for name, value in (
        ("base", base),
        ("lift", lift),
        ("spread", spread),
        ("window", window_days),
    ):
        if value is not None and not math.isfinite(value):
            raise DecideError(f"The {name} is {value:g}; it must be a finite number.")
    each = alpha / arms
    ratio = (1 - holdout) / arms / holdout
    if spread is None:
        size = proportion_sample_size(
            treated_rate=base + lift,
            control_rate=base,
            power=power,
            alpha=each,
            treated_per_control=ratio,
        )
        method = "Cohen's h, two-sided z-test"
    elif spread > 0:
        size = mean_sample_size(lift / spread, power=power, alpha=each, treated_per_control=ratio)
        method = "Cohen's d, two-sided t-test"
    else:
        raise DecideError(f"A standard deviation of {spread:g} cannot be planned with.")
    more = 1 + (cluster_size - 1) * alike
    control = math.ceil(size.control * more)
    treated = math.ceil(size.treated * more)
    total = control + treated * arms
    return Needed(
        control=control,
        each_arm=treated,
        total=total,
        days=None if per_day is None else math.ceil(total / per_day) + window_days,
        alpha=each,
        power=power,
        method=method,
    )
