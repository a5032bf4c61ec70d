"""Forms in which people write dates and times."""

from __future__ import annotations

__all__ = ["DATE_FORMS", "DAY_MONTH", "TIME_FORMS", "day_month_forms"]

DATE_FORMS = (
    "%d.%m.%Y",
    "%Y.%m.%d",
    "%Y/%m/%d",
    "%Y-%m-%d",
    "%Y%m%d",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%B-%Y",
    "%d/%b/%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%a, %d %b %Y",
    "%A, %d %B %Y",
)
"""Dates that can be read in one way only."""

TIME_FORMS = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    " %I:%M %p",
    " %I:%M:%S %p",
    "T%H:%M:%S",
    ":%H:%M:%S",
    "%H%M%S",
)

DAY_MONTH = r"^([0-9]{1,2})[/-]([0-9]{1,2})[/-][0-9]{4}([ T,:]|$)"
"""Dates in which day and month may stand in either order."""


def day_month_forms(*, day_first: bool) -> tuple[str, ...]:
    """All forms with slashes or hyphens and the year last."""
    heads = ("%d/%m/%Y", "%d-%m-%Y") if day_first else ("%m/%d/%Y", "%m-%d-%Y")
    times = (*TIME_FORMS[:-1], ", %H:%M", ", %H:%M:%S")
    return tuple(f"{head}{time}" for head in heads for time in times)
