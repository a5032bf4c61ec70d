"""The smallest lift that a plan can find, from what the same people did before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.model import Detectable
from aimwell.stats.power import (
    DEFAULT_ALPHA,
    DEFAULT_POWER,
    smallest_mean_lift,
    smallest_proportion_lift,
)

__all__ = ["detectable", "in_words"]


def detectable(
    values: NDArray[np.float64],
    bought: NDArray[np.bool_],
    *,
    treated: int,
    control: int,
    unit: str,
    metric: str,
) -> tuple[Detectable, ...]:
    """Smallest detectable rise of the conversion rate and of the value per person.

    Args:
        values: One value a person (`unit`), in a window of the campaign's length before the plan.
        bought: Whether the person converted in that window.
        treated, control: People in the arms.
        unit: Unit of the values, as 'GBP'.
        metric: Name of the value, as 'revenue per person'.
    """
    figures: list[Detectable] = []
    if values.size == 0 or control == 0 or treated == 0:
        reason = "an arm has nobody in it" if values.size else "nobody is eligible"
        return tuple(
            Detectable(name, of, None, None, None, DEFAULT_POWER, 1 - DEFAULT_ALPHA, reason)
            for name, of in (("conversion rate", "share"), (metric, unit))
        )
    rate = float(bought.mean())
    share = smallest_proportion_lift(rate, treated_n=treated, control_n=control)
    figures.append(_row("conversion rate", "share", rate, share.value, share.reason))
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    mean = smallest_mean_lift(spread, treated_n=treated, control_n=control)
    figures.append(_row(metric, unit, float(values.mean()), mean.value, mean.reason))
    return tuple(figures)


def _row(
    metric: str, unit: str, base: float, difference: float | None, reason: str | None
) -> Detectable:
    relative = difference / base if difference is not None and base > 0 else None
    return Detectable(
        metric, unit, base, difference, relative, DEFAULT_POWER, 1 - DEFAULT_ALPHA, reason
    )


def in_words(figures: Sequence[Detectable]) -> list[str]:
    """One sentence a figure."""
    lines = []
    for figure in figures:
        if figure.difference is None:
            lines.append(f"No lift of the {figure.metric} can be detected: {figure.reason}.")
        elif figure.unit == "share":
            lines.append(
                f"A rise of the {figure.metric} from {figure.base:.1%} by {100 * figure.difference:.1f} points or more "
                f"would be found with {figure.power:.0%} probability."
            )
        else:
            lines.append(
                f"A rise of the {figure.metric} from {figure.base:,.2f} by {figure.difference:,.2f} {figure.unit} "
                f"or more would be found with {figure.power:.0%} probability."
            )
    return lines
