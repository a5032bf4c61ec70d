"""Demand of 100,000 series: seven methods on eight windows and the horizon, against a loop over series, and statsforecast.

`benchmarks/demand.py [--series 100000] [--peer PYTHON] [--quick]`

560 days, series that sell 0.02 to 60 a day by the week, some with a trend or a yearly wave that begins anywhere. Yardstick in the same
run: eighteen smoothings, which is how many ours tries, each a plain loop over the periods of each series; ours has three more
rules, chooses, judges, and makes intervals. The peer, `statsforecast` in an environment of its own (`--peer` or
`AIMWELL_STATSFORECAST_PYTHON`), fits `AutoETS` to each of a few hundred series for the horizon alone. Accuracy on the horizon, which
nobody saw, is compared too.

Intervals of 90 % miss where they held in fewer than 89 % of cases by more than chance: three standard errors over the series that are
looked at, which are independent. Beside it stands a shop of which a third of the series share one wave, seen once, that falls
steepest over the horizon: one horizon tells of one fall, however many series there are, so it is printed and not judged.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from aimwell.predict.demand.calendar import Calendar, day_calendar
from aimwell.predict.demand.forecasting import forecast_series
from aimwell.predict.demand.judging import judge_demand
from aimwell.predict.demand.model import Demand

PAST, HORIZON = 560, 28
WEEK = np.array([0.8, 0.9, 1.0, 1.1, 1.4, 1.8, 0.0])
LEAST_RATIO = 4.0
LOOPED, PEERED = 2_000, 300
SETTINGS = 18
PROMISED, ALLOWED, ERRORS = 0.9, 0.01, 3.0

# Runs in the peer's interpreter: units (periods × series) in, forecasts and seconds out.
PEER = """
import json, sys, time
import numpy as np
from statsforecast.models import AutoETS
data = np.load(sys.argv[1])
start = time.perf_counter()
found, failed = [], 0
for column in data["units"].T:
    try:
        found.append(AutoETS(season_length=7).forecast(y=column, h=int(sys.argv[2]))["mean"].tolist())
    except Exception:  # whatever stops it: its mean stands in, and how often is told
        failed += 1
        found.append([float(column[-28:].mean())] * int(sys.argv[2]))
print(json.dumps({"seconds": time.perf_counter() - start, "forecasts": found, "failed": failed}))
"""


def main() -> int:
    """Print the figures; 1 where ours is too slow, or its intervals do not hold."""
    parser = argparse.ArgumentParser(description="Demand of many series")
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--peer", default=os.environ.get("AIMWELL_STATSFORECAST_PYTHON"))
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    size = 3_000 if asked.quick else asked.series
    calendar = day_calendar(
        np.where(WEEK[np.arange(PAST) % 7] > 0, 900.0, 0.0), date(2025, 1, 6), HORIZON
    )
    start, cpu = time.perf_counter(), time.process_time()
    demand = forecast(size, calendar)
    seconds, processor = time.perf_counter() - start, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    some = np.linspace(0, size - 1, min(LOOPED, size)).astype(np.int64)
    looped = loop(made(some)[:PAST]) / len(some) * size * SETTINGS
    ratio = looped / processor
    fast = ratio >= LEAST_RATIO
    print(
        f"{size:,} series of {PAST} days: {seconds:.1f} s, {processor:.1f} s of processor time (with making the series), "
        f"{memory:.2f} GiB at most"
    )
    print(
        f"{SETTINGS} smoothings by a loop over each series: {looped:.0f} s of processor time, {ratio:.1f} x, to reach "
        f"{LEAST_RATIO:.0f} x{'' if fast else ' MISSED'}"
    )
    held = told(demand, calendar, size)
    few = min(LOOPED, size)
    shares = inside(forecast(few, calendar, shared=True), calendar, few, shared=True)
    print(
        f"where the waves of a third are one and fall at the horizon: {shares[0].mean():.1%} of days, {shares[1].mean():.1%} of sums"
    )
    if asked.peer:
        against_peer(demand, calendar, asked.peer, size)
    else:
        print(
            "statsforecast was not measured: name its interpreter by AIMWELL_STATSFORECAST_PYTHON."
        )
    return 0 if held and (fast or asked.quick) else 1


def forecast(size: int, calendar: Calendar, *, shared: bool = False) -> Demand:
    """Ours, of so many series."""
    return forecast_series(
        lambda which: made(which, shared=shared)[:PAST],
        np.zeros(size, dtype=np.int64),
        calendar,
        np.where(WEEK > 0, WEEK / WEEK[:6].mean(), 0.0),
    )


def made(which: np.ndarray, *, shared: bool = False) -> np.ndarray:
    """Units of these series, past and horizon; the same for a number whoever asks. Waves begin anywhere, or all at once."""
    days = np.arange(PAST + HORIZON)
    found = np.empty((len(days), len(which)))
    for column, number in enumerate(which):
        rng = np.random.default_rng(int(number))
        level = np.exp(rng.uniform(np.log(0.02), np.log(60)))
        slope = rng.choice([0.0, 0.0, 0.6, -0.4])
        wave = rng.choice([0.0, 0.0, 0.5])
        begins = 0.0 if shared else rng.uniform(0, 365)
        mean = level * (1 + slope * days / PAST)
        mean = mean * (1 + wave * np.sin(2 * np.pi * (days + begins) / 365))
        found[:, column] = rng.poisson(rng.gamma(4, 0.25, len(days)) * mean * WEEK[days % 7])
    return found


def loop(units: np.ndarray) -> float:
    """Seconds of processor time of smoothing with trend and season, series by series and period by period."""
    start = time.process_time()
    for column in units.T.tolist():
        level, trend, season = column[0], 0.0, [0.0] * 7
        for number, value in enumerate(column):
            place = number % 7
            error = value - (level + 0.9 * trend + season[place])
            level += 0.9 * trend + 0.1 * error
            trend = 0.9 * trend + 0.01 * error
            season[place] += 0.09 * error
    return time.process_time() - start


def told(demand: Demand, calendar: Calendar, size: int) -> bool:
    """Print how good the horizon was, which nobody saw; False where intervals do not hold."""
    some = np.linspace(0, size - 1, min(LOOPED, size)).astype(np.int64)
    later = made(some)[PAST:]
    days, sums = inside(demand, calendar, size)
    check = judge_demand(demand, calendar)
    print(
        f"intervals of 90 % held {days.mean():.1%} of days (to reach {least(days):.1%}) and {sums.mean():.1%} of sums of the horizon "
        f"(to reach {least(sums):.1%}); told beforehand: "
        f"{check.covered.estimate or 0:.1%} and {check.total_covered.estimate or 0:.1%}"
    )
    naive = np.stack([made(some)[PAST - 7 + step % 7] for step in range(HORIZON)])
    print(
        f"sum of errors over units on the horizon: {wape(later, demand.forecast[:, some]):.3f}, seasonal naive "
        f"{wape(later, naive):.3f}"
    )
    return bool(days.mean() >= least(days) and sums.mean() >= least(sums))


def inside(
    demand: Demand, calendar: Calendar, size: int, *, shared: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Of some series the share of open days within their intervals, and whether the sum was."""
    some = np.linspace(0, size - 1, min(LOOPED, size)).astype(np.int64)
    later = made(some, shared=shared)[PAST:]
    held = (later >= demand.lower[:, some]) & (later <= demand.upper[:, some])
    total = later.sum(axis=0)
    sums = (total >= demand.total_lower[some]) & (total <= demand.total_upper[some])
    return held[calendar.open[PAST:]].mean(axis=0), sums.astype(np.float64)


def least(shares: np.ndarray) -> float:
    """The mean share that intervals have to reach, chance allowed for."""
    return PROMISED - ALLOWED - ERRORS * float(shares.std(ddof=1)) / float(np.sqrt(len(shares)))


def against_peer(demand: Demand, calendar: Calendar, peer: str, size: int) -> None:
    """Print time and accuracy of the peer on some series."""
    some = np.linspace(0, size - 1, min(PEERED, size)).astype(np.int64)
    units = made(some)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "units.npz")
        np.savez(data, units=units[:PAST])
        run = subprocess.run(
            [peer, "-c", PEER, str(data), str(HORIZON)], capture_output=True, text=True, check=True
        )
    answer = json.loads(run.stdout)
    theirs = np.maximum(np.array(answer["forecasts"]).T, 0.0)
    theirs[~calendar.open[PAST:]] = 0.0
    print(
        f"statsforecast AutoETS, {len(some)} series, horizon alone: {answer['seconds']:.1f} s, {answer['failed']} of them failed and got their mean; "
        f"{answer['seconds'] / len(some) * size:.0f} s for as many series as ours; sum of errors over units "
        f"{wape(units[PAST:], theirs):.3f}, ours {wape(units[PAST:], demand.forecast[:, some]):.3f}; root mean square over root mean "
        f"square of units {rms(units[PAST:], theirs):.3f}, ours {rms(units[PAST:], demand.forecast[:, some]):.3f}"
    )


def wape(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Sum of absolute errors over the sum of units."""
    return float(np.abs(actual - forecast).sum() / actual.sum())


def rms(actual: np.ndarray, forecast: np.ndarray) -> float:
    """Root of the mean squared error over that of the units."""
    return float(np.sqrt(((actual - forecast) ** 2).mean() / (actual**2).mean()))


if __name__ == "__main__":
    raise SystemExit(main())
