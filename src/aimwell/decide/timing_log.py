"""Who was written to at which time, as an experiment of its own: `spring:timing` beside `spring`.

Its arms are the stated time (the control) and the predicted one. In it are those who got a message and for whom both were possible, so that
chance alone, with a probability that is known, decided between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aimwell.decide.model import Place, Plan
from aimwell.decide.uplift.assigned import CONTROL

__all__ = ["PREDICTED", "sibling", "timing_assignment", "timing_experiment"]

PREDICTED = "predicted-time"
"""The arm of those who were written to at the time at which they act."""

_MARK = ":timing"
_ARMS: Mapping[str | None, str] = {"own": PREDICTED, "everybody": PREDICTED, "held": CONTROL}


def timing_experiment(campaign: str) -> str:
    """The name under which a campaign's times are assigned; no campaign can have it."""
    return f"{campaign}{_MARK}"


def sibling(experiment: str) -> str:
    """Of a campaign the experiment of its times, and the other way round."""
    plain = experiment.removesuffix(_MARK)
    return plain if plain != experiment else timing_experiment(experiment)


def timing_assignment(plan: Plan, place: Place, now: datetime) -> dict[str, Any] | None:
    """A row of assignments for somebody of the plan; None for whom chance did not decide, or could not."""
    arm, held = _ARMS.get(place.timing), plan.document["timing"]["test"]
    if arm is None or not 0 < held < 1:
        return None
    return {
        "experiment": timing_experiment(plan.campaign),
        "plan_id": plan.plan_id,
        "origin_id": place.origin_id,
        "arm": arm,
        "action": None if arm == CONTROL else arm,
        "variant": None,
        "bucket": None,
        "probability": held if arm == CONTROL else 1 - held,
        "assigned_at": plan.as_of,
        "source": "aimwell",
        "load_id": None,
        "received_at": now,
    }
