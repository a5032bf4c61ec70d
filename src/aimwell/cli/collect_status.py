"""`aimwell collect status`: how each source stands, and what was collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.collect import inspecting
from aimwell.collect.health import EntityVolume, SourceHealth, defined_sources, health_of
from aimwell.collect.model import LoadStatus

__all__ = ["status"]

_KINDS_MAX = 3


def status(
    limit: Annotated[int, typer.Option(min=1, help="Loads to list.")] = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how each source stands (age, rows, what is wrong, quarantine), and what has been collected."""
    with opened(workspace, as_json=as_json) as ws:
        waiting = inspecting.quarantine(ws.stores, limit=0).counts
        found = [
            replace(
                health_of(ws.stores, source, now=ws.now),
                quarantine=dict(waiting.get(source.name, {})),
            )
            for source in defined_sources(ws.stores)
        ]
        loads = inspecting.status(ws.stores, limit=limit)
        if as_json:
            ws.output.json({"sources": found, "loads": [one.to_dict() for one in loads]})
            return
        if found:
            _show_sources(ws, found)
        _show_loads(ws, loads, told=[trouble.message for one in found for trouble in one.troubles])


def _show_sources(ws: Opened, found: list[SourceHealth]) -> None:
    ws.output.table(
        ["source", "last looked at", "came of it", "age", "rows", "in quarantine", "state"],
        [
            (
                one.source,
                one.last_run_at,
                one.last_outcome,
                _age(one),
                _volumes(one.volumes),
                sum(one.quarantine.values()),
                ", ".join(trouble.part for trouble in one.troubles) or "well",
            )
            for one in found
        ],
    )
    for one in found:
        for trouble in one.troubles:
            ws.output.note(trouble.message)
        if one.quarantine:
            reasons = sorted(one.quarantine.items(), key=lambda item: -item[1])
            ws.output.say(
                f"In quarantine of {one.source}: "
                + ", ".join(f"{reason} {count:,}" for reason, count in reasons)
            )
    ws.output.say()


def _age(one: SourceHealth) -> str | None:
    if one.age is None:
        return None
    return _span(one.age) + (f" of {_span(one.age_max)}" if one.age_max else "")


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} d"


def _volumes(found: Sequence[EntityVolume]) -> str | None:
    """Rows of each kind; of many kinds how many in all, as what is unusual of one is told below."""
    if len(found) > _KINDS_MAX:
        return f"{sum(one.rows for one in found):,} of {len(found)} kinds"
    named = len(found) > 1
    return ", ".join(f"{one.entity} {_rows(one)}" if named else _rows(one) for one in found) or None


def _rows(one: EntityVolume) -> str:
    if one.at_least is None and one.at_most is None:
        return f"{one.rows:,}"
    least = f"{one.at_least:,}" if one.at_least is not None else "0"
    most = f"to {one.at_most:,}" if one.at_most is not None else "or more"
    return f"{one.rows:,} ({least} {most})"


def _show_loads(ws: Opened, found: tuple[LoadStatus, ...], *, told: Sequence[str]) -> None:
    ws.output.table(
        ["source", "what", "state", "started", "rows taken", "in quarantine"],
        [
            (
                one.source,
                one.report.what if one.report else one.entity,
                _state(one),
                one.started_at,
                one.report.rows_taken if one.report else None,
                one.report.quarantined if one.report else None,
            )
            for one in found
        ],
    )
    for one in found:
        said = any(one.error in message for message in told) if one.error else True
        if not said and not one.made_good:
            ws.output.note(
                f"{one.source}, {one.entity}, {one.started_at:%Y-%m-%d %H:%M} UTC failed: {one.error}"
            )


def _state(one: LoadStatus) -> str:
    if one.report and one.report.replay:
        return "replayed"
    return "failed, made good" if one.made_good else one.state
