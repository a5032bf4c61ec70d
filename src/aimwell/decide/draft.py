"""The pure part of planning: from an audience to a place for each person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.arms import Drawn, by_weight, draw
from aimwell.decide.model import Candidate
from aimwell.decide.people import ALLOWED, CONTROL, EXCLUDED, TREATMENT, PlanPeople
from aimwell.stats.buckets import buckets

__all__ = ["draft", "within_budget", "within_limit"]

Choose = Callable[[NDArray[np.intp], NDArray[np.bool_]], NDArray[np.float64]]
"""From who may be contacted (their places in the audience) and what each may get to the actions' probabilities."""


def draft(
    audience: Sequence[str],
    *,
    candidates: Sequence[Candidate],
    salt: str,
    holdout: float,
    budget: float | None,
    refusals: NDArray[np.int8],
    send_at: NDArray[np.datetime64],
    kept: Mapping[str, str],
    choose: Choose | None = None,
    clusters: Mapping[str, str] | None = None,
) -> PlanPeople:
    """A place for each person of the audience, in the order given.

    The budget is met *before* the arms are drawn, by the same hash for everybody, so that the treated and the
    held-out still come from one population.

    Args:
        audience: Profile ids.
        candidates: The campaign's actions.
        salt: Decides holdout, action and variant.
        holdout: Share held out.
        budget: Contact cost at most; None: no limit.
        refusals: Why a person must not get an action (people × actions): code of the reason, or ALLOWED.
        send_at: When a message to each person is due.
        kept: Profile → origin of an earlier assignment in this campaign; its hash decides again, so the arm
            stays though the person has been merged since.
        clusters: Profile → the group whose hash decides in place of the person's; who has none decides alone.
        choose: How likely each action is; default: by weight among the allowed.
    """
    origins = [kept.get(profile, profile) for profile in audience] if kept else audience
    keys = origins
    if clusters is not None:
        keys = [clusters.get(who, own) for who, own in zip(audience, origins, strict=True)]
    allowed = refusals == ALLOWED
    reachable = np.flatnonzero(allowed.any(axis=1))
    some = allowed[reachable]
    drawn = draw(
        salt,
        [keys[i] for i in reachable.tolist()],
        holdout=holdout,
        candidates=candidates,
        probabilities=by_weight(some, candidates) if choose is None else choose(reachable, some),
    )
    people = _placed(audience, origins, keys, candidates, salt, refusals, send_at, reachable, drawn)
    return people if budget is None else within_budget(people, salt=salt, budget=budget)


def _placed(
    audience: Sequence[str],
    origins: Sequence[str],
    keys: Sequence[str],
    candidates: Sequence[Candidate],
    salt: str,
    refusals: NDArray[np.int8],
    send_at: NDArray[np.datetime64],
    reachable: NDArray[np.intp],
    drawn: Drawn,
) -> PlanPeople:
    size = len(audience)
    arm = np.full(size, EXCLUDED, dtype=np.int8)
    arm[reachable] = np.where(drawn.held, CONTROL, TREATMENT)
    excluded = refusals.min(axis=1).astype(np.int8)
    excluded[reachable] = ALLOWED
    bucket = np.empty(size, dtype=np.int64)
    bucket[reachable] = drawn.bucket
    refused = np.flatnonzero(arm == EXCLUDED)
    bucket[refused] = buckets(salt, (keys[i] for i in refused.tolist()))
    action, variant = (np.full(size, -1, dtype=np.int16) for _ in range(2))
    action[reachable], variant[reachable] = drawn.action, drawn.variant
    probability = np.full(size, np.nan)
    probability[reachable] = drawn.probability
    due = np.where(action >= 0, send_at.astype("datetime64[us]"), np.datetime64("NaT", "us"))
    return PlanPeople(
        candidates=tuple(candidates),
        profile_id=audience,
        origin_id=origins,
        bucket=bucket,
        arm=arm,
        excluded=excluded,
        action=action,
        variant=variant,
        probability=probability,
        send_at=due,
    )


def within_budget(people: PlanPeople, *, salt: str, budget: float) -> PlanPeople:
    """The same people, with those excluded for 'budget' whom it does not reach."""
    # Tolerates the rounding of a sum of many small costs, and nothing more.
    return within_limit(
        people, salt=salt, taken=people.cost, limit=budget * (1 + 1e-12), reason="budget"
    )


def within_limit(
    people: PlanPeople, *, salt: str, taken: NDArray[np.float64], limit: float, reason: str
) -> PlanPeople:
    """The same people, with those excluded whom something limited does not reach.

    People are taken in the order of a hash of their own until the next treated one would take too much; who
    comes later is excluded, whatever the arm, so that the arms stay alike.

    Args:
        taken: What each person takes of it; 0 for who is not treated.
    """
    if taken.sum() <= limit:
        return people
    who = np.flatnonzero(people.arm != EXCLUDED)
    origins = [people.origin_id[i] for i in who.tolist()]
    hashed = pa.table(
        {"bucket": buckets(f"{salt}:budget", origins), "origin": pa.array(origins, pa.string())}
    )
    order = who[
        pc.sort_indices(hashed, [("bucket", "ascending"), ("origin", "ascending")]).to_numpy()
    ]
    over = np.flatnonzero(np.cumsum(taken[order]) > limit)
    return people if not over.size else people.excluding(order[over[0] :], reason)
