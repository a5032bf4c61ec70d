"""A typing model: into which group somebody belongs of whom that is not known, told by plain features and traits.

Multinomial logistic regression on prepared columns. Its error rate is cross-validated and stands beside that of the dull
alternative, calling everybody the largest group; where it is not surely better, nobody is placed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from aimwell.segment.attributes.preparation import FloatArray, Preparation, prepare
from aimwell.segment.clusters.shapes import IntArray
from aimwell.stats.threads import one_thread

__all__ = ["TypingModel", "fit_typing"]

_FOLDS = 5
_PEOPLE_MAX = 20_000
_EACH_MIN = 2 * _FOLDS
_STRENGTH = 1.0


@dataclass(frozen=True, eq=False)
class TypingModel:
    """Places people into groups.

    Args:
        preparation: How columns are prepared.
        weights: Groups × prepared columns.
        intercepts: One a group.
        error: Cross-validated share of people who were put into a wrong group.
        dull: The same of calling everybody the largest group.
        gain, lower, upper: dull − error, with its 95 % interval (normal, on the same people).
        recalls: For each group the share of its people who were put into it.
        people: How many it was fitted and judged on.
    """

    preparation: Preparation
    weights: FloatArray
    intercepts: FloatArray
    error: float
    dull: float
    gain: float
    lower: float
    upper: float
    recalls: tuple[float, ...]
    people: int

    @property
    def tells(self) -> bool:
        """Whether it is surely better than the dull alternative."""
        return self.lower > 0.0

    @property
    def sentence(self) -> str:
        """How good it is, in words."""
        figures = (
            f"{self.error:.0%} of {self.people:,} people are put into a wrong group, where calling everybody the "
            f"largest group is wrong for {self.dull:.0%} (better by {self.gain * 100:.1f} points, "
            f"{self.lower * 100:.1f} to {self.upper * 100:.1f})"
        )
        if self.tells:
            return f"Others can be placed by what is known of them: {figures}."
        return f"Others cannot be placed by what is known of them: {figures}."

    def probabilities(self, table: pa.Table) -> FloatArray:
        """People × groups."""
        return _softmax(self.preparation.apply(table), self.weights, self.intercepts)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **vars(self),
            "preparation": self.preparation.to_dict(),
            "weights": self.weights.tolist(),
            "intercepts": self.intercepts.tolist(),
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> TypingModel:
        """From what `to_dict` gave."""
        return cls(
            **{
                **body,
                "preparation": Preparation.from_dict(body["preparation"]),
                "weights": np.array(body["weights"], dtype=np.float64),
                "intercepts": np.array(body["intercepts"], dtype=np.float64),
                "recalls": tuple(body["recalls"]),
            }
        )


def fit_typing(
    table: pa.Table, columns: Sequence[str], groups: IntArray, number: int, *, seed: int
) -> TypingModel | str:
    """Learn to place people, or say why that cannot be tried.

    Args:
        table: One row for each person whose group is known, with `columns`.
        columns: Features and traits to tell by.
        groups: Each person's group, 0 to `number` − 1.
        number: How many groups.
        seed: Same people and seed, same model.
    """
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(len(groups))[:_PEOPLE_MAX]
    table, groups = table.take(pa.array(chosen)), groups[chosen]
    sizes = np.bincount(groups, minlength=number)
    if sizes.min() < _EACH_MIN:
        return f"a group has {sizes.min()} people of whom anything is known; it takes {_EACH_MIN}"
    preparation = prepare(table, columns)
    rows = preparation.apply(table)
    if not rows.shape[1]:
        why = "; ".join(f"{name}: {reason}" for name, reason in preparation.dropped.items())
        return f"nothing tells people apart ({why or 'no columns were given'})"
    guessed = np.empty(len(groups), dtype=np.int64)
    dull = np.empty(len(groups), dtype=np.int64)
    # The rows are in random order already.
    fold = np.arange(len(groups)) % _FOLDS
    for one in range(_FOLDS):
        learn, held = fold != one, fold == one
        guessed[held] = _softmax(rows[held], *_fitted(rows[learn], groups[learn], number)).argmax(1)
        dull[held] = np.bincount(groups[learn]).argmax()
    better = (guessed == groups).astype(np.float64) - (dull == groups)
    reach = float(ndtri(0.975) * better.std(ddof=1) / np.sqrt(len(better)))
    weights, intercepts = _fitted(rows, groups, number)
    return TypingModel(
        preparation,
        weights,
        intercepts,
        error=float((guessed != groups).mean()),
        dull=float((dull != groups).mean()),
        gain=float(better.mean()),
        lower=float(better.mean()) - reach,
        upper=float(better.mean()) + reach,
        recalls=tuple(float((guessed[groups == g] == g).mean()) for g in range(number)),
        people=len(groups),
    )


def _fitted(rows: FloatArray, groups: IntArray, number: int) -> tuple[FloatArray, FloatArray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=_STRENGTH, max_iter=300).fit(rows, groups)
    weights, intercepts = model.coef_, model.intercept_
    if number == 2:  # scikit-learn keeps one row for two groups
        weights, intercepts = np.vstack([0 * weights, weights]), np.array([0.0, intercepts[0]])
    return np.asarray(weights, dtype=np.float64), np.asarray(intercepts, dtype=np.float64)


def _softmax(rows: FloatArray, weights: FloatArray, intercepts: FloatArray) -> FloatArray:
    logs = rows @ weights.T + intercepts
    raised = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(raised / raised.sum(1, keepdims=True))
