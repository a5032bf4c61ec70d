"""Arms by hash: who is held out and which of the allowed actions a person gets, stable and with its probability.

Independent draws come from salts of one hash: the holdout, who explores, the action, the content variant. The
same person under the same salt always gets the same, on every engine and in every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.model import Candidate
from aimwell.errors import DecideError
from aimwell.stats.buckets import BUCKETS, bucket, buckets

__all__ = [
    "Drawn",
    "Hashed",
    "Tossed",
    "by_weight",
    "draw",
    "draw_chosen",
    "exact_shares",
    "holdout_bucket",
]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Drawn:
    """What each person got, one entry a person.

    Attributes:
        bucket: 0…9999, decides the holdout.
        held: Who is held out.
        action, variant: Index of the action and of its variant; −1 for the held-out and for who gets nothing.
        probability: Of just that; of none for the held-out and for who gets nothing.
    """

    bucket: NDArray[np.int64]
    held: NDArray[np.bool_]
    action: NDArray[np.int16]
    variant: NDArray[np.int16]
    probability: NDArray[np.float64]


class Hashed:
    """Origins with their buckets under each salt, hashed once however often arms are drawn for some of them."""

    def __init__(
        self, origins: Sequence[str], dealt: Callable[[str, Sequence[str]], Any] = buckets
    ) -> None:
        """`dealt` gives the buckets of all origins under a salt; default: by the hash alone."""
        self._origins = origins
        self._dealt = dealt
        self._who: NDArray[np.intp] | None = None
        self._known: dict[str, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return len(self._origins) if self._who is None else self._who.size

    def take(self, who: NDArray[np.intp]) -> Hashed:
        """Those at these places, with the same memory."""
        some = Hashed(self._origins, self._dealt)
        some._who = who if self._who is None else self._who[who]
        some._known = self._known
        return some

    def names(self) -> Sequence[str]:
        """The origins themselves."""
        return (
            self._origins if self._who is None else [self._origins[i] for i in self._who.tolist()]
        )

    def buckets(self, salt: str) -> NDArray[np.int64]:
        """Their buckets, 0…9999."""
        if salt not in self._known:
            self._known[salt] = self._dealt(salt, self._origins)
        return self._known[salt] if self._who is None else self._known[salt][self._who]


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
    origins: Hashed,
    *,
    holdout: float,
    candidates: Sequence[Candidate],
    probabilities: NDArray[np.float64],
    anew: str = "",
) -> Drawn:
    """The arm of each origin.

    Args:
        salt: The campaign's salt.
        origins: The origins whose hash decides.
        holdout: Share that is held out, 0 to 1; buckets below `round(holdout · 10000)`.
        candidates: The actions.
        probabilities: Of each action for each origin that is not held out (origins × actions); what is missing to 1
            is the probability of nothing. They are rounded to whole buckets, and what is returned is exact.
        anew: Deals actions out independently of draws under another name; who is held out stays.

    Raises:
        DecideError: Probabilities are negative, no numbers, or add up to more than 1.
    """
    _check(probabilities, len(origins), len(candidates))
    action, share = _pick(origins.buckets(f"{salt}:action{anew}"), probabilities)
    nothing = 1.0 - exact_shares(probabilities).sum(axis=1)
    place = origins.buckets(salt)
    return _drawn(salt, origins, holdout, candidates, place, action, share, nothing)


def draw_chosen(
    salt: str,
    origins: Hashed,
    *,
    holdout: float,
    candidates: Sequence[Candidate],
    weights: NDArray[np.float64],
    explore: float,
    choose: Callable[[Tossed], NDArray[np.int32]],
    anew: str = "",
) -> Drawn:
    """The arm of each origin where a policy chooses and a share of the people gets a random action all the same.

    Who explores is decided by a hash of its own. The probability of an action is
    (1 − h) · ((1 − e) · [it is the choice] + e · weight), of none h + (1 − h) · (1 − e) · [nothing is the choice], with h and e
    as rounded to whole buckets: exact, and above 0 for every allowed action.

    Args:
        weights: Probability of each action for who explores (origins × actions).
        explore: Share who explore, 0 to 1.
        choose: The policy's choice for everybody (−1: nothing), told who is held out and who explores what, since that uses
            up budget and stock.
        anew: As in `draw`, also of who explores.
    """
    _check(weights, len(origins), len(candidates))
    place = origins.buckets(salt)
    edge = _below(explore)
    explorer = origins.buckets(f"{salt}:explore{anew}") < edge
    random, _share = _pick(origins.buckets(f"{salt}:action{anew}"), weights)
    choice = np.asarray(choose(Tossed(place < _below(holdout), explorer, random)), dtype=np.int16)
    action = np.where(explorer, random, choice).astype(np.int16)
    share = edge / BUCKETS
    who = np.arange(len(origins))
    by_chance = np.where(action >= 0, exact_shares(weights)[who, action], 0.0)
    chance = (1 - share) * (choice == action) + share * by_chance
    nothing = (1 - share) * (choice < 0)
    return _drawn(salt, origins, holdout, candidates, place, action, chance, nothing)


@dataclass(frozen=True, eq=False)
class Tossed:
    """What chance decided before a policy chooses, one entry a person: `action` is what they get if they explore."""

    held: NDArray[np.bool_]
    explorer: NDArray[np.bool_]
    action: NDArray[np.int16]


def _below(share: float) -> int:
    return round(share * BUCKETS)


def _drawn(
    salt: str,
    origins: Hashed,
    holdout: float,
    candidates: Sequence[Candidate],
    place: NDArray[np.int64],
    action: NDArray[np.int16],
    chance: NDArray[np.floating[Any]],
    nothing: NDArray[np.floating[Any]],
) -> Drawn:
    """With `chance` of the action and `nothing` the chance of none, both of those who are not held out."""
    held = place < _below(holdout)
    got = np.where(held, -1, action)
    variant, of_variant = _variants(salt, origins, candidates, got)
    out = _below(holdout) / BUCKETS
    return Drawn(
        bucket=place,
        held=held,
        action=got.astype(np.int16),
        variant=variant,
        probability=np.where(got < 0, out + (1 - out) * nothing, (1 - out) * chance * of_variant),
    )


def exact_shares(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities as they are drawn: rounded to whole buckets."""
    limits = np.round(np.cumsum(probabilities, axis=1) * BUCKETS)
    return np.asarray(np.diff(limits, axis=1, prepend=0.0) / BUCKETS, dtype=np.float64)


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
    salt: str, origins: Hashed, candidates: Sequence[Candidate], action: NDArray[np.int64]
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    variant = np.full(len(origins), -1, dtype=np.int16)
    share = np.ones(len(origins))
    for number, candidate in enumerate(candidates):
        who = np.flatnonzero(action == number)
        if len(candidate.variants) == 1:
            variant[who] = 0
            continue
        weights = np.array([weight for _name, weight in candidate.variants], dtype=np.float64)
        chances = np.broadcast_to(weights / weights.sum(), (who.size, weights.size))
        place = buckets(f"{salt}:variant:{candidate.key}", origins.take(who).names())
        variant[who], share[who] = _pick(place, chances)
    return variant, share
