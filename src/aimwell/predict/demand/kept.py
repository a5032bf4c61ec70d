"""Forecasts of demand as a registered model: what was foretold of each series, kept as a version and put in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc

from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.card_words import estimate, loss_saved
from aimwell.predict.demand.promised import Promised
from aimwell.predict.demand.sales import Level, read_sales
from aimwell.predict.demand.service import forecast_demand
from aimwell.predict.registry import (
    RegisteredModel,
    check_name,
    load_part,
    register_model,
    usual_name,
)
from aimwell.stats.samples import FloatArray
from aimwell.store.stores import Stores

__all__ = ["Wanted", "demand_words", "promised_of", "train_demand", "units_lately", "wanted_after"]

_PART = "promised"
_USUAL_DAYS = 56
_VERDICTS = {
    "better": "nearer than seasonal naive by more than chance",
    "worse": "farther off than seasonal naive by more than chance",
    "cannot tell": "no nearer than seasonal naive by more than chance",
}


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Series that could be forecast as of a moment, by series and day: what was foretold, what a week before was sold, and what came.

    Args:
        series: Number of the row's series.
        foretold, week_before, came: Units of a day.
        usual: Mean units of a day of the series in the eight weeks before.
    """

    series: np.ndarray
    foretold: FloatArray
    week_before: FloatArray
    came: FloatArray
    usual: FloatArray

    def losses(self, units: FloatArray) -> FloatArray:
        """Squared errors of units, each over 1 + what is usual, so that no large seller counts alone. Least where they are the mean."""
        return np.asarray((units - self.came) ** 2 / (1 + self.usual))


def train_demand(
    stores: Stores,
    *,
    as_of: datetime,
    level: Level = "product",
    horizon_days: int = 28,
    name: str | None = None,
    now: datetime,
) -> RegisteredModel:
    """Register a forecast by day as the next version of a model, judged on later windows of the past.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is seen.
        level: 'product', 'category' or 'shop'.
        horizon_days: How far ahead.
        name: Of the model; default: `demand-product-28d`.
        now: When.

    Raises:
        TooLittleDataError, PredictError: As `forecast_demand`; or `name` stands for another model.
    """
    name = name or usual_name(f"demand-{level}", horizon_days)
    settings = {"horizon_days": horizon_days, "by": level}
    check_name(stores, name, kind="demand", settings=settings)
    found = forecast_demand(stores, as_of=as_of, level=level, horizon_days=horizon_days)
    rows = found.series
    told = {
        one: tuple(float(number) for number in rows.column(one).to_pylist())
        for one in ("total", "lower", "upper")
    }
    figures = found.to_dict()
    return register_model(
        stores,
        {_PART: Promised(tuple(rows.column("series").to_pylist()), **told)},
        name=name,
        kind="demand",
        as_of=as_of.astimezone(UTC),
        settings=settings,
        metrics={
            "first": str(found.first),
            "last": str(found.last),
            "series": rows.num_rows,
            "units": float(pc.sum(rows.column("total")).as_py() or 0.0),
            "before": float(pc.sum(rows.column("last")).as_py() or 0.0),
            "methods": figures["methods"],
            "left_out": found.left_out,
            "check": asdict(found.check),
            "occasions": [one.name for one in found.occasions],
        },
        lake_versions=stores.lake.pin(*TIME_COLUMNS).versions,
        trained_at=now,
    )


def promised_of(stores: Stores, entry: RegisteredModel) -> Promised:
    """What a version foretold. Raises ModelFileError where its files are missing or were changed."""
    return load_part(stores, entry, _PART, Promised)


def wanted_after(stores: Stores, cut: datetime, *, level: Level, horizon_days: int) -> Wanted:
    """What the same way of forecasting foretells as of a moment, beside what was sold in the horizon after it.

    Raises:
        TooLittleDataError, PredictError: As `forecast_demand`.
    """
    found = forecast_demand(stores, as_of=cut, level=level, horizon_days=horizon_days)
    with open_moment(
        stores, as_of=cut + timedelta(days=horizon_days), engine=stores.history_engine
    ) as moment:
        sales = read_sales(moment, level)
    start = (found.first - sales.first).days
    place = {name: number for number, name in enumerate(sales.names.to_pylist())}
    names = found.series.column("series").to_pylist()
    which = np.array([place[name] for name in names], dtype=np.int64)
    units = sales.by_period(which, 1, 0)
    came = units[start : start + horizon_days]
    days = np.arange(len(came))
    before = units[start - 7 + days % 7]
    foretold = np.reshape(
        found.periods.column("forecast").to_numpy(), (len(names), horizon_days)
    ).T[: len(came)]
    return Wanted(
        series=np.tile(np.arange(len(names)), len(came)),
        foretold=foretold.ravel(),
        week_before=before.ravel(),
        came=came.ravel(),
        usual=np.tile(units[max(0, start - _USUAL_DAYS) : start].mean(axis=0), len(came)),
    )


def units_lately(stores: Stores, as_of: datetime, *, level: Level, days: int) -> FloatArray:
    """Units of each series that sold in so many days before a moment."""
    with open_moment(stores, as_of=as_of, engine=stores.history_engine) as moment:
        sales = read_sales(moment, level)
    series = np.repeat(np.arange(len(sales)), sales.selling_days)
    late = sales.day >= sales.days - days
    found = np.bincount(series[late], weights=sales.units[late], minlength=len(sales))
    return np.asarray(found[found > 0], dtype=np.float64)


def demand_words(entry: RegisteredModel, _zone: ZoneInfo) -> dict[str, Any]:
    """The parts of the card."""
    metrics, check = entry.metrics, entry.metrics["check"]
    level, days = entry.settings["by"], entry.settings["horizon_days"]
    whose = "the whole shop" if level == "shop" else f"each {level}"
    worth = f"{_VERDICTS[check['verdict']]} ({loss_saved(check['gain'], '.3f')}, RMSSE)"
    methods = ", ".join(f"{name} {count:,}" for name, count in metrics["methods"].items())
    return {
        "predicts": f"How many units of {whose} will be wanted on each day from {metrics['first']} to {metrics['last']}.",
        "sentence": f"{metrics['units']:,.0f} units of {_series(metrics['series'], level)} are expected within {days} days; in as many "
        f"days just before it were {metrics['before']:,.0f}. On later windows of the past it was {worth}.",
        "learnt_from": [
            f"Units ordered by day, before returns. Methods: {methods}.",
            *(f"Left out, {why}: {number:,}." for why, number in metrics["left_out"].items()),
        ],
        "how_good": [
            f"Judged on {check['windows']} later windows of {check['horizon']} days, {_series(check['series'], level)}: {worth}.",
            *(
                f"{words}: {_of(check[name]['chosen'])}; of seasonal naive {_of(check[name]['naive'])}."
                for name, words in (
                    ("mase", "MASE"),
                    ("rmsse", "RMSSE"),
                    ("wape", "WAPE (errors ÷ units)"),
                )
            ),
            f"Intervals of {check['confidence']:.0%}: {estimate(check['covered'], '.1%')} of days lay within theirs, "
            f"{estimate(check['total_covered'], '.1%')} of sums over the horizon.",
        ],
        "calibration": [],
        "features": [],
        "caveats": [
            "It foretells from its own day on: use the newest version. What is out of stock is not sold, and counts as not wanted.",
            "Promotions that are planned are not known to it, occasions are.",
        ],
    }


def _series(count: int, level: str) -> str:
    many = {"product": "products", "category": "categories"}
    return (
        "the whole shop" if level == "shop" else f"{count:,} {many[level] if count != 1 else level}"
    )


def _of(figure: float | None) -> str:
    return "not known" if figure is None else f"{figure:.3f}"
