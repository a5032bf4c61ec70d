"""Next purchases foretold, held against what came later, beside rules that know nothing of the person's pace."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.timing.kaplan_meier import WaitCurve
from aimwell.predict.timing.wait_losses import (
    Ahead,
    CurveAhead,
    Forecaster,
    point_losses,
    row_losses,
)
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray

__all__ = [
    "EVERYBODY",
    "RENEWAL",
    "Promise",
    "WaitCheck",
    "check_waits",
    "covered",
    "promises",
]

EVERYBODY, RENEWAL = "everybody's waits", "renewal model"
"""Names of the two that give probabilities."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Of all people, `predicted` should buy within so many days; `happened` did."""

    days: int
    predicted: float
    happened: Estimate


@dataclass(frozen=True, slots=True)
class WaitCheck:
    """The judgement on a later period.

    Args:
        rows: People, or people with an item, that were judged.
        returned: How many bought again within `horizon_days`.
        forecasters: The model first, then the dull rules.
        over_curve: By how much the model's pinball loss is lower than that of everybody's curve, in days a row.
        promises: Probabilities against shares.
        covered_50, covered_90: Of those who bought again within the horizon, the share that did so within the interval
            that was foretold for them (given that they would).
        verdict: 'better', 'worse' or 'cannot tell', by the interval of `over_curve`.
    """

    horizon_days: int
    rows: int
    returned: int
    forecasters: tuple[Forecaster, ...]
    over_curve: Estimate
    promises: tuple[Promise, ...]
    covered_50: Estimate
    covered_90: Estimate
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def check_waits(
    ahead: Ahead,
    curve: WaitCurve,
    *,
    own_median: FloatArray,
    shop_median: float,
    came: FloatArray,
    horizon_days: int,
    people: npt.NDArray[np.int64],
) -> WaitCheck:
    """Judge forecasts of a moment on what came after it.

    Args:
        ahead: The model's forecasts, one a row.
        curve: Everybody's waits before the moment.
        own_median: The median of each row's own gaps in days; NaN where there is none.
        shop_median: The median of all gaps in days, for the dull rule.
        came: Days from the moment to the next purchase; inf where none came within the horizon.
        horizon_days: How far the later period reaches.
        people: Whose row it is; rows of one person are not independent.
    """
    rows = len(came)
    own = row_losses(ahead, came, horizon_days)
    rule = row_losses(CurveAhead(curve, ahead.waited), came, horizon_days)
    dull = {
        "the person's median gap": np.where(np.isnan(own_median), shop_median, own_median),
        "the shop's median gap": np.full(rows, shop_median),
    }
    points = {
        name: point_losses(np.maximum(gap - ahead.waited, 1.0), came, horizon_days)
        for name, gap in dull.items()
    }
    over = paired_difference(rule.pinball - own.pinball, groups=people)
    returned = int(np.isfinite(came).sum())
    return WaitCheck(
        horizon_days=horizon_days,
        rows=rows,
        returned=returned,
        forecasters=(
            own.forecaster(RENEWAL),
            rule.forecaster(EVERYBODY),
            *(Forecaster(name, float(loss.mean()), None) for name, loss in points.items()),
        ),
        over_curve=over,
        promises=promises(ahead, came, horizon_days),
        covered_50=covered(own.inside_50, returned),
        covered_90=covered(own.inside_90, returned),
        verdict=verdict_of(over),
    )


def promises(ahead: Ahead, came: FloatArray, horizon_days: int) -> tuple[Promise, ...]:
    """Mean probabilities beside what happened, within 7, 14 and 30 days and the horizon."""
    spans = sorted({min(days, horizon_days) for days in (7, 14, 30)} | {horizon_days})
    return tuple(
        Promise(
            days,
            float(ahead.within(days).mean()),
            wilson(int((came <= days).sum()), len(came)),
        )
        for days in spans
    )


def covered(inside: int, returned: int) -> Estimate:
    """The share of those who came back who did so within their interval."""
    if not returned:
        return Estimate.missing(
            "nobody bought again in the period", method="Wilson", confidence=0.95
        )
    return wilson(inside, returned)
