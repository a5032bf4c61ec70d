"""Demand with its occasions: each is learnt from the times that it came, judged on the later ones of these, and used where it helps.

The past is divided by the factors, forecast by the method that the series takes, and multiplied by the factors of the days ahead. To
judge, each time but the first is foretold from its first day on by what was known before it, once with the factors of the times before
and once without. An occasion that was wholly seen fewer than twice can be neither learnt nor judged and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.predict.demand.calendar import Calendar
from aimwell.predict.demand.forecasting import CHUNK
from aimwell.predict.demand.model import Demand
from aimwell.predict.demand.occasion_days import (
    DemandOccasion,
    Occurrence,
    plan_days,
)
from aimwell.predict.demand.occasion_factors import (
    Effect,
    OccasionSums,
    learn_effect,
    sums_of,
)
from aimwell.predict.demand.occasion_model import (
    OCCASION_ROWS,
    OccasionDemand,
    OccasionFound,
    phase_words,
)
from aimwell.predict.demand.occasion_trying import Known, Tried, try_occasion
from aimwell.predict.demand.sales import Sales
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["with_occasions"]

_TIMES_MIN = 2
_BEFORE_DAYS = 56
_TINY = 1e-9
_Z = 1.645

Which = npt.NDArray[np.int64]


def with_occasions(
    sales: Sales,
    calendar: Calendar,
    demand: Demand,
    week: FloatArray,
    occasions: Sequence[DemandOccasion],
) -> OccasionDemand:
    """Forecasts that know the occasions which help.

    Args:
        sales: Of the series of the forecast.
        calendar: Its periods.
        demand: The forecast without occasions.
        week: The shop's usual share of each place in the season.
        occasions: See `occasion_reading.read_occasions`.
    """
    days = 7 if calendar.step == "week" else 1
    skip = sales.days % days
    horizon = calendar.horizon * days
    plan = plan_days(
        occasions, sales.first, past=sales.days, horizon=horizon, open_days=sales.lines > 0
    )
    near = [
        number
        for number in range(len(occasions))
        if (plan.occasion[max(sales.days - _BEFORE_DAYS, 0) :] == number).any()
    ]
    times = {number: plan.seen(number, before=sales.days) for number in near}
    enough = {number: seen for number, seen in times.items() if len(seen) >= _TIMES_MIN}
    share = _day_share(sales, min((seen[1].days[0] for seen in enough.values()), default=0))
    known = Known(
        sales,
        calendar,
        week,
        demand.method,
        plan,
        _all_sums(sales, occasions, enough, share),
        days,
        skip,
    )
    told = {number: try_occasion(known, number, seen) for number, seen in enough.items()}
    effects = {number: learn_effect(known.sums[number]) for number in told if told[number].used}
    found = tuple(
        _found(
            known, occasions[number], number, times[number], told.get(number), effects.get(number)
        )
        for number in near
    )
    if not effects:
        return OccasionDemand(demand, found, OCCASION_ROWS.empty_table())
    changed, rows = _foretold(known, demand, effects, [one.name for one in occasions])
    return OccasionDemand(changed, found, rows)


def _day_share(sales: Sales, end: int) -> FloatArray:
    """The shop's usual share of each day's weekday, 1 on average, by the lines before a day; without any 1."""
    days = (sales.first.weekday() + np.arange(sales.days)) % 7
    total = np.bincount(days[:end], weights=sales.lines[:end], minlength=7)
    if not total.any():
        return np.ones(len(days))
    return np.asarray((total * 7 / total.sum())[days])


def _all_sums(
    sales: Sales,
    occasions: Sequence[DemandOccasion],
    times: dict[int, tuple[Occurrence, ...]],
    share: FloatArray,
) -> dict[int, list[OccasionSums]]:
    if not times:
        return {}
    parts: dict[int, list[list[OccasionSums]]] = {
        number: [[] for _ in seen] for number, seen in times.items()
    }
    for at in range(0, len(sales), CHUNK):
        which = np.arange(at, min(at + CHUNK, len(sales)))
        units, start = sales.by_period(which, 1, 0), sales.start[which]
        for number, seen in times.items():
            phases = len(occasions[number].phases)
            for place, one in enumerate(seen):
                parts[number][place].append(sums_of(one, phases, units, start, share))
    return {number: [OccasionSums.joined(one) for one in found] for number, found in parts.items()}


def _found(
    known: Known,
    occasion: DemandOccasion,
    number: int,
    seen: tuple[Occurrence, ...],
    told: Tried | None,
    effect: Effect | None,
) -> OccasionFound:
    first_ahead = known.sales.days
    mine = [one for one in known.plan.occurrences if one.occasion == number]
    ahead = [one for one in mine if int(one.days[-1]) >= first_ahead]
    latest = ahead[0] if ahead else mine[-1]
    within = latest.days[latest.days >= first_ahead]
    if told is None:
        times = {0: "never wholly seen", 1: "wholly seen once"}[len(seen)]
        none = Estimate.missing(times, method="none", confidence=0.95)
        told = Tried(
            False,
            none,
            (),
            f"{times}, with the weeks before it; two times are needed to learn and to judge",
        )
    return OccasionFound(
        name=occasion.name,
        on=latest.on,
        first=_date(known, within[0]) if len(within) else None,
        last=_date(known, within[-1]) if len(within) else None,
        seen=tuple(one.on for one in seen),
        judged=told.judged,
        used=told.used,
        why=told.why,
        gain=told.gain,
        factors={}
        if effect is None
        else {
            phase_words(phase): float(factor)
            for phase, factor in zip(occasion.phases, effect.overall, strict=True)
        },
    )


def _date(known: Known, day: np.int64) -> date:
    return known.sales.first + timedelta(days=int(day))


def _foretold(
    known: Known, demand: Demand, effects: dict[int, Effect], names: Sequence[str]
) -> tuple[Demand, pa.Table]:
    """The forecast with the occasions, and what each of them adds."""
    calendar, past = replace(known.calendar, windows=0), known.calendar.past
    size = len(known.sales)
    parts: list[FloatArray] = []
    added: dict[int, list[FloatArray]] = {number: [] for number in effects}
    for at in range(0, size, CHUNK):
        which = np.arange(at, min(at + CHUNK, size))
        factor = known.factors(effects, which)
        units = known.sales.by_period(which, known.days, known.skip)
        base = known.ahead(which, units, factor, calendar)
        parts.append(base * factor[past:])
        for number in effects:
            others = {one: effect for one, effect in effects.items() if one != number}
            added[number].append(base * (factor - known.factors(others, which))[past:])
    forecast = np.concatenate(parts, axis=1)
    more = {number: np.concatenate(one, axis=1) for number, one in added.items()}
    spread = _occasion_spread(known, effects, forecast)
    total = forecast.sum(axis=0)
    # The occasion's own uncertainty beside that of the level, as independent parts of a logarithm.
    own = spread.sum(axis=0) / np.maximum(total, _TINY)
    bounds = replace(
        demand.bounds,
        total_low=-np.hypot(demand.bounds.total_low, own),
        total_high=np.hypot(demand.bounds.total_high, own),
    )
    low, high = bounds.of_periods(forecast, calendar.open[past:])
    total_lower, total_upper = bounds.of_total(total)
    changed = replace(
        demand,
        forecast=forecast,
        lower=np.maximum(forecast - np.hypot(forecast - low, spread), 0.0),
        upper=forecast + np.hypot(high - forecast, spread),
        total=total,
        total_lower=total_lower,
        total_upper=total_upper,
        bounds=bounds,
    )
    return changed, _rows(known, replace(changed, bounds=demand.bounds), effects, more, names)


def _occasion_spread(known: Known, effects: dict[int, Effect], forecast: FloatArray) -> FloatArray:
    """How far an occasion's factor may lead each period astray, at 90 %, in units: periods × series."""
    between = np.zeros(len(known.plan.occasion))
    for number, effect in effects.items():
        between[known.plan.occasion == number] = effect.between
    ahead = between[known.sales.days :].reshape(-1, known.days).mean(axis=1)
    return np.asarray(_Z * ahead[:, None] * forecast)


def _rows(
    known: Known,
    demand: Demand,
    effects: dict[int, Effect],
    added: dict[int, FloatArray],
    names: Sequence[str],
) -> pa.Table:
    order = np.lexsort((np.arange(len(demand.total)), -demand.total))
    tables = []
    for number, effect in effects.items():
        ahead = known.plan.occasion[known.sales.days :].reshape(-1, known.days) == number
        periods = ahead.any(axis=1)
        if not periods.any():
            continue
        on = next(
            one.on
            for one in known.plan.occurrences
            if one.occasion == number and int(one.days[-1]) >= known.sales.days
        )
        foretold = demand.forecast[periods]
        total = foretold.sum(axis=0)
        # Of fewer periods than the horizon has the sum scatters more: so much as their own errors do not even out.
        alone = (1 - periods.mean()) * (foretold + 1).sum(axis=0) / (total + 1) ** 2
        own = _Z * effect.between
        low = np.sqrt(demand.bounds.total_low**2 + own**2 + demand.bounds.low**2 * alone)
        high = np.sqrt(demand.bounds.total_high**2 + own**2 + demand.bounds.high**2 * alone)
        tables.append(
            pa.table(
                [
                    pa.repeat(pa.scalar(names[number]), len(order)),
                    known.sales.names.take(pa.array(order)),
                    known.sales.labels.take(pa.array(order)),
                    pa.repeat(pa.scalar(on, pa.date32()), len(order)),
                    pa.array(total[order]),
                    pa.array(np.maximum((total + 1) * np.exp(-low) - 1, 0.0)[order]),
                    pa.array(((total + 1) * np.exp(high) - 1)[order]),
                    pa.array(added[number][periods].sum(axis=0)[order]),
                ],
                schema=OCCASION_ROWS,
            )
        )
    return pa.concat_tables(tables) if tables else OCCASION_ROWS.empty_table()
