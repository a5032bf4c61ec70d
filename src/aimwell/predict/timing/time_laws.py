"""What is kept of when people act: everybody's shares of weekdays and hours, and how strongly people are drawn to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimwell.predict.timing.habits import Habits

__all__ = ["TimeLaw", "TimeLaws"]


@dataclass(frozen=True, slots=True)
class TimeLaw:
    """`Habits` as plain numbers."""

    shares: tuple[float, ...]
    strength: float

    @classmethod
    def of(cls, habits: Habits) -> TimeLaw:
        """The same as plain numbers."""
        return cls(tuple(float(share) for share in habits.shares), habits.strength)

    @property
    def habits(self) -> Habits:
        """The same as arrays."""
        return Habits(np.array(self.shares), self.strength)


@dataclass(frozen=True, slots=True)
class TimeLaws:
    """Of weekdays, Monday first, and of blocks of hours; `hours` None where all was dated by the day alone."""

    weekdays: TimeLaw
    hours: TimeLaw | None

    @classmethod
    def of(cls, weekdays: Habits, hours: Habits | None) -> TimeLaws:
        """From what was fitted."""
        return cls(TimeLaw.of(weekdays), None if hours is None else TimeLaw.of(hours))
