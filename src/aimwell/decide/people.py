"""The people of a plan as columns: a million of them are a few arrays, not a million records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.model import EXCLUSIONS, Candidate, Place

__all__ = [
    "ALLOWED",
    "CONTROL",
    "EXCLUDED",
    "NOTHING_WORD",
    "PASSED",
    "REASONS",
    "TIMINGS",
    "TREATMENT",
    "UNCHOSEN",
    "PlanPeople",
    "reason_code",
]

CONTROL, TREATMENT, EXCLUDED, PASSED = range(4)
_ARMS = ("control", "treatment", "excluded", "passed")
REASONS = tuple(EXCLUSIONS)
TIMINGS = ("stated", "own", "everybody", "held", "random")
"""By what somebody is due: the stated time, their own time, everybody's commonest, the stated one by chance although there is another,
or a random hour."""
ALLOWED = 0
"""The code of 'no reason against it'; reasons count from 1 in the order of EXCLUSIONS, so the least is the gravest."""
UNCHOSEN = -2
"""Of `choice`: the person is excluded; −1 is nothing, as in `action`."""
NOTHING_WORD = "nothing"
"""What `choice` says in the tables of a person to whom a policy gives no action."""
_CODES = {reason: number for number, reason in enumerate(REASONS, 1)}


def reason_code(reason: str | None) -> int:
    """The code of a reason; of None, `ALLOWED`."""
    return ALLOWED if reason is None else _CODES[reason]


@dataclass(frozen=True, eq=False)
class PlanPeople:
    """One entry a person in every column, in the order of the audience.

    Attributes:
        candidates: The campaign's actions, to which `action` counts.
        profile_id, origin_id: Who, and the origin whose hash decides.
        bucket: 0…9999, decides the holdout.
        arm: CONTROL, TREATMENT, EXCLUDED, or PASSED: not held out, but nothing was chosen for them.
        excluded: Code of the reason; ALLOWED where not excluded.
        action, variant: Index of the action, and of the variant among its variants; −1 for none.
        probability: Of getting just this action and variant, known before the draw; for who gets none that of getting
            none, held out or passed over; NaN for the excluded.
        send_at: When the message is due, UTC; NaT for none.
        expected_profit: What the action is expected to bring; NaN where nothing is known of it. None: of nobody.
        explored: Who got a random action so that the next plan can learn. None: nobody.
        choice: Index of the action that the policy's rule gives the person before chance decides who is held out and who explores;
            −1 where it gives none, UNCHOSEN for the excluded. None: no policy chose.
        timing: Code of TIMINGS; −1 for who gets no message. None: the campaign asks for no best time.
    """

    candidates: tuple[Candidate, ...]
    profile_id: Sequence[str]
    origin_id: Sequence[str]
    bucket: NDArray[np.int64]
    arm: NDArray[np.int8]
    excluded: NDArray[np.int8]
    action: NDArray[np.int16]
    variant: NDArray[np.int16]
    probability: NDArray[np.float64]
    send_at: NDArray[np.datetime64]
    expected_profit: NDArray[np.float64] | None = None
    explored: NDArray[np.bool_] | None = None
    choice: NDArray[np.int16] | None = None
    timing: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.profile_id)

    @property
    def cost(self) -> NDArray[np.float64]:
        """Contact cost of each person's action; 0 for none."""
        costs = np.array([*(c.cost for c in self.candidates), 0.0])
        return costs[self.action]

    def is_in(self, arm: int) -> NDArray[np.bool_]:
        """Who is in the arm."""
        found: NDArray[np.bool_] = self.arm == arm
        return found

    def count(self, arm: int) -> int:
        """How many are in the arm."""
        return int(np.count_nonzero(self.arm == arm))

    def reasons(self) -> dict[str, int]:
        """Reason → people excluded for it, in the order of EXCLUSIONS."""
        counts = np.bincount(self.excluded[self.is_in(EXCLUDED)], minlength=len(REASONS) + 1)
        return {r: int(n) for r, n in zip(REASONS, counts[1:], strict=True) if n}

    def variants(self, action: int) -> dict[str, int]:
        """Variant → people who get it, of one action."""
        counted = np.bincount(self.variant[self.action == action])
        names = [name for name, _weight in self.candidates[action].variants]
        return dict(sorted((names[v], int(n)) for v, n in enumerate(counted) if n))

    def places(self, start: int = 0, stop: int | None = None) -> Iterator[Place]:
        """The people as records, for what handles a few at a time."""
        return (Place(**row) for row in self.rows(start, stop))

    def rows(self, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """The people as rows of the table plan_people, without the plan's id."""
        columns = self.columns(start, stop)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def columns(self, start: int = 0, stop: int | None = None) -> dict[str, list[Any]]:
        """The people as columns of the table plan_people, without the plan's id."""
        part = slice(start, len(self) if stop is None else stop)
        action, variant = self.action[part], self.variant[part]
        arm = self.arm[part]
        keys = [*(c.key for c in self.candidates), None]
        costs = [*(c.cost for c in self.candidates), None]
        names = [*([name for name, _weight in c.variants] for c in self.candidates), [None]]
        moments: dict[int, datetime | None] = {
            int(value): datetime.fromtimestamp(int(value) / 1e6, UTC)
            for value in np.unique(self.send_at[part].view(np.int64))
            if value != _NEVER
        }
        return {
            "profile_id": list(self.profile_id[part]),
            "origin_id": list(self.origin_id[part]),
            "bucket": self.bucket[part].tolist(),
            "arm": [_ARMS[one] for one in arm.tolist()],
            "excluded": [
                REASONS[reason - 1] if one == EXCLUDED else None
                for one, reason in zip(arm.tolist(), self.excluded[part].tolist(), strict=True)
            ],
            "action": [keys[one] for one in action.tolist()],
            "variant": [
                names[one][number]
                for one, number in zip(action.tolist(), variant.tolist(), strict=True)
            ],
            "probability": [
                None if one == EXCLUDED else chance
                for one, chance in zip(arm.tolist(), self.probability[part].tolist(), strict=True)
            ],
            "cost": [costs[one] for one in action.tolist()],
            "send_at": [moments.get(one) for one in self.send_at[part].view(np.int64).tolist()],
            "expected_profit": self._profits(part, len(arm)),
            "explored": [False] * len(arm)
            if self.explored is None
            else self.explored[part].tolist(),
            "choice": self._choices(part, len(arm)),
            "timing": self._timings(part, len(arm)),
        }

    def _choices(self, part: slice, count: int) -> list[str | None]:
        if self.choice is None:
            return [None] * count
        names = [*(c.key for c in self.candidates), None, NOTHING_WORD]
        return [names[one] for one in self.choice[part].tolist()]

    def _timings(self, part: slice, count: int) -> list[str | None]:
        if self.timing is None:
            return [None] * count
        names = [*TIMINGS, None]
        return [names[one] for one in self.timing[part].tolist()]

    def _profits(self, part: slice, count: int) -> list[float | None]:
        if self.expected_profit is None:
            return [None] * count
        known = self.expected_profit[part]
        return np.where(np.isnan(known), None, known).tolist()  # type: ignore[call-overload, no-any-return]


_NEVER = int(np.datetime64("NaT", "us").astype(np.int64))
