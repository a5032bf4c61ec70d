"""Who was written to at which time, as an experiment of its own: `spring:timing` beside `spring`.

Its arms are the stated time (the control), the predicted one and, where the campaign asks for it, a random hour. In it are those who got a
message and for whom all were possible, so that chance alone, with probabilities that are known, decided between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aimwell.decide.model import Place, Plan
from aimwell.decide.uplift.assigned import CONTROL

__all__ = ["PREDICTED", "RANDOM", "sibling", "timing_assignment", "timing_experiment"]

PREDICTED = "predicted-time"
"""The arm of those who were written to at the time at which they act."""

RANDOM = "random-time"
"""The arm of those who were written to at a random hour."""

_MARK = ":timing"
_ARMS: Mapping[str | None, str] = {
    "own": PREDICTED,
    "everybody": PREDICTED,
    "held": CONTROL,
    "random": RANDOM,
}


def timing_experiment(campaign: str) -> str:
    """The name under which a campaign's times are assigned; no campaign can have it."""
    return f"{campaign}{_MARK}"


def sibling(experiment: str) -> str:
    """Of a campaign the experiment of its times, and the other way round."""
    plain = experiment.removesuffix(_MARK)
    return plain if plain != experiment else timing_experiment(experiment)


def timing_assignment(plan: Plan, place: Place, now: datetime) -> dict[str, Any] | None:
    """A row of assignments for somebody of the plan; None for whom chance did not decide, or could not."""
    timing = plan.document["timing"]
    arm, held = _ARMS.get(place.timing), timing["test"]
    if arm is None or not 0 < held < 1:
        return None
    # Plans that were made before there were random hours do not name their share.
    random = timing.get("random", 0.0)
    shares = {CONTROL: held, RANDOM: random, PREDICTED: 1 - held - random}
    return {
        "experiment": timing_experiment(plan.campaign),
        "plan_id": plan.plan_id,
        "origin_id": place.origin_id,
        "arm": arm,
        "action": None if arm == CONTROL else arm,
        "variant": None,
        "bucket": None,
        "probability": shares[arm],
        "choice": None,
        "assigned_at": plan.as_of,
        "source": "aimwell",
        "load_id": None,
        "received_at": now,
    }
