"""How many units of each product or category, or of the whole shop, will be wanted: read, forecast, judged, told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, TooLittleDataError, nearest
from aimwell.history.moment import open_moment
from aimwell.predict.demand.calendar import Calendar, Step, day_calendar, week_calendar
from aimwell.predict.demand.forecasting import forecast_series
from aimwell.predict.demand.judging import DemandCheck, judge_demand
from aimwell.predict.demand.model import Demand
from aimwell.predict.demand.occasion_model import OccasionFound
from aimwell.predict.demand.occasion_reading import read_occasions
from aimwell.predict.demand.occasions import with_occasions
from aimwell.predict.demand.sales import LEVELS, Level, Sales, product_categories, read_sales
from aimwell.predict.training import span_days
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["DemandForecast", "forecast_demand"]

_SELLING_MIN = 10
_STEPS: tuple[Step, ...] = ("day", "week")


@dataclass(frozen=True, slots=True, eq=False)
class DemandForecast:
    """Units that will be wanted.

    Args:
        level, step: What a series and a period are.
        first, last: The first and the last day of the horizon.
        series: One row a series, see `forecast_demand`.
        periods: One row a series and day (or week).
        closed: Days of the horizon on which the shop will be closed.
        left_out: Why series were left out, and how many.
        check: How good forecasts and intervals were on later windows, without occasions.
        occasions: Those near the horizon, and whether they are taken into account.
        occasion_series: Rows of `occasion_model.OCCASION_ROWS`: what each of these adds to each series.
    """

    level: Level
    step: Step
    first: date
    last: date
    series: pa.Table
    periods: pa.Table
    closed: tuple[date, ...]
    left_out: dict[str, int]
    check: DemandCheck
    occasions: tuple[OccasionFound, ...]
    occasion_series: pa.Table

    def far(self, asked: Sequence[str]) -> list[str]:
        """Those of these occasions of which no day lies in the horizon or in the eight weeks before it."""
        near = {one.name for one in self.occasions}
        return [name for name in dict.fromkeys(asked) if name not in near]

    def occasion_rows(self, occasion: str, top: int) -> list[dict[str, Any]]:
        """The most wanted series of an occasion."""
        mine = pc.equal(self.occasion_series.column("occasion"), occasion)
        rows: list[dict[str, Any]] = self.occasion_series.filter(mine).slice(0, top).to_pylist()
        return rows

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the series."""
        return {
            "level": self.level,
            "step": self.step,
            "first": self.first,
            "last": self.last,
            "series": self.series.num_rows,
            "methods": dict(Counter(self.series.column("method").to_pylist()).most_common()),
            "closed": list(self.closed),
            "left_out": self.left_out,
            "check": asdict(self.check),
            "occasions": [one.to_dict() for one in self.occasions],
        }


def forecast_demand(
    stores: Stores,
    *,
    as_of: datetime,
    level: Level = "product",
    horizon_days: int = 28,
    step: Step = "day",
    occasions: Sequence[str] | None = None,
) -> DemandForecast:
    """Units of each series in each period of the horizon, with intervals of 90 %.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen; the horizon begins on its day, in the firm's time zone.
        level: 'product', 'category' or 'shop'.
        horizon_days: How far ahead; for weeks a multiple of 7.
        step: 'day' or 'week'.
        occasions: Names of documents or public holidays that may count; default: all that lie near the horizon.

    Returns:
        `series`, by units foretold, the most first: `series`, `name`, `sold` (units ever), `last` (units in as many
        periods just before), `method`, `mase` (over the
        windows of the past; null where undefined), `coverage` (share of later periods within their interval; null where too
        new), `total`, `lower`, `upper` (units over the horizon), and for categories `products_total`: the sum of the
        forecasts of their products. `periods`: `series`, `period` (its first day), `forecast`, `lower`, `upper`, `method`.

    Raises:
        TooLittleDataError: Too few days or weeks, nothing sold for a horizon before the moment, or no series sold on ten days and long enough.
        PredictError: A setting is none of these, there is no such occasion, or nothing was sold.
    """
    if level not in LEVELS:
        raise PredictError(f"'{level}' is nothing to forecast by. {nearest(level, LEVELS)}")
    if step not in _STEPS:
        raise PredictError(f"'{step}' is no step. {nearest(step, _STEPS)}")
    span_days(horizon_days)
    if step == "week" and horizon_days % 7:
        raise PredictError(f"A horizon in weeks is a multiple of 7 days; found {horizon_days}.")
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        sales = read_sales(moment, level)
        products = read_sales(moment, "product") if level == "category" else None
        belongs = product_categories(moment)
        ends = sales.first + timedelta(days=sales.days + horizon_days)
        kept_days = read_occasions(moment, sales.first, ends, occasions)
    _still_sells(sales, horizon_days)
    calendar = _calendar(sales, step, horizon_days)
    kept, left_out = _kept(sales, calendar)
    plain = _forecast(kept, calendar)
    known = with_occasions(kept, calendar, plain, _week(sales, calendar), kept_days)
    demand = known.demand
    below = None if products is None else _products_total(kept, products, belongs, calendar)
    series, order = _series(kept, demand, below)
    return DemandForecast(
        level=level,
        step=step,
        first=calendar.begins(calendar.past),
        last=calendar.begins(calendar.past + calendar.horizon) - timedelta(days=1),
        series=series,
        periods=_periods(kept, demand, calendar, order),
        closed=tuple(
            calendar.begins(calendar.past + n)
            for n in range(calendar.horizon)
            if not calendar.open[calendar.past + n]
        ),
        left_out=left_out,
        check=judge_demand(plain, calendar),
        occasions=known.found,
        occasion_series=known.rows,
    )


def _still_sells(sales: Sales, horizon_days: int) -> None:
    """Refuse where the orders end long before the moment: it would be forecast that nothing is wanted."""
    last = int(np.flatnonzero(sales.lines)[-1])
    if sales.days - last > horizon_days:
        what = f"days with a sale in the {horizon_days} days before"
        raise TooLittleDataError(
            f"a forecast from {sales.first + timedelta(days=sales.days)} on",
            needed={what: 1},
            present={what: 0},
            advice=f"The last sale was on {sales.first + timedelta(days=last)}. Collect what came later, or give a moment (as of) "
            "soon after that day.",
        )


def _calendar(sales: Sales, step: Step, horizon_days: int) -> Calendar:
    if step == "day":
        return day_calendar(sales.lines, sales.first, horizon_days)
    skip = sales.days % 7
    return week_calendar(sales.days // 7, sales.first + timedelta(days=skip), horizon_days // 7)


def _forecast(sales: Sales, calendar: Calendar) -> Demand:
    days, skip = _period_days(sales, calendar)
    start = np.maximum((sales.start - skip) // days, 0)
    return forecast_series(
        lambda which: sales.by_period(which, days, skip), start, calendar, _week(sales, calendar)
    )


def _period_days(sales: Sales, calendar: Calendar) -> tuple[int, int]:
    days = 7 if calendar.step == "week" else 1
    return days, sales.days % days


def _week(sales: Sales, calendar: Calendar) -> FloatArray:
    """The shop's usual share of each weekday before the first window, in lines; 1 on average over open weekdays."""
    if calendar.season == 1:
        return np.ones(1)
    end = calendar.origins[0]
    open_ = calendar.open[:end]
    place = calendar.place[:end][open_]
    lines = np.bincount(place, weights=sales.lines[:end][open_], minlength=calendar.season)
    days = np.bincount(place, minlength=calendar.season)
    mean = lines / np.maximum(days, 1)
    return np.asarray(mean / max(float(mean[days > 0].mean()), 1e-9))


def _kept(sales: Sales, calendar: Calendar) -> tuple[Sales, dict[str, int]]:
    """Series of which enough is known, and how many are not."""
    days, skip = _period_days(sales, calendar)
    latest = calendar.origins[-3] - calendar.born
    few = sales.selling_days < _SELLING_MIN
    new = ~few & ((sales.start - skip) // days > latest)
    left_out = {
        f"sold on fewer than {_SELLING_MIN} days": int(few.sum()),
        f"first sold after {calendar.begins(latest)}": int(new.sum()),
    }
    which = ~few & ~new
    if not which.any():
        raise TooLittleDataError(
            f"a forecast of {calendar.horizon} {calendar.step}s",
            needed={f"series sold on {_SELLING_MIN} days and for long enough": 1},
            present={f"series sold on {_SELLING_MIN} days and for long enough": 0},
            advice=f"A series must have been sold by {calendar.begins(latest)}. Take a shorter horizon, or forecast the whole "
            "shop.",
        )
    return sales.kept(which), {why: number for why, number in left_out.items() if number}


def _products_total(
    kept: Sales, products: Sales, belongs: dict[str, str], calendar: Calendar
) -> FloatArray:
    """For each category the sum of what is foretold of its products, as far as they can be foretold."""
    try:
        those, _ = _kept(products, calendar)
    except TooLittleDataError:
        return np.full(len(kept), np.nan)
    place = {name: number for number, name in enumerate(kept.names.to_pylist())}
    of_category = np.array([place.get(belongs.get(sku, ""), -1) for sku in those.names.to_pylist()])
    known = of_category >= 0
    total = _forecast(those, calendar).total
    return np.bincount(of_category[known], weights=total[known], minlength=len(kept)).astype(
        np.float64
    )


def _series(
    sales: Sales, demand: Demand, below: FloatArray | None
) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """A row for each series, and their order: what is wanted most comes first."""
    order = np.lexsort((np.arange(len(sales)), -demand.total))
    columns: dict[str, Any] = {
        "series": sales.names.take(pa.array(order)),
        "name": sales.labels.take(pa.array(order)),
        "sold": pa.array(sales.sold[order]),
        "last": pa.array(demand.last[order]),
        "method": pa.array([demand.names[one] for one in demand.method[order]], pa.string()),
        "mase": pa.array(demand.mase[order], from_pandas=True),
        "coverage": pa.array(demand.tried.covered[order], from_pandas=True),
        "total": pa.array(demand.total[order]),
        "lower": pa.array(demand.total_lower[order]),
        "upper": pa.array(demand.total_upper[order]),
    }
    if below is not None:
        columns["products_total"] = pa.array(below[order], from_pandas=True)
    return pa.table(columns), order


def _periods(
    sales: Sales, demand: Demand, calendar: Calendar, order: npt.NDArray[np.int64]
) -> pa.Table:
    """A row for each series and period, series in that order."""
    begins = [calendar.begins(calendar.past + n) for n in range(calendar.horizon)]
    number = pa.array(np.repeat(order, calendar.horizon))
    methods = pa.array(demand.names, pa.string())
    return pa.table(
        {
            "series": sales.names.take(number),
            "period": pa.array(begins * len(order), pa.date32()),
            "forecast": pa.array(demand.forecast[:, order].T.ravel()),
            "lower": pa.array(demand.lower[:, order].T.ravel()),
            "upper": pa.array(demand.upper[:, order].T.ravel()),
            "method": methods.take(pa.array(np.repeat(demand.method[order], calendar.horizon))),
        }
    )
