"""`aimwell measure diagnose`: where a campaign or an offer falls short."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.diagnosis.model import Diagnosis, Finding
from aimwell.measure.diagnosis.words import STEP_NAMES
from aimwell.measure.formatting import minute_words, percent
from aimwell.stats.estimate import Estimate

__all__ = ["diagnose"]


def diagnose(
    name: Annotated[
        str,
        typer.Argument(
            help="A campaign (its newest plan), an offer (the newest plan with it), the id of a plan, or latest:CAMPAIGN."
        ),
    ],
    segment: Annotated[
        list[str] | None, typer.Option("--segment", help="Only this segment; may be repeated.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Micro-segments of a kept model in place of segments."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the step, segment, channel or behaviour in which a campaign falls short, and what to try."""
    # Imported here: it reads and measures whole plans, and the other commands need not wait for it.
    from aimwell.measure.diagnosis.service import diagnose as diagnose_plan

    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Looking"):
            found = diagnose_plan(ws.stores, name, now=ws.now, segments=segment, model=model)
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found)


def _show(ws: Opened, found: Diagnosis) -> None:
    out = ws.output
    out.heading(found.sentence)
    offer = f", actions with the offer {found.offer}" if found.offer else ""
    until = minute_words(datetime.fromisoformat(found.measured_until), ws.stores.settings.timezone)
    out.say(f"Plan {found.plan_id}{offer}, up to {until}")
    out.say()
    for number, one in enumerate(found.findings, start=1):
        out.say(f"{number}. {one.words}")
        out.say(f"   {one.advice}")
    if found.findings:
        out.say()
    out.table(
        ["step", "people", "of", "share", "between", "expected", "between"],
        [_row(one) for one in found.steps],
    )
    out.say()
    for note in found.notes:
        out.note(note)


def _row(one: Finding) -> tuple[object, ...]:
    return (
        STEP_NAMES[one.step],
        one.done,
        one.of,
        _share(one.value.estimate),
        _between(one.value),
        _share(one.expected.estimate),
        _between(one.expected),
    )


def _share(value: float | None) -> str:
    return "–" if value is None else percent(100.0 * value)


def _between(one: Estimate) -> str:
    return "–" if one.lower is None else f"{_share(one.lower)} to {_share(one.upper)}"
