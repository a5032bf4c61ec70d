"""`aimwell measure ledger` and `aimwell measure executive`: what promotion earned, campaign by campaign and in all."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.decide.stored import load_plan
from aimwell.measure.earnings import Earned, Earnings, earnings
from aimwell.measure.executive import Executive
from aimwell.measure.executive import executive as read_executive
from aimwell.measure.formatting import days_words, money, money_interval
from aimwell.measure.later import beyond_words
from aimwell.measure.service import measure, store_earnings
from aimwell.measure.stored import latest_documents
from aimwell.stats.estimate import Estimate

__all__ = ["bounds", "executive", "later", "ledger"]

_PERIOD = re.compile(r"(?P<year>\d{4})(?:-?[Qq](?P<quarter>[1-4])|-(?P<month>0[1-9]|1[0-2]))?")
PeriodOption = Annotated[
    str | None,
    typer.Option(
        "--period",
        help="A year, quarter or month: 2026, 2026Q3, 2026-09. Campaigns belong to that in which they start.",
        show_default="from the beginning",
    ),
]


def ledger(
    period: PeriodOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what each measured campaign earned against its held-out people, and the sum with its interval."""
    with opened(workspace, as_json=as_json) as ws:
        found = _earnings(ws, period)
        if as_json:
            ws.output.json(found)
            return
        _show(ws, found)


def executive(
    period: PeriodOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one page on what promotion earned in a period (HTML, JSON and CSV) into the workspace's reports/."""
    with opened(workspace, as_json=as_json) as ws:
        since, until = _bounds(ws, period)
        with ws.output.progress("Measuring"):
            found = read_executive(ws.stores, since=since, until=until, now=ws.now)
        name = f"executive-{period or 'all'}"
        files = store_earnings(
            ws.stores, found, name=name, title=period or "All campaigns", now=ws.now
        )
        if as_json:
            ws.output.json({**found.to_dict(), "files": {k: str(v) for k, v in files.items()}})
            return
        _show(ws, found.ledger)
        _show_ahead(ws, found)
        ws.output.say()
        for file in files.values():
            ws.output.say(f"Written: {file}")


def later(
    plan_id: Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")],
    windows: Annotated[
        float, typer.Option("--windows", min=1.01, help="How many windows long to look.")
    ] = 2.0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look beyond a campaign's window: were sales added, or only pulled forward, or returned since?"""
    with opened(workspace, as_json=as_json) as ws:
        plan = load_plan(ws.stores.control, plan_id)
        with ws.output.progress("Measuring twice"):
            within, beyond = (
                measure(ws.stores, plan.plan_id, now=ws.now, windows=length)
                for length in (1.0, windows)
            )
        said = beyond_words(within, beyond)
        if as_json:
            ws.output.json(
                {
                    "plan_id": plan.plan_id,
                    "sentence": said,
                    "within": within.to_dict(),
                    "beyond": beyond.to_dict(),
                }
            )
            return
        ws.output.heading(said)
        ws.output.table(
            ["since the start", "revenue added", "95 % interval", "profit added", "95 % interval"],
            [
                (
                    days_words(result.span.days_measured),
                    _amount(result.lifts["revenue"].total, result.currency),
                    _range(result.lifts["revenue"].total, result.currency),
                    _amount(result.profit, result.currency),
                    _range(result.profit, result.currency),
                )
                for result in (within, beyond)
            ],
        )


def _earnings(ws: Opened, period: str | None) -> Earnings:
    since, until = _bounds(ws, period)
    return earnings(
        latest_documents(ws.stores),
        currency=ws.stores.settings.currency,
        since=since,
        until=until,
    )


def _bounds(ws: Opened, period: str | None) -> tuple[datetime | None, datetime]:
    return bounds(period, ws.stores.settings.timezone) if period else (None, ws.now)


def _show_ahead(ws: Opened, found: Executive) -> None:
    out = ws.output
    out.say()
    out.heading("What the next campaign may bring")
    out.say(found.outlook.sentence)
    if found.outlook.shown.defined:
        out.say(f"{found.outlook.how}.")
    out.say()
    out.heading("What to do next")
    if not found.steps:
        out.say("Nothing follows from these figures: measure a campaign with a held-out group.")
    for step in found.steps:
        out.say(f"- {step.sentence}")


def bounds(period: str, timezone: str) -> tuple[datetime, datetime]:
    """First moment of a year, quarter or month and of what follows. Raises BadParameter that says what is allowed."""
    found = _PERIOD.fullmatch(period)
    if found is None or found["year"] == "0000":
        raise typer.BadParameter(f"'{period}' is no period. Write 2026, 2026Q3 or 2026-09.")
    year, zone = int(found["year"]), ZoneInfo(timezone)
    first, months = 1, 12
    if found["quarter"]:
        first, months = 3 * int(found["quarter"]) - 2, 3
    elif found["month"]:
        first, months = int(found["month"]), 1
    after = first + months
    if year == 9999 and after > 12:
        raise typer.BadParameter(f"'{period}' ends beyond the calendar.")
    return (
        datetime(year, first, 1, tzinfo=zone),
        datetime(year + (after > 12), (after - 1) % 12 + 1, 1, tzinfo=zone),
    )


def _show(ws: Opened, found: Earnings) -> None:
    out, currency = ws.output, found.currency
    out.heading(found.sentence)
    if found.campaigns:
        out.say()
        rows = [_row(ws, row, currency) for row in found.campaigns]
        if found.counted:
            rows.append(
                (
                    "all that count",
                    "",
                    sum(row.people for row in found.counted),
                    _amount(found.revenue, currency),
                    money(found.contact + found.offers, currency),
                    _amount(found.profit, currency),
                    _range(found.profit, currency),
                )
            )
        out.table(
            [
                "campaign",
                "start",
                "contacted",
                "revenue added",
                "spent",
                "profit added",
                "95 % interval",
            ],
            rows,
        )
        if found.counted:
            out.say(f"  the sum by: {found.profit.method}")
    for caveat in found.caveats:
        out.note(f"Beware: {caveat}")
    if not found.campaigns:
        out.say("Measure a campaign first: aimwell measure report PLAN")


def _row(ws: Opened, row: Earned, currency: str) -> tuple[object, ...]:
    return (
        row.campaign if row.counts else f"({row.campaign})",
        ws.day(row.starts_at),
        row.people,
        _amount(row.revenue, currency),
        money(row.contact + row.offers, currency),
        _amount(row.profit, currency),
        _range(row.profit, currency),
    )


def _amount(one: Estimate, currency: str) -> str | None:
    return None if one.estimate is None else money(one.estimate, currency)


def _range(one: Estimate, currency: str) -> str | None:
    return money_interval(one, currency) if one.defined else None
