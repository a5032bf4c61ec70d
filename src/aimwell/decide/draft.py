"""The pure part of planning: from an audience to a place for each person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aimwell.decide.arms import Draw, draw, holdout_bucket
from aimwell.decide.eligibility import Verdict
from aimwell.decide.model import Candidate, Place
from aimwell.stats.buckets import bucket

__all__ = ["draft", "within_budget"]


def draft(
    audience: Sequence[str],
    *,
    salt: str,
    holdout: float,
    budget: float | None,
    verdict: Callable[[str], Verdict],
    due: Callable[[str, Candidate], datetime],
    kept: Mapping[str, str],
) -> list[Place]:
    """A place for each person of the audience, in the order given.

    The budget is met *before* the arms are drawn, by the same hash for everybody, so that the treated and the
    held-out still come from one population.

    Args:
        audience: Profile ids.
        salt: Decides holdout, action and variant.
        holdout: Share held out.
        budget: Contact cost at most; None: no limit.
        verdict: Which actions a person may get.
        due: When the message to a person is due.
        kept: Profile → origin of an earlier assignment in this campaign; its hash decides again, so the arm
            stays though the person has been merged since.
    """
    places: list[Place] = []
    for profile in audience:
        origin = kept.get(profile, profile)
        judged = verdict(profile)
        if judged.excluded is not None:
            places.append(
                Place(
                    profile,
                    origin,
                    holdout_bucket(salt, origin),
                    "excluded",
                    excluded=judged.excluded,
                )
            )
            continue
        drawn = draw(salt, origin, holdout=holdout, allowed=judged.allowed)
        places.append(_place(profile, origin, drawn))
    if budget is not None:
        places = within_budget(places, salt=salt, budget=budget)
    return [
        _with_due(place, verdict, due) if place.arm == "treatment" else place for place in places
    ]


def _place(profile: str, origin: str, drawn: Draw) -> Place:
    if drawn.action is None:
        return Place(profile, origin, drawn.bucket, "control", probability=drawn.probability)
    return Place(
        profile,
        origin,
        drawn.bucket,
        "treatment",
        action=drawn.action.key,
        variant=drawn.variant,
        probability=drawn.probability,
        cost=drawn.action.cost,
    )


def _with_due(
    place: Place, verdict: Callable[[str], Verdict], due: Callable[[str, Candidate], datetime]
) -> Place:
    action = next(a for a in verdict(place.profile_id).allowed if a.key == place.action)
    return replace(place, send_at=due(place.profile_id, action))


def within_budget(places: Sequence[Place], *, salt: str, budget: float) -> list[Place]:
    """The places with those set to 'excluded: budget' that the budget does not reach.

    People are taken in the order of a hash of their own until the next treated one would cost too much; who
    comes later is excluded, whatever the arm.
    """
    order = sorted(
        (index for index, place in enumerate(places) if place.arm != "excluded"),
        key=lambda index: (
            bucket(f"{salt}:budget", places[index].origin_id),
            places[index].origin_id,
        ),
    )
    spent, result, full = 0.0, list(places), False
    for index in order:
        place = places[index]
        cost = place.cost or 0.0
        # Tolerates the rounding of a sum of many small costs, and nothing more.
        full = full or spent + cost > budget * (1 + 1e-12)
        if full:
            result[index] = Place(
                place.profile_id, place.origin_id, place.bucket, "excluded", excluded="budget"
            )
        else:
            spent += cost
    return result
