"""Latent class analysis: kinds of people by how they answer, where some answers are missing.

Within a class answers are independent; what hangs together in all is put down to the classes. Shares of the classes and the
chance of each answer in each class are fitted by expectation and maximisation from several starts; a missing answer adds
nothing (missing at random). A small prior keeps each chance off 0 and 1.

Sources: Lazarsfeld and Henry (1968); Goodman (1974); Dempster, Laird and Rubin (1977); Linzer and Lewis (2011), poLCA;
Galindo Garre and Vermunt (2006) for the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.clusters.shapes import IntArray
from aimwell.stats.threads import one_thread

__all__ = ["MISSING", "AnswerSheet", "ClassFit", "Item", "fit_classes"]

MISSING = -1
"""The code of an answer that was not given."""

_FIRST_ROUNDS = 20
_ROUNDS_MAX = 1_000
_ENOUGH = 1e-7
_BEST = 2


@dataclass(frozen=True)
class Item:
    """A question and the answers that there are, in order."""

    name: str
    levels: tuple[str, ...]

    @property
    def scores(self) -> tuple[float, ...] | None:
        """The answers as numbers; None where any is none."""
        try:
            return tuple(float(level) for level in self.levels)
        except ValueError:
            return None


@dataclass(frozen=True, eq=False)
class AnswerSheet:
    """Answers of many people.

    Args:
        items: The questions.
        codes: People × questions: the place of the answer among the item's levels, or MISSING.
    """

    items: tuple[Item, ...]
    codes: IntArray

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> AnswerSheet:
        """Some of the people."""
        return AnswerSheet(self.items, self.codes[rows])

    @property
    def given(self) -> IntArray:
        """How many questions each person answered."""
        return np.asarray((self.codes != MISSING).sum(1), dtype=np.int64)

    def marks(self) -> FloatArray:
        """People × all answers of all questions: 1 for the answer given."""
        widths = [len(item.levels) for item in self.items]
        starts = np.cumsum([0, *widths[:-1]])
        found = np.zeros((len(self.codes), sum(widths)))
        people, places = np.nonzero(self.codes != MISSING)
        found[people, starts[places] + self.codes[people, places]] = 1.0
        return found


@dataclass(frozen=True, eq=False)
class ClassFit:
    """Fitted classes.

    Args:
        shares: Of each class, largest first.
        chances: Classes × all answers of all questions: within a class those of one question sum to 1.
        log_likelihood: Of the answers, without the prior.
        converged: Whether the rounds ended because nothing moved any more.
    """

    shares: FloatArray
    chances: FloatArray
    log_likelihood: float
    converged: bool

    @property
    def number(self) -> int:
        """How many classes."""
        return len(self.shares)

    def memberships(self, sheet: AnswerSheet) -> FloatArray:
        """People × classes: the probability of each class given the answers."""
        return _expected(sheet.marks(), self.shares, self.chances)[0]

    def parameters(self, items: Sequence[Item]) -> int:
        """Free numbers of the model."""
        return self.number - 1 + self.number * sum(len(item.levels) - 1 for item in items)


def fit_classes(sheet: AnswerSheet, number: int, *, seed: int, starts: int = 8) -> ClassFit:
    """Fit so many classes; the best of several starts, the largest class first. Same answers and seed, same classes."""
    draw = np.random.default_rng(seed)
    marks = sheet.marks()
    widths = [len(item.levels) for item in sheet.items]
    with one_thread():  # sums in another order would give other last digits
        begun = [
            _rounds(marks, widths, *_start(marks, widths, number, draw), rounds=_FIRST_ROUNDS)
            for _start_number in range(1 if number == 1 else starts)
        ]
        begun.sort(key=lambda fit: -fit.log_likelihood)
        ended = [
            _rounds(marks, widths, fit.shares, fit.chances, rounds=_ROUNDS_MAX)
            for fit in begun[:_BEST]
        ]
    best = max(ended, key=lambda fit: fit.log_likelihood)
    order = np.argsort(-best.shares, kind="stable")
    return ClassFit(best.shares[order], best.chances[order], best.log_likelihood, best.converged)


def _start(
    marks: FloatArray, widths: Sequence[int], number: int, draw: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Each person to a class at random, softly: chances near those of all, each class a little otherwise."""
    shares = draw.dirichlet(np.full(number, 10.0))
    level = marks.mean(0) + 0.01
    chances = level * draw.gamma(2.0, 0.5, (number, marks.shape[1])) + 1e-3
    return shares, _to_one(chances, widths)


def _to_one(chances: FloatArray, widths: Sequence[int]) -> FloatArray:
    starts = np.cumsum([0, *widths[:-1]])
    sums = np.add.reduceat(chances, starts, axis=1)
    return np.asarray(chances / np.repeat(sums, widths, axis=1))


def _expected(
    marks: FloatArray, shares: FloatArray, chances: FloatArray
) -> tuple[FloatArray, float]:
    """Memberships, and the log-likelihood."""
    logs = marks @ np.log(chances).T + np.log(shares)
    top = logs.max(1, keepdims=True)
    raised = np.exp(logs - top)
    sums = raised.sum(1, keepdims=True)
    return raised / sums, float((np.log(sums) + top).sum())


def _rounds(
    marks: FloatArray,
    widths: Sequence[int],
    shares: FloatArray,
    chances: FloatArray,
    *,
    rounds: int,
) -> ClassFit:
    people, number = len(marks), len(shares)
    # One person more in all, shared by the classes; within each class that share spread as everybody answers.
    prior = _to_one(marks.sum(0, keepdims=True) + 1e-9, widths) / number
    before = -np.inf
    for _round in range(rounds):
        members, likelihood = _expected(marks, shares, chances)
        if likelihood - before < _ENOUGH * people:
            return ClassFit(shares, chances, likelihood, converged=True)
        before = likelihood
        shares = (members.sum(0) + 1.0 / number) / (people + 1.0)
        chances = _to_one(members.T @ marks + prior, widths)
    return ClassFit(shares, chances, _expected(marks, shares, chances)[1], converged=False)
