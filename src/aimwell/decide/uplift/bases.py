"""What learners are made of: any regression that is fitted to rows and predicts rows.

Features come prepared (`predict.preparation`: gaps filled and marked, long tails shortened, one scale), which is learnt from
features alone, once; so a base needs to know of no gaps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from aimwell.errors import DecideError
from aimwell.stats.samples import FloatArray
from aimwell.stats.threads import one_blas_thread

__all__ = ["BASES", "Base", "EstimatorBase", "Fitted", "RidgeBase", "RidgeFit", "TreesBase"]

_PENALTIES = np.geomspace(1e-3, 1e4, 24)


class Fitted(Protocol):
    """What a base has learnt."""

    def predict(self, values: FloatArray) -> FloatArray:
        """The expected outcome of each row."""


class Base(Protocol):
    """A regression."""

    @property
    def name(self) -> str:
        """As it is shown."""

    @property
    def linear(self) -> bool:
        """Whether it knows no interactions, so that learners that need them must write them out."""

    def fit(
        self, values: FloatArray, outcome: FloatArray, *, weight: FloatArray | None, seed: int
    ) -> Fitted:
        """Fit to rows; same rows and seed, same fit."""


@dataclass(frozen=True, slots=True, eq=False)
class RidgeFit:
    """A straight line: intercept + values · weights.

    Args:
        weights, intercept: Of the prepared columns.
        centre: Means of the columns learnt from.
        inverse: Of the columns' products with the penalty, which the sandwich needs.
    """

    weights: FloatArray
    intercept: float
    centre: FloatArray
    inverse: FloatArray

    def predict(self, values: FloatArray) -> FloatArray:
        """The line at each row."""
        with one_blas_thread():
            return np.asarray(values @ self.weights + self.intercept, dtype=np.float64)

    def errors(
        self,
        values: FloatArray,
        outcome: FloatArray,
        *,
        at: FloatArray,
        weight: FloatArray | None = None,
    ) -> FloatArray:
        """Standard errors of the line at the rows `at`, by the sandwich of rows learnt from; the penalty's bias is not in them.

        Source: White (1980), A heteroskedasticity-consistent covariance matrix estimator; HC1.
        """
        share = np.ones(len(values)) if weight is None else weight
        known = np.column_stack([np.ones(len(values)), values - self.centre])
        residual = (outcome - self.predict(values)) * share
        whole = np.zeros((known.shape[1], known.shape[1]))
        whole[0, 0], whole[1:, 1:] = 1.0 / share.sum(), self.inverse
        with one_blas_thread():
            meat = (known * residual[:, None] ** 2).T @ known
            sandwich = whole @ meat @ whole * len(values) / max(len(values) - known.shape[1], 1)
            rows = np.column_stack([np.ones(len(at)), at - self.centre])
            variance = np.einsum("ij,jk,ik->i", rows, sandwich, rows, optimize=True)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RidgeBase:
    """Least squares with a penalty on the squared weights, chosen by generalised cross-validation unless given.

    Sources: Hoerl and Kennard (1970), Ridge regression; Golub, Heath and Wahba (1979), equation 1.4.
    """

    penalty: float | None = None
    name: str = field(default="ridge", init=False)
    linear: bool = field(default=True, init=False)

    def fit(
        self,
        values: FloatArray,
        outcome: FloatArray,
        *,
        weight: FloatArray | None,
        seed: int,  # noqa: ARG002 - other bases draw
    ) -> RidgeFit:
        """One eigendecomposition of the columns' products serves all penalties."""
        return self.fit_each(values, outcome[:, None], weight=weight)[0]

    def fit_each(
        self, values: FloatArray, outcomes: FloatArray, *, weight: FloatArray | None
    ) -> tuple[RidgeFit, ...]:
        """A line for each of the outcomes (people × outcomes) on the same columns, whose products are worked out once."""
        with one_blas_thread():
            if weight is None:
                total = float(len(values))
                centre, means = values.mean(axis=0), outcomes.mean(axis=0)
                away = values - centre
                gram, left = away.T @ away, outcomes - means
                aligned, squares = away.T @ left, (left**2).sum(axis=0)
            else:
                total = float(weight.sum())
                centre, means = weight @ values / total, weight @ outcomes / total
                away = values - centre
                weighted = away * weight[:, None]
                gram, left = weighted.T @ away, outcomes - means
                aligned, squares = weighted.T @ left, weight @ left**2
        return self.solved(gram, aligned, squares, centre, means, people=len(values))

    def solved(
        self,
        gram: FloatArray,
        aligned: FloatArray,
        squares: FloatArray,
        centre: FloatArray,
        means: FloatArray,
        *,
        people: int,
    ) -> tuple[RidgeFit, ...]:
        """The lines from sums over people.

        Args:
            gram: Columns × columns: products of the centred columns.
            aligned: Columns × outcomes: products with the centred outcomes.
            squares: Of the centred outcomes.
            centre, means: Of columns and outcomes.
            people: How many.
        """
        found = []
        with one_blas_thread():
            sizes, axes = np.linalg.eigh(gram)
            sizes = np.maximum(sizes, 0.0)
            along = axes.T @ aligned
            for place in range(aligned.shape[1]):
                penalty = self._penalty(sizes, along[:, place], float(squares[place]), people)
                kept = sizes + penalty > 1e-10 * max(float(sizes.max(initial=0.0)), 1.0)
                scale = np.where(kept, 1.0 / np.where(kept, sizes + penalty, 1.0), 0.0)
                weights = axes @ (along[:, place] * scale)
                inverse = (axes * scale) @ axes.T
                intercept = float(means[place]) - float(centre @ weights)
                found.append(RidgeFit(weights, intercept, centre, inverse))
        return tuple(found)

    def _penalty(self, sizes: FloatArray, along: FloatArray, squares: float, people: int) -> float:
        if self.penalty is not None:
            return self.penalty
        # Per person, so that the grid means the same for a thousand people and for a million.
        tried = _PENALTIES * max(float(sizes.mean()) if len(sizes) else 1.0, 1e-12) * 1e-2
        tried = np.append(tried, 1e6 * tried[-1])
        shrunk = sizes[:, None] + tried
        left = squares - (along[:, None] ** 2 * (sizes[:, None] + 2 * tried) / shrunk**2).sum(
            axis=0
        )
        free = people - 1.0 - (sizes[:, None] / shrunk).sum(axis=0)
        return float(tried[int(np.argmin(left / np.maximum(free, 1.0) ** 2))])


@dataclass(frozen=True, slots=True)
class _Booster:
    booster: Any

    def predict(self, values: FloatArray) -> FloatArray:
        return np.asarray(self.booster.predict(values, num_threads=1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class TreesBase:
    """Boosted trees by LightGBM on squared errors, which aim at means for yes and no, counts and money alike."""

    rounds: int = 80
    leaves: int = 8
    rate: float = 0.05
    people_in_leaf: int = 50
    threads: int = 1
    name: str = field(default="trees", init=False)
    linear: bool = field(default=False, init=False)

    def fit(
        self, values: FloatArray, outcome: FloatArray, *, weight: FloatArray | None, seed: int
    ) -> _Booster:
        """Grow the trees; the same whatever the number of threads."""
        import lightgbm

        settings = {
            "objective": "regression",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(self.people_in_leaf, max(len(values) // 10, 1)),
            "lambda_l2": 1.0,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(values, label=outcome, weight=weight, params={"verbosity": -1})
        return _Booster(lightgbm.train(settings, data, num_boost_round=self.rounds))


@dataclass(frozen=True, slots=True)
class _Estimator:
    estimator: Any
    probability: bool

    def predict(self, values: FloatArray) -> FloatArray:
        if self.probability:
            return np.asarray(self.estimator.predict_proba(values)[:, 1], dtype=np.float64)
        return np.asarray(self.estimator.predict(values), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class EstimatorBase:
    """Any estimator in the style of scikit-learn, as `EstimatorBase(RandomForestRegressor(…))`.

    It is cloned for each fit and given the seed where it takes one. A classifier serves outcomes of yes and no alone, by
    its probability of yes.
    """

    estimator: Any
    name: str = ""
    linear: bool = False

    _CLASSIFIER: ClassVar[str] = "predict_proba"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or type(self.estimator).__name__)

    def fit(
        self, values: FloatArray, outcome: FloatArray, *, weight: FloatArray | None, seed: int
    ) -> _Estimator:
        """Clone and fit."""
        from sklearn.base import clone

        made = clone(self.estimator)
        if "random_state" in made.get_params():
            made.set_params(random_state=seed)
        probability = hasattr(made, self._CLASSIFIER)
        if probability and not np.isin(outcome, (0.0, 1.0)).all():
            raise DecideError(
                f"{self.name} tells yes from no, and here it would have to learn amounts (as the last step of the X, R and DR "
                "learners always does). Take a regressor."
            )
        target = outcome.astype(np.int64) if probability else outcome
        made.fit(values, target, **({} if weight is None else {"sample_weight": weight}))
        if probability and len(made.classes_) < 2:
            raise DecideError(
                f"All outcomes learnt from are {outcome[0]:g}, which teaches nothing."
            )
        return _Estimator(made, probability)


BASES: dict[str, Base] = {"ridge": RidgeBase(), "trees": TreesBase()}
"""The bases that come with Aimwell."""
