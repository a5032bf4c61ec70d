"""The shape of an answer: a figure with its interval, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from aimwell.errors import StatsError

__all__ = ["DEFAULT_CONFIDENCE", "Estimate", "Figure", "checked_share"]

DEFAULT_CONFIDENCE = 0.95


def checked_share(value: float, *, name: str) -> float:
    """`value` if it lies strictly between 0 and 1, else a `StatsError` that names it."""
    if not (isinstance(value, int | float) and 0.0 < value < 1.0):
        raise StatsError(f"The {name} is {value!r}. It must lie strictly between 0 and 1.")
    return float(value)


def _as_floats(record: object, *names: str) -> None:
    """Turn NumPy's numbers into Python's, which every writer of JSON knows."""
    for name in names:
        value = getattr(record, name)
        if value is not None:
            object.__setattr__(record, name, float(value))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number, or None with the reason why it is undefined."""

    value: float | None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise StatsError("A figure has either a value or the reason why it has none.")
        if self.value is not None and not math.isfinite(self.value):
            raise StatsError(f"A figure must be finite, not {self.value!r}.")
        _as_floats(self, "value")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its interval.

    It comes whole or not at all: `estimate`, `lower` and `upper` are all numbers, or all None and `reason` says
    why. So no figure can be shown without its interval, and no undefined figure as 0.

    Attributes:
        estimate: The best guess, in the unit of the outcome.
        lower, upper: The interval that covers the truth with probability `confidence`.
        confidence: 0–1.
        method: The method's name in words, as it is shown to a reader.
        p_value: Two-sided, of the hypothesis "no difference"; None where the method has none.
        reason: Why the figure is missing; None when it is there.
    """

    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    p_value: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        checked_share(self.confidence, name="confidence")
        numbers = (self.estimate, self.lower, self.upper)
        if all(number is None for number in numbers):
            if not self.reason:
                raise StatsError("A missing estimate must carry the reason why it is missing.")
            return
        if any(number is None or not math.isfinite(number) for number in numbers):
            raise StatsError(f"An estimate needs three finite numbers or none, not {numbers!r}.")
        if self.reason is not None:
            raise StatsError("An estimate that is there carries no reason for its absence.")
        if self.lower > self.upper:  # type: ignore[operator]
            raise StatsError(f"The lower bound {self.lower!r} is above the upper {self.upper!r}.")
        if self.p_value is not None and not 0.0 <= self.p_value <= 1.0:
            raise StatsError(f"The p-value is {self.p_value!r}. It must lie between 0 and 1.")
        _as_floats(self, "estimate", "lower", "upper", "confidence", "p_value")

    @property
    def defined(self) -> bool:
        """True when the figure and its interval are there."""
        return self.estimate is not None

    @property
    def normal_error(self) -> float | None:
        """The standard error that the interval's length tells by the normal law; None where it has no length."""
        if self.lower is None or self.upper is None or self.lower == self.upper:
            return None
        reach = NormalDist().inv_cdf(0.5 + self.confidence / 2.0)
        return (self.upper - self.lower) / (2.0 * reach)

    @property
    def excludes_zero(self) -> bool | None:
        """True when the interval lies on one side of zero; None when there is no interval."""
        if self.lower is None or self.upper is None:
            return None
        return self.lower > 0.0 or self.upper < 0.0

    def covers(self, value: float) -> bool | None:
        """True when `value` lies in the interval; None when there is no interval."""
        if self.lower is None or self.upper is None:
            return None
        return self.lower <= value <= self.upper

    def times(self, factor: float) -> Estimate:
        """The same estimate in another unit, as the total for `factor` people; the p-value stays."""
        if self.estimate is None or self.lower is None or self.upper is None:
            return self
        bounds = sorted((self.lower * factor, self.upper * factor))
        return replace(self, estimate=self.estimate * factor, lower=bounds[0], upper=bounds[1])

    @classmethod
    def missing(
        cls, reason: str, *, method: str, confidence: float = DEFAULT_CONFIDENCE
    ) -> Estimate:
        """An estimate that is undefined, with the reason."""
        return cls(
            estimate=None,
            lower=None,
            upper=None,
            confidence=confidence,
            method=method,
            reason=reason,
        )
