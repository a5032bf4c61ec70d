"""The summary of buying that buy-till-you-die models read: how often, how lately, how long known, what spend.

Several purchases on one day are one purchase here: the models count occasions of buying, and two baskets an
hour apart say nothing about a second decision to come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.errors import PredictError
from aimwell.stats.samples import FloatArray

__all__ = ["IntArray", "PurchaseHistory", "count_purchases", "summarise_purchases"]

IntArray = npt.NDArray[np.int64]

# A recency computed from dates in floating point may pass the age by rounding, never by more than this share.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class PurchaseHistory:
    """One row per customer: everything that the models of buying need to know about the past.

    Args:
        frequency: Repeat purchases (x): days with a purchase, not counting the first one. Whole numbers.
        recency: Time from the first to the last purchase (tₓ); 0 for those who bought once.
        age: Time from the first purchase to the moment of observation (T); never less than the recency.
        spend: Mean value of the repeat purchases, in the workspace currency; read only where `frequency` > 0
            (the first purchase is left out, as in Fader, Hardie & Lee 2005). None where money is not asked for.
        unit_days: How many days one unit of `recency` and `age` is; 7 for weeks.

    Raises:
        PredictError: Lengths differ; a value is missing, negative or not a whole count; a recency is beyond
            the age; a repeat buyer has recency 0, or somebody without repeat purchase has one above 0.
    """

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    spend: FloatArray | None = None
    unit_days: float = 7.0

    def __post_init__(self) -> None:
        columns = {
            name: _column(name, getattr(self, name)) for name in ("frequency", "recency", "age")
        }
        if len({len(column) for column in columns.values()}) != 1:
            lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
            raise PredictError(
                f"frequency, recency and age must have the same length; found {lengths}."
            )
        _check(columns["frequency"], columns["recency"], columns["age"])
        recency = np.minimum(columns["recency"], columns["age"])
        object.__setattr__(self, "frequency", columns["frequency"])
        object.__setattr__(self, "recency", recency)
        object.__setattr__(self, "age", columns["age"])
        if self.spend is not None:
            object.__setattr__(self, "spend", _spend(self.spend, columns["frequency"]))
        if not (np.isfinite(self.unit_days) and self.unit_days > 0):
            raise PredictError(f"unit_days must be above 0; found {self.unit_days!r}.")

    def __len__(self) -> int:
        return len(self.frequency)

    def take(self, rows: npt.NDArray[Any]) -> PurchaseHistory:
        """The history of some customers, by index or mask."""
        return PurchaseHistory(
            frequency=self.frequency[rows],
            recency=self.recency[rows],
            age=self.age[rows],
            spend=None if self.spend is None else self.spend[rows],
            unit_days=self.unit_days,
        )


def summarise_purchases(
    person: npt.NDArray[Any],
    day: npt.NDArray[np.datetime64],
    value: npt.NDArray[Any] | None = None,
    *,
    until: date,
    unit_days: float = 7.0,
) -> tuple[npt.NDArray[Any], PurchaseHistory]:
    """Sum purchases up to and on the day `until` into one row per person.

    Args:
        person: Who bought; one entry per purchase.
        day: The day of the purchase, in the shop's time zone.
        value: What was paid, net of returns; without it the history has no spend.
        until: The last day that may be seen; the age of a customer is counted up to it.
        unit_days: Days in one unit of time of the result; 7 for weeks.

    Returns:
        The people in ascending order, and their history in the same order. People whose first purchase is
        later than `until` are not in it.

    Raises:
        PredictError: No purchase up to `until`, a missing day, or lengths that differ.
    """
    days = day.astype("datetime64[D]")
    if len(person) != len(days) or (value is not None and len(value) != len(days)):
        raise PredictError("person, day and value must have one entry per purchase.")
    if np.isnat(days).any():
        raise PredictError("A purchase has no day. Leave such purchases out first.")
    seen = days <= np.datetime64(until, "D")
    if not seen.any():
        raise PredictError(
            f"There is no purchase up to {until}. Give a later day or more purchases."
        )
    people, code = np.unique(person[seen], return_inverse=True)
    number = days[seen].astype(np.int64)
    order = np.lexsort((number, code))
    code, number = code[order], number[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(code) != 0) | (np.diff(number) != 0)])
    code, number = code[starts], number[starts]
    first_at = np.flatnonzero(np.r_[True, np.diff(code) != 0])
    last_at = np.r_[first_at[1:], len(code)] - 1
    frequency = (last_at - first_at).astype(np.float64)
    spend = None
    if value is not None:
        paid = np.add.reduceat(value[seen].astype(np.float64)[order], starts)
        repeat = np.add.reduceat(paid, first_at) - paid[first_at]
        spend = np.full(len(people), np.nan)
        np.divide(repeat, frequency, out=spend, where=frequency > 0)
    end = np.datetime64(until, "D").astype(np.int64)
    history = PurchaseHistory(
        frequency=frequency,
        recency=(number[last_at] - number[first_at]) / unit_days,
        age=(end - number[first_at]) / unit_days,
        spend=spend,
        unit_days=unit_days,
    )
    return people, history


def count_purchases(
    person: npt.NDArray[Any],
    day: npt.NDArray[np.datetime64],
    *,
    people: npt.NDArray[Any],
    after: date,
    until: date,
) -> FloatArray:
    """Days with a purchase in (`after`, `until`], one count per entry of the ascending `people`."""
    days = day.astype("datetime64[D]")
    inside = (days > np.datetime64(after, "D")) & (days <= np.datetime64(until, "D"))
    place = np.minimum(np.searchsorted(people, person[inside]), len(people) - 1)
    known = people[place] == person[inside]
    pairs = np.unique(np.column_stack([place[known], days[inside][known].astype(np.int64)]), axis=0)
    return np.bincount(pairs[:, 0], minlength=len(people)).astype(np.float64)


def _column(name: str, values: npt.NDArray[Any]) -> FloatArray:
    column = np.array(values, dtype=np.float64)
    if column.ndim != 1:
        raise PredictError(f"{name} must be one column; found {column.ndim} dimensions.")
    bad = ~np.isfinite(column) | (column < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PredictError(
            f"{name} must be a number of at least 0 in every row; {int(bad.sum())} rows are not, the first "
            f"is row {row} ({column[row]}). Leave such customers out or mend the summary of purchases."
        )
    column.setflags(write=False)
    return column


def _check(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> None:
    faults = (
        (frequency != np.floor(frequency), "frequency must be a whole number of repeat purchases"),
        (recency > age * (1 + _ROUNDING) + _ROUNDING, "recency must not be beyond age"),
        ((frequency == 0) & (recency > 0), "recency must be 0 where frequency is 0"),
        ((frequency > 0) & (recency == 0), "recency must be above 0 where frequency is above 0"),
    )
    for wrong, rule in faults:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise PredictError(
                f"{rule}; {int(wrong.sum())} rows break this, the first is row {row} (frequency "
                f"{frequency[row]:g}, recency {recency[row]:g}, age {age[row]:g}). Count days with a purchase, "
                "not purchases, and measure both times from the first one."
            )


def _spend(values: npt.NDArray[Any], frequency: FloatArray) -> FloatArray:
    spend = np.array(values, dtype=np.float64)
    if spend.shape != frequency.shape:
        raise PredictError(
            f"spend must have {len(frequency)} rows, as frequency has; found {spend.shape}."
        )
    bad = (frequency > 0) & (~np.isfinite(spend) | (spend < 0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise PredictError(
            f"spend must be a number of at least 0 for every repeat buyer; {int(bad.sum())} rows are not, the "
            f"first is row {row} ({spend[row]}). Net returns against their orders first."
        )
    spend[frequency == 0] = np.nan
    spend.setflags(write=False)
    return spend
