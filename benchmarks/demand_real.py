"""Whether intervals of demand held: products of Online Retail, forecast from eleven moments, against what was then sold.

`benchmarks/demand_real.py [--quick]`

The shop comes in by its written source. Six forecasts look 28 days ahead and five 14, four to six weeks apart, so that all of what
came later is judged and no season alone. Closed days do not count. A figure is wrong, and the exit code 1, where intervals of 90 %
held in fewer than 88 % of the cases over all moments; a moment is one case of the shop, however many products it has.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from aimwell.history.moment import open_moment
from aimwell.predict.demand.sales import Sales, read_sales
from aimwell.predict.demand.service import forecast_demand
from aimwell.store.stores import Stores
from predict_real import DATA, SETS, taken_in

SHOP = SETS["online-retail"]
ZONE = ZoneInfo(SHOP.timezone)
ENDS = datetime(2011, 12, 9, tzinfo=ZONE)
# Horizon → days from the first moment to the next, and the first moment, in days after 2010-12-01.
PLANS = {28: (28, 200), 14: (42, 150)}
LEAST = 0.88


def main() -> int:
    """Print a line per moment, and the means; 1 where intervals held too rarely."""
    parser = argparse.ArgumentParser(description="Intervals of demand afterwards")
    parser.add_argument("--quick", action="store_true", help="the last moment of each plan")
    asked = parser.parse_args()
    if not (DATA / SHOP.folder).is_dir():
        print(f"The data set {SHOP.folder} is absent; set AIMWELL_DATA to measure it.")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        stores = taken_in(SHOP, Path(folder) / "shop")
        with open_moment(stores, as_of=ENDS) as moment:
            sold = read_sales(moment, "product")
        found = []
        for horizon, (step, first) in PLANS.items():
            moments = list(range(first, sold.days - horizon, step))
            for days in moments[-1:] if asked.quick else moments:
                found.append(held(stores, sold, days, horizon))
        stores.close()
    days_held, sums_held = np.mean(found, axis=0)
    fine = min(days_held, sums_held) >= LEAST
    print(
        f"{len(found)} moments: {days_held:.1%} of days, {sums_held:.1%} of sums, to reach {LEAST:.0%}{'' if fine else ' MISSED'}"
    )
    return 0 if fine or asked.quick else 1


def held(stores: Stores, sold: Sales, days: int, horizon: int) -> tuple[float, float]:
    """The share of open days and of sums within their intervals, of the forecast made so many days after the shop began."""
    as_of = datetime.combine(sold.first + timedelta(days=days), time(), ZONE)
    found = forecast_demand(stores, as_of=as_of, level="product", horizon_days=horizon)
    places = {name: place for place, name in enumerate(sold.names.to_pylist())}
    series = found.series.column("series").to_pylist()
    later = sold.by_period(np.arange(len(sold)), 1, 0)[days : days + horizon]
    later = later[:, [places[name] for name in series]]
    order = {name: place for place, name in enumerate(series)}
    lower, upper = np.zeros_like(later), np.zeros_like(later)
    for row in found.periods.to_pylist():
        at = (row["period"] - found.first).days, order[row["series"]]
        lower[at], upper[at] = row["lower"], row["upper"]
    # Days on which nobody sold anything were closed, whoever knew it before.
    open_ = sold.lines[days : days + horizon] > 0
    inside = ((later >= lower) & (later <= upper))[open_].mean()
    total = later.sum(axis=0)
    least, most = (found.series.column(name).to_numpy() for name in ("lower", "upper"))
    sums = ((total >= least) & (total <= most)).mean()
    told = found.check
    print(
        f"{as_of:%Y-%m-%d}, {horizon} days, {len(series):,} products: {inside:.1%} of days, {sums:.1%} of sums; told beforehand "
        f"{told.covered.estimate or 0:.1%} and {told.total_covered.estimate or 0:.1%}"
    )
    return float(inside), float(sums)


if __name__ == "__main__":
    raise SystemExit(main())
