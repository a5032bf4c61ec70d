"""Arms by hash: who is held out and which of the allowed actions a person gets, stable and with its probability.

Three independent draws come from three salts of one hash: the holdout, the action, the content variant. The
same person under the same salt always gets the same, on every engine and in every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.model import Candidate
from aimwell.errors import DecideError
from aimwell.stats.buckets import BUCKETS, bucket, buckets

__all__ = ["Drawn", "by_weight", "draw", "holdout_bucket"]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Drawn:
    """What each person got, one entry a person.

    Attributes:
        bucket: 0…9999, decides the holdout.
        held: Who is held out.
        action, variant: Index of the action and of its variant; −1 for the held-out and for who gets nothing.
        probability: Of just that.
    """

    bucket: NDArray[np.int64]
    held: NDArray[np.bool_]
    action: NDArray[np.int16]
    variant: NDArray[np.int16]
    probability: NDArray[np.float64]


def holdout_bucket(salt: str, origin: str) -> int:
    """The bucket, 0…9999, that decides whether the origin is held out."""
    return bucket(salt, origin)


def by_weight(allowed: NDArray[np.bool_], candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """Probabilities of the actions (people × actions) where nothing better is known: by weight among the allowed."""
    weights = np.where(allowed, np.array([c.weight for c in candidates], dtype=np.float64), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.zeros_like(weights)
    np.divide(weights, total, out=shares, where=total > 0)
    return shares


def draw(
    salt: str,
    origins: Sequence[str],
    *,
    holdout: float,
    candidates: Sequence[Candidate],
    probabilities: NDArray[np.float64],
) -> Drawn:
    """The arm of each origin.

    Args:
        salt: The campaign's salt.
        origins: The origins whose hash decides.
        holdout: Share that is held out, 0 to 1; buckets below `round(holdout · 10000)`.
        candidates: The actions.
        probabilities: Of each action for each origin that is not held out (origins × actions); what is missing to 1
            is the probability of nothing. They are rounded to whole buckets, and what is returned is exact.

    Raises:
        DecideError: Probabilities are negative, no numbers, or add up to more than 1.
    """
    _check(probabilities, len(origins), len(candidates))
    place = buckets(salt, origins)
    below = round(holdout * BUCKETS)
    held = place < below
    action, share = _pick(buckets(f"{salt}:action", origins), probabilities)
    variant, variant_share = _variants(salt, origins, candidates, np.where(held, -1, action))
    return Drawn(
        bucket=place,
        held=held,
        action=np.where(held, -1, action).astype(np.int16),
        variant=variant,
        probability=np.where(held, below / BUCKETS, (1 - below / BUCKETS) * share * variant_share),
    )


def _check(probabilities: NDArray[np.float64], people: int, actions: int) -> None:
    if probabilities.shape != (people, actions):
        raise DecideError(
            f"The probabilities have the shape {probabilities.shape}; there are {people:,} people and {actions} actions."
        )
    bad = ~np.isfinite(probabilities) | (probabilities < 0)
    if bad.any():
        person, action = np.argwhere(bad)[0]
        raise DecideError(
            f"The probability of action {action} for person {person} is {probabilities[person, action]}; "
            "it must be a number from 0 to 1."
        )
    total = probabilities.sum(axis=1)
    if people and total.max() > 1 + _ROUNDING:
        person = int(total.argmax())
        raise DecideError(
            f"The probabilities of person {person} add up to {total[person]:.6g}; at most 1 is possible."
        )


def _pick(
    place: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """The action on whose buckets each place falls (−1: past them all), and its exact probability."""
    limits = np.round(np.cumsum(probabilities, axis=1) * BUCKETS).astype(np.int64)
    reached = (place[:, None] >= limits).sum(axis=1)
    padded = np.concatenate(
        [np.zeros_like(limits[:, :1]), limits, np.full_like(limits[:, :1], BUCKETS)], axis=1
    )
    width = np.diff(padded, axis=1)
    share = np.take_along_axis(width, reached[:, None], axis=1)[:, 0] / BUCKETS
    action = np.where(reached == probabilities.shape[1], -1, reached)
    return action.astype(np.int16), share


def _variants(
    salt: str, origins: Sequence[str], candidates: Sequence[Candidate], action: NDArray[np.int64]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    variant = np.full(len(origins), -1, dtype=np.int16)
    share = np.ones(len(origins))
    for number, candidate in enumerate(candidates):
        who = np.flatnonzero(action == number)
        weights = np.array([weight for _name, weight in candidate.variants], dtype=np.float64)
        chances = np.broadcast_to(weights / weights.sum(), (who.size, weights.size))
        place = buckets(f"{salt}:variant:{candidate.key}", (origins[i] for i in who.tolist()))
        variant[who], share[who] = _pick(place, chances)
    return variant, share
