"""The days or weeks that are forecast: which are open, where each lies in the week, and at which moments to judge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from aimwell.errors import TooLittleDataError
from aimwell.stats.samples import FloatArray

__all__ = ["Calendar", "Step", "day_calendar", "week_calendar"]

Step = Literal["day", "week"]

_BUSY_LINES = 8.0
_RECENT_WEEKS = 8
_WINDOWS_MIN, _WINDOWS_MAX = 4, 8
_BEFORE = {"day": 56, "week": 12}
_BORN = {"day": 28, "week": 8}


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Periods of the past and of the horizon.

    Args:
        step: 'day' or 'week'.
        first: The first day of the past.
        past: How many periods were seen.
        horizon: How many to forecast.
        open: Whether anything can be sold in each period, past and horizon.
        place: Where each lies in the season: the weekday (0 Monday); 0 for weeks.
        season: Length of the season: 7 or 1.
        windows: How many windows of the length of the horizon, one behind the other up to the end of the past, are foretold
            from what was known before each, to choose and to judge.
        born: Periods for which a series must have been sold before it is foretold.
    """

    step: Step
    first: date
    past: int
    horizon: int
    open: npt.NDArray[np.bool_]
    place: npt.NDArray[np.int64]
    season: int
    windows: int
    born: int

    @property
    def origins(self) -> tuple[int, ...]:
        """The first period of each window, and last of all that of the horizon."""
        return tuple(self.past - k * self.horizon for k in range(self.windows, -1, -1))

    def begins(self, period: int) -> date:
        """The first day of a period."""
        return self.first + timedelta(days=period * (7 if self.step == "week" else 1))


def day_calendar(lines: FloatArray, first: date, horizon: int) -> Calendar:
    """Days, from how many lines the whole shop sold on each.

    A day without a line is taken as closed where on its weekday at least 8 are usual on other weeks, or none was ever sold. A
    weekday on which nothing was sold for the last eight weeks will stay closed.

    Raises:
        TooLittleDataError: There are fewer days than four horizons and eight weeks.
    """
    past = len(lines)
    windows = _windows("day", past, horizon)
    place = (first.weekday() + np.arange(past + horizon)) % 7
    then = place[:past]
    sold = lines > 0
    usual = np.array([lines[(then == day) & sold].sum() for day in range(7)]) / np.maximum(
        np.array([((then == day) & sold).sum() for day in range(7)]), 1
    )
    shut = ~sold & ((usual[then] >= _BUSY_LINES) | (usual[then] == 0))
    recent = slice(max(0, past - 7 * _RECENT_WEEKS), past)
    stays = np.array([shut[recent][then[recent] == day].all() for day in range(7)])
    open_ = np.concatenate([~shut, ~stays[place[past:]]])
    return Calendar("day", first, past, horizon, open_, place, 7, windows, _BORN["day"])


def week_calendar(weeks: int, first: date, horizon: int) -> Calendar:
    """Weeks of seven days, all open.

    Raises:
        TooLittleDataError: There are fewer weeks than four horizons and twelve.
    """
    windows = _windows("week", weeks, horizon)
    size = weeks + horizon
    return Calendar(
        "week",
        first,
        weeks,
        horizon,
        np.ones(size, dtype=bool),
        np.zeros(size, dtype=np.int64),
        1,
        windows,
        _BORN["week"],
    )


def _windows(step: Step, past: int, horizon: int) -> int:
    windows = min(_WINDOWS_MAX, (past - _BEFORE[step]) // horizon)
    if windows < _WINDOWS_MIN:
        raise TooLittleDataError(
            f"a forecast of {horizon} {step}s",
            needed={f"{step}s of history": _BEFORE[step] + _WINDOWS_MIN * horizon},
            present={f"{step}s of history": past},
            advice="Four periods as long as the horizon are foretold to choose and to judge. Take a shorter horizon, or "
            "collect older orders.",
        )
    return windows
