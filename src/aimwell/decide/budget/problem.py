"""The problem put so that the answer to given prices is quick: what everybody would choose, and what that uses up.

Multiple-choice knapsack: of each person at most one action, the sum of values as large as can be, within limits that tie
people together. With a price on each limit people are independent again (Lagrangian relaxation: Fisher 1981, *Management
Science* 27, 1-18), and the sum of what they would gain, plus what the limits are worth at these prices, is a bound on
every allowed choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.model import NOTHING, Limit
from aimwell.errors import DecideError

__all__ = ["Answer", "Problem", "Row"]

Floats = NDArray[np.float64]
Choice = NDArray[np.int32]
_CHUNK = 16_384


@dataclass(frozen=True, eq=False)
class Row:
    """One side of a limit, as `use ≤ bound`; a floor has its signs turned.

    `table`: use by group of people and action, the last column is nothing. `matrix`: use by person and action.
    """

    limit: int
    sign: float
    bound: float
    table: Floats | None
    matrix: Floats | None

    @property
    def uses(self) -> Floats:
        """The one of the two that is there."""
        found = self.table if self.table is not None else self.matrix
        assert found is not None  # noqa: S101 - a row is made with one of them
        return found


@dataclass(frozen=True, eq=False)
class Answer:
    """What everybody chooses at some prices, what that uses of each row, and the bound that these prices give."""

    prices: Floats
    choice: Choice
    used: Floats
    bound: float


class Problem:
    """Values of actions and the limits, compiled.

    Args:
        values: What each action is worth for each person (people × actions); NaN or −inf where it is not allowed.
        limits: What ties people together.

    Raises:
        DecideError: Shapes do not fit, a value is +inf, a limit is no limit.
    """

    def __init__(self, values: Floats, limits: Sequence[Limit]) -> None:
        values = np.ascontiguousarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] == 0:
            raise DecideError(
                "The values must be a table of people × actions with at least one action."
            )
        if np.isposinf(values).any():
            person, action = np.argwhere(np.isposinf(values))[0]
            raise DecideError(
                f"The value of action {action} for person {person} is infinite; it must be a number, or NaN "
                "where the action is not allowed."
            )
        self.values = (
            np.where(np.isnan(values), -np.inf, values) if np.isnan(values).any() else values
        )
        self.people, self.actions = values.shape
        self.limits = [limit.checked(self.people, self.actions) for limit in limits]
        self.group, groups = _groups([limit.people for limit in self.limits], self.people)
        self.rows = [
            row for number in range(len(self.limits)) for row in self._rows(number, groups)
        ]
        self.bounds = np.array([row.bound for row in self.rows], dtype=np.float64)
        # What each action of each group uses of all rows; those by person and action are 0 here.
        width = self.actions + 1
        none = np.zeros((len(groups), width))
        tables = [none if row.table is None else row.table for row in self.rows]
        self._uses = (
            np.stack(tables, axis=-1).reshape(len(groups) * width, -1)
            if tables
            else np.zeros((len(groups) * width, 0))
        )
        self._first_cell = self.group.astype(np.intp) * width

    def _rows(self, number: int, groups: list[NDArray[np.bool_]]) -> Iterator[Row]:
        limit = self.limits[number]
        for sign, bound in ((1.0, limit.at_most), (-1.0, limit.at_least)):
            if bound is None:
                continue
            if limit.use.ndim == 1:
                inside = np.array(
                    [1.0 if limit.people is None else float(g[number]) for g in groups]
                )
                table = np.zeros((len(groups), self.actions + 1))
                table[:, :-1] = sign * inside[:, None] * limit.use[None, :]
                yield Row(number, sign, sign * bound, table, None)
            else:
                use = sign * limit.use if sign < 0 else limit.use
                if limit.people is not None:
                    use = np.where(limit.people[:, None], use, 0.0)
                yield Row(number, sign, sign * bound, None, use)

    def sample(self, people: NDArray[np.intp]) -> Problem:
        """The same problem for some people, with limits that are as much smaller as they are fewer."""
        share = people.size / self.people
        return Problem(
            self.values[people],
            [
                Limit(
                    limit.name,
                    limit.use if limit.use.ndim == 1 else limit.use[people],
                    None if limit.people is None else limit.people[people],
                    None if limit.at_most is None else limit.at_most * share,
                    None if limit.at_least is None else limit.at_least * share,
                )
                for limit in self.limits
            ],
        )

    def answer(self, prices: Floats) -> Answer:
        """What everybody chooses at these prices (0 or more, one a row)."""
        choice = np.full(self.people, NOTHING, dtype=np.int32)
        gained = 0.0
        for part, reduced in self.reduced(prices):
            best, chosen = np.zeros(len(reduced)), choice[part]
            # One action after another is quicker than the largest of each short row.
            for action in range(self.actions):
                gain = reduced[:, action]
                better = gain > best
                np.copyto(best, gain, where=better)
                np.putmask(chosen, better, action)
            gained += float(best.sum())
        used = self.used(choice)
        return Answer(prices, choice, used, gained + float(prices @ self.bounds))

    def reduced(self, prices: Floats) -> Iterator[tuple[slice, Floats]]:
        """Values less what the actions use at these prices, for one run of people after another."""
        penalty = self._penalty(prices)
        matrices = [
            (price, row.matrix)
            for price, row in zip(prices, self.rows, strict=True)
            if row.matrix is not None and price > 0
        ]
        for start in range(0, self.people, _CHUNK):
            part = slice(start, min(start + _CHUNK, self.people))
            paid = penalty[0] if len(penalty) == 1 else penalty[self.group[part]]
            reduced = self.values[part] - paid
            for price, matrix in matrices:
                reduced -= price * matrix[part]
            yield part, reduced

    def _penalty(self, prices: Floats) -> Floats:
        tables = [
            price * row.table[:, :-1]
            for price, row in zip(prices, self.rows, strict=True)
            if row.table is not None
        ]
        if not tables:
            return np.zeros((1, self.actions))
        total: Floats = np.sum(tables, axis=0)
        return total

    def used(self, choice: Choice) -> Floats:
        """What a choice uses of each row."""
        counts: Floats | None = None
        found = np.zeros(len(self.rows))
        for number, row in enumerate(self.rows):
            if row.table is not None:
                if counts is None:
                    counts = self._counts(choice, len(row.table))
                found[number] = float((row.table * counts).sum())
            elif row.matrix is not None:
                who = np.flatnonzero(choice != NOTHING)
                found[number] = float(row.matrix[who, choice[who]].sum())
        return found

    def _counts(self, choice: Choice, groups: int) -> Floats:
        width = self.actions + 1
        # NOTHING is one below the first action, and stands first here.
        counted = np.bincount(self._first_cell + (choice - NOTHING), minlength=groups * width)
        return np.roll(counted.reshape(groups, width), -1, axis=1).astype(np.float64)

    def uses_of(self, who: NDArray[np.intp], action: NDArray[np.intp] | Choice) -> Floats:
        """What the actions use of each row (people × rows); `NOTHING` uses nothing."""
        place = np.where(action == NOTHING, self.actions, action)
        found: Floats = self._uses.take(self._first_cell[who] + place, axis=0)
        some = place < self.actions
        for number, row in enumerate(self.rows):
            if row.matrix is not None:
                found[some, number] = row.matrix[who[some], place[some]]
        return found

    def value_of(self, choice: Choice) -> float:
        """Sum of the values of a choice."""
        who = np.flatnonzero(choice != NOTHING)
        return float(self.values[who, choice[who]].sum())


def _groups(
    masks: Sequence[NDArray[np.bool_] | None], people: int
) -> tuple[NDArray[np.int32], list[NDArray[np.bool_]]]:
    """People who are in the same limits make a group: group of each person, and what each group is in."""
    given = [number for number, mask in enumerate(masks) if mask is not None]
    if not given:
        return np.zeros(people, dtype=np.int32), [np.ones(len(masks), dtype=np.bool_)]
    code = np.zeros(people, dtype=np.int64)
    for turn, number in enumerate(given):
        code = code * 2 + np.asarray(masks[number], dtype=np.int64)
        if turn % 40 == 39:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
    _codes, first, group = np.unique(code, return_index=True, return_inverse=True)
    kinds = []
    for person in first:
        inside = np.ones(len(masks), dtype=np.bool_)
        for number in given:
            inside[number] = bool(masks[number][person])  # type: ignore[index]
        kinds.append(inside)
    return group.astype(np.int32), kinds
