"""Feature tables: what was known of people at one moment, and what they did in the horizon after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.stats.samples import FloatArray

__all__ = ["BoolArray", "FeatureTable", "TrainingMoments", "training_moments"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """One row per person: features known before `as_of`, and the outcome in [`as_of`, `as_of` + `horizon`).

    Args:
        names: Of the features, one per column.
        values: People × features; NaN where a feature is undefined.
        as_of: The moment that cut the features, with a time zone.
        horizon: How far the outcome looks ahead.
        outcome: Whether each person did it; None where it is not known yet (people to be scored).
        oldest_days: How long ago the oldest customers of the moment first ordered (`ageing.oldest_days`), of everybody whom
            the table was taken from; None where it was not asked.

    Raises:
        PredictError: Shapes do not fit, names repeat, a value is infinite, or the moment has no time zone.
    """

    names: tuple[str, ...]
    values: FloatArray
    as_of: datetime
    horizon: timedelta
    outcome: BoolArray | None = None
    oldest_days: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.asarray(self.values, dtype=np.float64))
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise PredictError(
                f"A feature table needs a column for each of its {len(self.names)} names; found the shape "
                f"{self.values.shape}."
            )
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise PredictError(
                f"Feature names must differ; these come twice: {', '.join(repeated)}."
            )
        infinite = np.flatnonzero(np.isinf(self.values).any(axis=0))
        if len(infinite):
            wrong = [self.names[place] for place in infinite]
            raise PredictError(
                f"Features must be finite, or missing; infinite: {', '.join(wrong)}. Check what is divided there."
            )
        if self.as_of.tzinfo is None:
            raise PredictError(f"The moment {self.as_of} has no time zone. Give it in UTC.")
        if self.horizon <= timedelta(0):
            raise PredictError(f"The horizon must be above 0; found {self.horizon}.")
        if self.outcome is not None:
            object.__setattr__(self, "outcome", _outcome(self.outcome, len(self.values)))

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def from_arrow(
        cls,
        table: pa.Table,
        *,
        names: Sequence[str],
        as_of: datetime,
        horizon: timedelta,
        outcome: str | None = None,
    ) -> FeatureTable:
        """Take numeric and boolean columns of an Arrow table; null becomes missing.

        Raises:
            PredictError: A column is absent or not a number.
        """
        wanted = [*names, *([outcome] if outcome else [])]
        absent = [name for name in wanted if name not in table.column_names]
        if absent:
            raise PredictError(
                f"The feature table lacks: {', '.join(absent)}. It has: {', '.join(table.column_names)}."
            )
        columns = [_numbers(table.column(name), name) for name in names]
        values = np.column_stack(columns) if columns else np.empty((table.num_rows, 0))
        happened = None
        if outcome:
            happened = _outcome(_numbers(table.column(outcome), outcome), table.num_rows)
        return cls(tuple(names), values, as_of, horizon, happened)

    @property
    def happened(self) -> BoolArray:
        """The outcome.

        Raises:
            PredictError: It is not known.
        """
        if self.outcome is None:
            raise PredictError(
                "This feature table has no outcome, so nothing can be learnt or judged on it."
            )
        return self.outcome

    def matrix(self, names: tuple[str, ...]) -> FloatArray:
        """The values of these features in this order.

        Raises:
            PredictError: The table lacks one of them.
        """
        if names == self.names:
            return self.values
        absent = [name for name in names if name not in self.names]
        if absent:
            raise PredictError(
                f"The model needs features that the table lacks: {', '.join(absent)}. Compute them as for the "
                "table it was trained on, or train it anew."
            )
        return self.values[:, [self.names.index(name) for name in names]]

    def take(self, rows: npt.NDArray[np.generic]) -> FeatureTable:
        """Some people, by index or mask."""
        outcome = None if self.outcome is None else self.outcome[rows]
        return replace(self, values=self.values[rows], outcome=outcome)


@dataclass(frozen=True, slots=True)
class TrainingMoments:
    """Moments to cut at: learn at `train_as_of`, judge at `judge_as_of`, whose outcomes end at `score_as_of`."""

    train_as_of: datetime
    judge_as_of: datetime
    score_as_of: datetime


def training_moments(
    *, history_starts: datetime, score_as_of: datetime, horizon: timedelta
) -> TrainingMoments:
    """The latest two moments whose outcomes are complete and do not overlap.

    Features need a horizon of history behind the first moment, so three horizons in all.

    Raises:
        TooLittleDataError: The history is shorter than that; `needed` and `present` are in days.
    """
    judge_as_of = score_as_of - horizon
    train_as_of = judge_as_of - horizon
    if history_starts > train_as_of - horizon:
        raise TooLittleDataError(
            f"a horizon of {horizon.days} days",
            needed={"days of history": 3 * horizon.days},
            present={"days of history": max(0, (score_as_of - history_starts).days)},
            advice="It takes one horizon to look back, one to learn from and one to be judged on. "
            "Take a shorter horizon, or collect older orders.",
        )
    return TrainingMoments(train_as_of, judge_as_of, score_as_of)


def _numbers(column: pa.ChunkedArray, name: str) -> FloatArray:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise PredictError(
            f"The feature '{name}' is of type {kind}. Features are numbers or true/false; turn a text into one "
            "column per value, a date into days before the moment."
        )
    return np.asarray(
        column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
    )


def _outcome(values: npt.NDArray[np.generic], people: int) -> BoolArray:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (people,):
        raise PredictError(
            f"The outcome needs one value per person ({people}); found {numbers.shape}."
        )
    wrong = ~np.isin(numbers, (0.0, 1.0))
    if wrong.any():
        raise PredictError(
            f"The outcome must be true or false for everybody; {int(wrong.sum())} rows are not, the first is row "
            f"{int(np.flatnonzero(wrong)[0])}."
        )
    return numbers.astype(bool)
