"""`aimwell segment lifecycle`: stages of customers' lives, and how people move between them month by month."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.old_orders import note_old_orders
from aimwell.cli.whole_file import write_whole
from aimwell.history.moment import open_moment
from aimwell.segment.flows import MONTHS_MAX, flows
from aimwell.segment.flows_page import flows_html, flows_sentence

__all__ = ["lifecycle"]


def lifecycle(
    months: Annotated[
        int, typer.Option(min=1, max=MONTHS_MAX, help="How many months back to look.")
    ] = 6,
    marketing: Annotated[
        bool,
        typer.Option(
            "--marketing", help="Marketing stages: acquisition, onboarding, retention, loyalty."
        ),
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with a Sankey chart to this file.")
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who is prospect, new, active, lapsing, lapsed or reactivated, and who moved where month by month."""
    with opened(workspace, as_json=as_json) as ws:
        at, engine = ws.moment(as_of) or ws.now, ws.stores.history_engine
        with open_moment(ws.stores, as_of=at, engine=engine) as moment:
            with ws.output.progress("Looking month by month"):
                found = flows(moment, months=months, kind="marketing" if marketing else "life")
            note_old_orders(ws, moment)
        zone = ZoneInfo(ws.stores.settings.timezone)
        if html is not None:
            page = flows_html(found, now=ws.now, timezone=zone.key)
            write_whole(html, page, option="--html")
        if as_json:
            ws.output.json({**found.to_dict(), "html": html})
            return
        ws.output.say(flows_sentence(found, zone))
        ws.output.say(found.rhythm.words)
        ws.output.say()
        ws.output.table(
            ["as of", *found.stages],
            [
                (_day(one, zone), *[found.people(place, stage) for stage in found.stages])
                for place, one in enumerate(found.bounds)
            ],
        )
        last = len(found.bounds) - 1
        moved = [f for f in found.flows if f.place == last and f.from_stage != f.to_stage]
        if moved:
            ws.output.heading(f"Who moved since {_day(found.bounds[last - 1], zone)}")
            ws.output.table(
                ["from", "to", "people"],
                [(f.from_stage or "not known before", f.to_stage, f.people) for f in moved],
            )
        if found.note is not None:
            ws.output.note(found.note)
        if html is not None:
            ws.output.say(f"Written to {html}.")


def _day(bound: datetime, zone: ZoneInfo) -> str:
    return f"{bound.astimezone(zone):%Y-%m-%d}"
