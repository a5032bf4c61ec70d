"""`aimwell predict demand`: how many units of each product, category or of the whole shop will be wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.predict_demand_occasions import (
    OccasionOption,
    WithoutOccasionsOption,
    say_occasions,
)
from aimwell.errors import PredictError, nearest
from aimwell.predict.demand.sales import LEVELS
from aimwell.predict.demand.service import DemandForecast, forecast_demand
from aimwell.privacy.lists import write_list
from aimwell.stats.estimate import Estimate

__all__ = ["demand"]

_VERDICTS = {
    "better": "better than seasonal naive by more than chance",
    "worse": "worse than seasonal naive by more than chance",
    "cannot tell": "no difference from seasonal naive that chance could not make",
}


def demand(
    by: Annotated[str, typer.Option("--by", help=f"A series is: {', '.join(LEVELS)}.")] = "product",
    horizon: Annotated[int, typer.Option(min=1, help="How far ahead, in days.")] = 28,
    weekly: Annotated[
        bool, typer.Option("--weekly", help="By week, not by day; the horizon is a multiple of 7.")
    ] = False,
    series: Annotated[
        str | None, typer.Option("--series", help="Show each day (or week) of this one.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="List so many, most wanted first.")] = 20,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write the list of all series to this CSV file.")
    ] = None,
    periods_to: Annotated[
        Path | None,
        typer.Option("--periods-to", help="Write each day (or week) of all to this CSV file."),
    ] = None,
    occasion: OccasionOption = None,
    without_occasions: WithoutOccasionsOption = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forecast how many units will be wanted, with intervals, judged on later windows of the past."""
    if by not in LEVELS:
        raise typer.BadParameter(f"it is one of {', '.join(LEVELS)}.", param_hint="--by")
    if weekly and horizon % 7:
        raise typer.BadParameter("with --weekly it is a multiple of 7.", param_hint="--horizon")
    if occasion and without_occasions:
        raise typer.BadParameter("not with --without-occasions.", param_hint="--occasion")
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Forecasting"):
            found = forecast_demand(
                ws.stores,
                as_of=moment,
                level=by,
                horizon_days=horizon,
                step="week" if weekly else "day",
                occasions=() if without_occasions else occasion,
            )
        one = None if series is None else _periods_of(found, series)
        if to is not None:
            write_list(found.series, to)
        if periods_to is not None:
            write_list(found.periods, periods_to)
        if as_json:
            ws.output.json(
                {
                    **found.to_dict(),
                    "most_wanted": found.series.slice(0, top).to_pylist(),
                    "periods": one,
                    "occasions_not_near": found.far(occasion or ()),
                    "occasion_series": [
                        row
                        for near in found.occasions
                        for row in found.occasion_rows(near.name, top)
                    ],
                    "to": to,
                    "periods_to": periods_to,
                }
            )
            return
        _say_check(ws, found)
        if one is not None:
            _say_periods(ws, found, str(series), one)
        else:
            _say_series(ws, found, top)
            say_occasions(ws, found, top, occasion or ())
        for file, what in ((to, found.series), (periods_to, found.periods)):
            if file is not None:
                ws.output.say(f"{what.num_rows:,} rows are in {file}.")


def _periods_of(found: DemandForecast, series: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.periods.filter(
        pc.equal(found.periods.column("series"), series)
    ).to_pylist()
    if not rows:
        known = found.series.column("series").to_pylist()
        raise PredictError(f"There is no forecast of '{series}'. {nearest(series, known)}")
    return rows


def _say_check(ws: Opened, found: DemandForecast) -> None:
    check = found.check
    ws.output.heading(
        f"Units wanted from {found.first} to {found.last}: {found.series.num_rows:,} series (by {found.level})"
    )
    for why, number in found.left_out.items():
        ws.output.say(f"Left out, {why}: {number:,}.")
    if found.closed:
        ws.output.say(f"Taken as closed, by the last eight weeks: {len(found.closed)} days.")
    ws.output.say()
    ws.output.say(
        f"Judged on {check.series:,} series and the last {check.windows} times {check.horizon} {found.step}s, each foretold from what "
        "was known before it, by the method that earlier windows had chosen:"
    )
    ws.output.table(
        ["error (less is better)", "chosen methods", "seasonal naive"],
        [
            (name, _figure(one.chosen), _figure(one.naive))
            for name, one in (
                ("RMSSE", check.rmsse),
                ("MASE", check.mase),
                ("sum of errors / units sold", check.wape),
            )
        ],
    )
    if check.gain.estimate is not None:
        ws.output.say(
            f"RMSSE: {_VERDICTS[check.verdict]} ({check.gain.estimate:.3f} less, {check.gain.lower:.3f} to "
            f"{check.gain.upper:.3f})."
        )
    held = [
        (f"of a {found.step}", check.covered),
        (f"of the sum of {check.horizon} {found.step}s", check.total_covered),
    ]
    for what, share in held:
        if share.estimate is not None:
            ws.output.say(
                f"The interval of {check.confidence:.0%} {what} held {share.estimate:.0%} of the time."
            )
    if _short(check.covered, check.confidence) or _short(check.total_covered, check.confidence):
        ws.output.note(
            "Beware: intervals held less often than they say, as later windows were unlike earlier ones (a season, growth, an "
            "action). Keep more in reserve than the upper bound, or expect the same again."
        )
    ws.output.say()


def _short(share: Estimate, promised: float) -> bool:
    """Whether the intervals held less often than promised, by more than two points and chance."""
    return share.upper is not None and share.upper < promised - 0.02


def _say_series(ws: Opened, found: DemandForecast, top: int) -> None:
    rows = found.series.slice(0, top).to_pylist()
    named = any(row["name"] for row in rows)
    category = "products_total" in found.series.column_names
    ws.output.table(
        [
            found.level,
            *(["name"] if named else []),
            "just before",
            "wanted",
            "90 %",
            *(["sum of products"] if category else []),
            "method",
            "MASE",
        ],
        [
            (
                row["series"],
                *([(row["name"] or "")[:24]] if named else []),
                round(row["last"]),
                round(row["total"]),
                f"{row['lower']:,.0f} to {row['upper']:,.0f}",
                *([_units(row["products_total"])] if category else []),
                row["method"],
                _figure(row["mase"]),
            )
            for row in rows
        ],
        title=f"Most wanted, units in the {found.check.horizon} {found.step}s (just before: in as many before them)",
    )
    ws.output.say(
        "Each day or week of one: --series NAME. All of them: --to FILE.csv, --periods-to FILE.csv"
    )


def _say_periods(
    ws: Opened, found: DemandForecast, series: str, rows: list[dict[str, Any]]
) -> None:
    ws.output.table(
        [found.step, "wanted", "90 %"],
        [
            (
                row["period"] if found.step == "week" else f"{row['period']:%a %Y-%m-%d}",
                f"{row['forecast']:,.1f}",
                "closed"
                if row["period"] in found.closed
                else f"{row['lower']:,.0f} to {row['upper']:,.0f}",
            )
            for row in rows
        ],
        title=f"{series}, by {rows[0]['method']}",
    )
    (whole,) = found.series.filter(pc.equal(found.series.column("series"), series)).to_pylist()
    ws.output.say(
        f"Together {whole['total']:,.0f} units, {whole['lower']:,.0f} to {whole['upper']:,.0f}. The bounds of the sum are not the "
        "sums of the bounds."
    )


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _units(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"
