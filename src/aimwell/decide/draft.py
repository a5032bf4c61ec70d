"""The pure part of planning: from an audience to a place for each person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.arms import Drawn, Hashed, Tossed, by_weight, draw, draw_chosen
from aimwell.decide.model import Candidate
from aimwell.decide.people import ALLOWED, CONTROL, EXCLUDED, PASSED, TREATMENT, PlanPeople
from aimwell.stats.buckets import buckets

__all__ = ["Chances", "Chooser", "draft", "hash_order"]


@dataclass(frozen=True)
class Chooser:
    """A policy: what it chooses for each of those who may be contacted, and which share gets a random action all the same.

    `choose` is told their places in the audience, what each may get, and what chance decided before; it gives an action's
    index, or −1 for nothing. `anew` as in `arms.draw`.
    """

    explore: float
    choose: Callable[[NDArray[np.intp], NDArray[np.bool_], Tossed], NDArray[np.int32]]
    anew: str = ""


@dataclass(frozen=True)
class Chances:
    """Probabilities of the actions (people × actions; what is missing to 1 is that of nothing) for people, by their places in the
    audience, and what they may get."""

    of: Callable[[NDArray[np.intp], NDArray[np.bool_]], NDArray[np.float64]]
    anew: str = ""


def draft(
    audience: Sequence[str],
    *,
    candidates: Sequence[Candidate],
    salt: str,
    holdout: float,
    refusals: NDArray[np.int8],
    send_at: NDArray[np.datetime64],
    kept: Mapping[str, str],
    policy: Chooser | Chances | None = None,
    hashed: Hashed | None = None,
) -> PlanPeople:
    """A place for each person of the audience, in the order given.

    Args:
        audience: Profile ids.
        candidates: The campaign's actions.
        salt: Decides holdout, action and variant.
        holdout: Share held out.
        refusals: Why a person must not get an action (people × actions): code of the reason, or ALLOWED.
        send_at: When a message to each person is due.
        kept: Profile → origin of an earlier assignment in this campaign; its hash decides again, so the arm
            stays though the person has been merged since.
        policy: Chooses for each person, or says with which chances an action is drawn; default: by weight among the allowed. Whom
            it gives nothing is PASSED.
        hashed: Whose hash decides, where that is not the origin but its group, or where a draft was made before.
    """
    origins = [kept.get(profile, profile) for profile in audience] if kept else audience
    allowed = refusals == ALLOWED
    reachable = np.flatnonzero(allowed.any(axis=1))
    some = allowed[reachable]
    hashed = hashed or Hashed(origins)
    names = hashed.take(reachable)
    if not isinstance(policy, Chooser):
        drawn = draw(
            salt,
            names,
            holdout=holdout,
            candidates=candidates,
            probabilities=by_weight(some, candidates)
            if policy is None
            else policy.of(reachable, some),
            anew="" if policy is None else policy.anew,
        )
    else:
        drawn = draw_chosen(
            salt,
            names,
            holdout=holdout,
            candidates=candidates,
            weights=by_weight(some, candidates),
            explore=policy.explore,
            choose=lambda tossed: policy.choose(reachable, some, tossed),
            anew=policy.anew,
        )
    return _placed(audience, origins, candidates, hashed, salt, refusals, send_at, reachable, drawn)


def _placed(
    audience: Sequence[str],
    origins: Sequence[str],
    candidates: Sequence[Candidate],
    hashed: Hashed,
    salt: str,
    refusals: NDArray[np.int8],
    send_at: NDArray[np.datetime64],
    reachable: NDArray[np.intp],
    drawn: Drawn,
) -> PlanPeople:
    size = len(audience)
    arm = np.full(size, EXCLUDED, dtype=np.int8)
    arm[reachable] = np.where(drawn.held, CONTROL, np.where(drawn.action < 0, PASSED, TREATMENT))
    excluded = refusals.min(axis=1).astype(np.int8)
    excluded[reachable] = ALLOWED
    bucket = np.empty(size, dtype=np.int64)
    bucket[reachable] = drawn.bucket
    refused = np.flatnonzero(arm == EXCLUDED)
    bucket[refused] = hashed.take(refused).buckets(salt)
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


def hash_order(salt: str, origins: Sequence[str]) -> NDArray[np.int64]:
    """The places of the origins in an order that hangs on nothing but a hash."""
    hashed = pa.table({"bucket": buckets(salt, origins), "origin": pa.array(origins, pa.string())})
    order = pc.sort_indices(hashed, [("bucket", "ascending"), ("origin", "ascending")])
    return np.asarray(order.to_numpy(), dtype=np.int64)
