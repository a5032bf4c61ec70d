"""Arms by hash: who is held out and which of the allowed actions a person gets, stable and with its probability.

Three independent draws come from three salts of one hash: the holdout, the action, the content variant. The
same person under the same salt always gets the same, on every engine and in every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from aimwell.decide.model import Candidate
from aimwell.stats.buckets import BUCKETS, bucket

T = TypeVar("T")

__all__ = ["Draw", "draw", "holdout_bucket"]


@dataclass(frozen=True)
class Draw:
    """What one person got; `action` and `variant` are None for the held-out."""

    bucket: int
    action: Candidate | None
    variant: str | None
    probability: float


def holdout_bucket(salt: str, origin: str) -> int:
    """The bucket, 0…9999, that decides whether the origin is held out."""
    return bucket(salt, origin)


def draw(salt: str, origin: str, *, holdout: float, allowed: Sequence[Candidate]) -> Draw:
    """The arm of one origin.

    Args:
        salt: The campaign's salt.
        origin: The origin whose hash decides.
        holdout: Share that is held out, 0 to 1; buckets below `round(holdout · 10000)`.
        allowed: Actions that this person may get, at least one.
    """
    place = holdout_bucket(salt, origin)
    held = round(holdout * BUCKETS)
    if place < held:
        return Draw(place, None, None, held / BUCKETS)
    action, share = _pick(f"{salt}:action", origin, [(a, a.weight) for a in allowed])
    variant, variant_share = _pick(f"{salt}:variant:{action.key}", origin, list(action.variants))
    return Draw(place, action, variant, (1 - held / BUCKETS) * share * variant_share)


def _pick(salt: str, origin: str, choices: Sequence[tuple[T, float]]) -> tuple[T, float]:
    """The choice on which the bucket falls, and its exact probability (limits are whole buckets)."""
    total = sum(weight for _choice, weight in choices)
    place, reached, before = bucket(salt, origin), 0.0, 0
    for choice, weight in choices:
        reached += weight
        limit = round(reached / total * BUCKETS)
        if place < limit:
            return choice, (limit - before) / BUCKETS
        before = limit
    raise AssertionError("the last limit is the number of buckets")  # pragma: no cover
