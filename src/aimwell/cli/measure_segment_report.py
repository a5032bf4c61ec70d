"""`aimwell measure segment-report`: one segment, its people, and what campaigns earned among them."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.formatting import money, money_interval
from aimwell.measure.segment_report.model import SegmentReport
from aimwell.stats.estimate import Estimate

__all__ = ["segment_report"]


def segment_report(
    segment: Annotated[str, typer.Argument(help="Name of the segment.")],
    months: Annotated[
        int, typer.Option("--months", min=1, max=24, help="Over how many months to follow it.")
    ] = 6,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report a segment: size and movement, who they are, what campaigns earned there, feedback (HTML, JSON and CSV)."""
    # Imported here: it divides people and makes personas, and the other commands need not wait for it.
    from aimwell.measure.report_files import store_files
    from aimwell.measure.segment_report.page import segment_csv, segment_html
    from aimwell.measure.segment_report.service import segment_report as report_of

    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Looking"):
            found = report_of(ws.stores, segment, now=ws.now, months=months)
        files = store_files(
            ws.stores,
            f"segment-{segment}",
            html=segment_html(found),
            document=found.to_dict(),
            csv=segment_csv(found),
        )
        if as_json:
            ws.output.json({**found.to_dict(), "files": {k: str(v) for k, v in files.items()}})
            return
        _show(ws, found)
        ws.output.say()
        for file in files.values():
            ws.output.say(f"Written: {file}")


def _show(ws: Opened, found: SegmentReport) -> None:
    out, currency = ws.output, found.currency
    out.heading(found.sentence)
    out.say()
    out.table(
        ["at", "people", "of known", "came", "left"],
        [(ws.day(one.at), one.members, one.known, one.entered, one.left) for one in found.sizes],
    )
    if found.persona is not None:
        out.say()
        out.say(found.persona.sentence)
    if found.campaigns:
        out.say()
        out.table(
            ["campaign", "month", "contacted", "revenue added", "profit added", "95 % interval"],
            [
                (one.campaign, one.month, one.contacted, _amount(one.revenue, currency), _amount(one.profit, currency), _range(one.profit, currency))
                for one in found.campaigns
            ],
        )  # fmt: skip
    for note in found.notes:
        out.note(note)


def _amount(one: Estimate, currency: str) -> str | None:
    return None if one.estimate is None else money(one.estimate, currency)


def _range(one: Estimate, currency: str) -> str | None:
    return money_interval(one, currency) if one.defined else None
