"""From prices to a choice that keeps every limit: give up what costs least, then use what is left.

At the best prices a few people hang between two actions (where many are alike, whole groups). They are moved as a whole,
by least loss for each unit that is gained, until the limits hold; what is left of the limits goes to those who gain most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.budget.model import NOTHING
from aimwell.decide.budget.problem import Answer, Choice, Floats, Problem

__all__ = ["within_limits"]

_ROUNDS = 200
_SINGLES = 4_000
_SLACK = 1e-9
_NEAR = 1e-8


def within_limits(problem: Problem, answer: Answer) -> tuple[Choice, bool]:
    """A choice within the limits, near the answer; and whether all limits hold (floors can be out of reach)."""
    choice = answer.choice.copy()
    _repair(problem, choice, answer.prices)
    _fill(problem, choice, answer)
    return choice, not _over(problem, problem.used(choice)).any()


def _over(problem: Problem, used: Floats) -> Floats:
    """By how much each row is over its bound; rounding of sums is not counted."""
    over = used - problem.bounds
    return np.where(over > _allowed(problem), over, 0.0)


def _allowed(problem: Problem) -> Floats:
    return _SLACK * np.maximum(1.0, np.abs(problem.bounds))


def _repair(problem: Problem, choice: Choice, prices: Floats) -> None:
    stuck: set[int] = set()
    floors = np.array([row.sign < 0 for row in problem.rows], dtype=np.bool_)
    for _round in range(_ROUNDS):
        over = _over(problem, problem.used(choice))
        over[list(stuck)] = 0.0
        if not over.any():
            return
        row = int(np.argmax(over / np.maximum(1.0, np.abs(problem.bounds))))
        full = problem.used(choice) >= problem.bounds - _allowed(problem)
        full[row] = False
        # Where nobody can move without filling another ceiling over, that one is relieved in its turn.
        if not any(
            _relieve(problem, choice, prices, row, over[row], kept)
            for kept in (full, full & floors)
        ):
            stuck.add(row)


def _relieve(
    problem: Problem,
    choice: Choice,
    prices: Floats,
    row: int,
    over: float,
    kept: NDArray[np.bool_],
) -> bool:
    """Move people to what uses less of the row and no more of the rows `kept`, until it is over no more.

    False where nobody can be moved so.
    """
    who = _users(problem, choice, row)
    if not who.size:
        return False
    now = problem.uses_of(who, choice[who])
    now_kept = now[:, kept]
    held = _reduced_of(problem, now @ prices, who, choice[who])
    best = np.full(who.size, -np.inf)
    target = np.full(who.size, NOTHING, dtype=np.int32)
    relief = np.zeros(who.size)
    for action in (NOTHING, *range(problem.actions)):
        new = np.full(who.size, action, dtype=np.int32)
        uses = problem.uses_of(who, new)
        less = now[:, row] - uses[:, row]
        some = np.flatnonzero((less > 0) & (uses[:, kept] <= now_kept).all(axis=1))
        gain = _reduced_of(problem, uses[some] @ prices, who[some], new[some]) - held[some]
        rate = gain / less[some]
        better = rate > best[some]
        at = some[better]
        best[at], target[at], relief[at] = rate[better], action, less[at]
    order = np.argsort(-best, kind="stable")
    order = order[np.isfinite(best[order])]
    if not order.size:
        return False
    needed = int(np.searchsorted(np.cumsum(relief[order]), over - _SLACK * max(1.0, over))) + 1
    moved = order[:needed]
    choice[who[moved]] = target[moved]
    return True


def _users(problem: Problem, choice: Choice, row: int) -> NDArray[np.intp]:
    """Who could use less of the row: of a floor all whom it concerns, else those who use it now."""
    given = problem.rows[row]
    concerned = (given.uses != 0).any(axis=1)
    inside = concerned[problem.group] if given.table is not None else concerned
    if given.sign > 0:
        inside = inside & (choice != NOTHING)
    return np.flatnonzero(inside)


def _reduced_of(problem: Problem, paid: Floats, who: NDArray[np.intp], action: Choice) -> Floats:
    """What the actions are worth to these people after what they pay for all rows."""
    some = action != NOTHING
    found = np.zeros(who.size)
    found[some] = problem.values[who[some], action[some]]
    return found - paid


def _fill(problem: Problem, choice: Choice, answer: Answer) -> None:
    """Use what is left: better actions for those who gain most at the prices, as long as every row allows it.

    Nothing is better than an action that loses, where no floor needs it any more.
    """
    left = problem.bounds - problem.used(choice)
    left = np.where(left > -_allowed(problem), np.maximum(left, 0.0), left)
    blocked = np.zeros(problem.people, dtype=np.bool_)
    for _round in range(_ROUNDS):
        # What a move gives up at the prices is lost to the bound, so no useful one gives up more than is between them.
        room = answer.bound - problem.value_of(choice)
        if room <= _NEAR * abs(answer.bound):
            return
        who, target, gain = _wishes(problem, choice, answer.prices, left, blocked, room)
        if not who.size:
            return
        order = np.argsort(-gain, kind="stable")
        who, target = who[order], target[order]
        change = problem.uses_of(who, target) - problem.uses_of(who, choice[who])
        reached = np.cumsum(np.maximum(change, 0.0), axis=0)
        allowed = (reached <= left + _allowed(problem)).all(axis=1)
        count = int(allowed.argmin()) if not allowed.all() else who.size
        choice[who[:count]] = target[:count]
        left = left - change[:count].sum(axis=0)
        if count < who.size:
            blocked[who[count : count + max(1, who.size // 50)]] = True
        if who.size <= _SINGLES:
            _one_by_one(problem, choice, who[count:], target[count:], left)
            return


def _wishes(
    problem: Problem,
    choice: Choice,
    prices: Floats,
    left: Floats,
    blocked: NDArray[np.bool_],
    room: float,
) -> tuple[NDArray[np.intp], Choice, Floats]:
    """For each person the action of most value among those that fit into what is left, where it is worth more."""
    found: list[tuple[NDArray[np.intp], Choice, Floats]] = []
    for part, reduced in problem.reduced(prices):
        who = np.arange(part.start, part.stop)[~blocked[part]]
        now = choice[who]
        held = np.where(now == NOTHING, 0.0, problem.values[who, np.maximum(now, 0)])
        rows = who - part.start
        kept = np.where(now == NOTHING, 0.0, reduced[rows, np.maximum(now, 0)])
        useful = (problem.values[who] > held[:, None]) & (reduced[rows] >= kept[:, None] - room)
        some = np.flatnonzero(useful.any(axis=1) | ((held < 0) & (kept <= room)))
        who, now, held, kept = who[some], now[some], held[some], kept[some]
        if not who.size:
            continue
        uses = problem.uses_of(who, now)
        gain = np.full(who.size, -np.inf)
        target = np.full(who.size, NOTHING, dtype=np.int32)
        # Only a floor makes somebody hold what loses.
        actions = range(NOTHING if (held < 0).any() else 0, problem.actions)
        for action in actions:
            new = np.full(who.size, action, dtype=np.int32)
            fits = (problem.uses_of(who, new) - uses <= left).all(axis=1)
            value, at_prices = np.zeros(who.size), np.zeros(who.size)
            if action != NOTHING:
                value, at_prices = problem.values[who, action], reduced[who - part.start, action]
            worth = np.where(fits & (value > held), at_prices, -np.inf)
            more = worth > gain
            gain[more], target[more] = worth[more], action
        wished = np.isfinite(gain)
        found.append((who[wished], target[wished], (gain - kept)[wished]))
    if not found:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.int32), np.empty(0)
    parts = list(zip(*found, strict=True))
    return np.concatenate(parts[0]), np.concatenate(parts[1]), np.concatenate(parts[2])


def _one_by_one(
    problem: Problem, choice: Choice, who: NDArray[np.intp], target: Choice, left: Floats
) -> None:
    change = problem.uses_of(who, target) - problem.uses_of(who, choice[who])
    for number in range(who.size):
        if (change[number] <= left).all():
            choice[who[number]] = target[number]
            left = left - change[number]
