"""Next purchases foretold, held against what came later, beside rules that know nothing of the person's pace.

Everything is measured on the time to the next purchase or the end of the later period, whichever comes first, so that who has
not come back by then counts too. The *pinball loss* of a quantile, averaged over five of them, is in days; less is better. The
*log score* is the mean log-probability of what happened (came on that day, or stayed away); more is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from aimwell.predict.paired import paired_difference, verdict_of
from aimwell.predict.timing.kaplan_meier import WaitCurve
from aimwell.predict.timing.renewal import NextGap
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.samples import FloatArray

__all__ = [
    "QUANTILES",
    "Forecaster",
    "Promise",
    "WaitCheck",
    "check_waits",
    "log_scores",
]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_CHUNK_CELLS = 4_000_000
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class Forecaster:
    """How well one way to foretell did: mean pinball loss (days) and log score; None where it gives no probabilities."""

    name: str
    pinball_days: float
    log_score: float | None


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
    ahead: NextGap,
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
    size = max(1, _CHUNK_CELLS // horizon_days)
    waited = ahead.waited
    parts: list[_Part] = []
    for start in range(0, rows, size):
        cut = slice(start, start + size)
        parts.append(_judged(ahead.take(cut), curve, came[cut], horizon_days))
    dull = {
        "the person's median gap": np.where(np.isnan(own_median), shop_median, own_median),
        "the shop's median gap": np.full(rows, shop_median),
    }
    points = {
        name: _pinball_point(np.maximum(gap - waited, 1.0), came, horizon_days)
        for name, gap in dull.items()
    }
    model = np.concatenate([part.model_pinball for part in parts])
    rule = np.concatenate([part.curve_pinball for part in parts])
    over = paired_difference(rule - model, groups=people)
    back = np.isfinite(came)
    inside_50 = int(sum(part.inside_50 for part in parts))
    inside_90 = int(sum(part.inside_90 for part in parts))
    returned = int(back.sum())
    return WaitCheck(
        horizon_days=horizon_days,
        rows=rows,
        returned=returned,
        forecasters=(
            Forecaster("renewal model", float(model.mean()), _mean(parts, "model_log")),
            Forecaster("everybody's waits", float(rule.mean()), _mean(parts, "curve_log")),
            *(Forecaster(name, float(loss.mean()), None) for name, loss in points.items()),
        ),
        over_curve=over,
        promises=tuple(
            Promise(days, float(ahead.within(days).mean()), wilson(int((came <= days).sum()), rows))
            for days in sorted({min(days, horizon_days) for days in (7, 14, 30)} | {horizon_days})
        ),
        covered_50=_share(inside_50, returned),
        covered_90=_share(inside_90, returned),
        verdict=verdict_of(over),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    model_pinball: FloatArray
    curve_pinball: FloatArray
    model_log: FloatArray
    curve_log: FloatArray
    inside_50: int
    inside_90: int


def log_scores(
    within: Callable[[slice, float], FloatArray], came: FloatArray, horizon_days: int
) -> FloatArray:
    """The log-probability of what happened to each row: it came on that day, or stayed away.

    Args:
        within: The probability of a purchase within so many days, of some of the rows.
        came: Days to the next purchase; inf where none came within the horizon.
        horizon_days: How far is looked.
    """
    size = max(1, _CHUNK_CELLS // horizon_days)
    found = np.empty(len(came))
    for start in range(0, len(came), size):
        rows = slice(start, start + size)
        part = came[rows]
        by_day = _by_day(partial(within, rows), len(part), horizon_days)
        found[rows] = _log_score(by_day, part)
    return found


def _judged(ahead: NextGap, curve: WaitCurve, came: FloatArray, horizon: int) -> _Part:
    model = _by_day(ahead.within, len(came), horizon)
    rule = _by_day(lambda days: curve.within(ahead.waited, days), len(came), horizon)
    back = np.isfinite(came)
    whole = model[:, -1:]
    shares = np.divide(model, whole, out=np.zeros_like(model), where=whole > 0)[back]
    place = came[back].astype(np.int64)
    before = np.where(
        place > 1, np.take_along_axis(shares, np.maximum(place - 2, 0)[:, None], 1)[:, 0], 0.0
    )
    until = np.take_along_axis(shares, (place - 1)[:, None], 1)[:, 0]
    # Days are whole, so a quantile falls within one: a day counts by the part of its probability that lies inside.
    return _Part(
        _pinball(model, came, horizon),
        _pinball(rule, came, horizon),
        _log_score(model, came),
        _log_score(rule, came),
        _inside(before, until, 0.25),
        _inside(before, until, 0.05),
    )


def _inside(before: FloatArray, until: FloatArray, tail: float) -> int:
    """Rows whose day lies in the middle of the law; the middle of a day's probability says on which side it is."""
    middle = (before + until) / 2
    return int(((middle >= tail) & (middle <= 1 - tail)).sum())


def _by_day(within: Callable[[float], FloatArray], rows: int, horizon: int) -> FloatArray:
    found = np.empty((rows, horizon))
    for day in range(horizon):
        found[:, day] = within(float(day + 1))
    return found


def _pinball(cumulative: FloatArray, came: FloatArray, horizon: int) -> FloatArray:
    actual = np.minimum(came, horizon)
    loss = np.zeros(len(came))
    for share in QUANTILES:
        foretold = np.minimum((cumulative < share).sum(axis=1) + 1.0, horizon)
        loss += np.maximum(share * (actual - foretold), (share - 1) * (actual - foretold))
    return loss / len(QUANTILES)


def _pinball_point(foretold: FloatArray, came: FloatArray, horizon: int) -> FloatArray:
    """Of a rule that names one day for all quantiles."""
    error = np.minimum(came, horizon) - np.minimum(foretold, horizon)
    return np.asarray(
        np.mean([np.maximum(q * error, (q - 1) * error) for q in QUANTILES], axis=0),
        dtype=np.float64,
    )


def _log_score(cumulative: FloatArray, came: FloatArray) -> FloatArray:
    density = np.diff(cumulative, axis=1, prepend=0.0)
    back = np.isfinite(came)
    place = np.where(back, came, 1).astype(np.int64) - 1
    chance = np.where(
        back, np.take_along_axis(density, place[:, None], 1)[:, 0], 1 - cumulative[:, -1]
    )
    return np.log(np.maximum(chance, _FLOOR))


def _mean(parts: list[_Part], name: str) -> float:
    return float(np.concatenate([getattr(part, name) for part in parts]).mean())


def _share(inside: int, returned: int) -> Estimate:
    if not returned:
        return Estimate.missing(
            "nobody bought again in the period", method="Wilson", confidence=0.95
        )
    return wilson(inside, returned)
