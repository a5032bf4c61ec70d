"""`aimwell collect quarantine`, `replay` and `dismiss`: rows that could not be taken are looked at, corrected, and taken
or put away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.collect_report import show_report
from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.collect import inspecting
from aimwell.collect.corrections import Correction, read_corrections
from aimwell.collect.dismissing import dismiss as dismiss_rows
from aimwell.collect.dismissing import take_back
from aimwell.collect.loads import not_unified
from aimwell.collect.model import ReplayReport
from aimwell.collect.replaying import replay as replay_rows
from aimwell.collect.replaying import write_quarantine
from aimwell.collect.tracking.resending import resend, write_messages
from aimwell.collect.tracking.sources import tracking_sources
from aimwell.collect.waiting_rows import source_of_rows
from aimwell.definitions import service as definitions
from aimwell.history.current import bring_collected_up_to_date, refresh_state
from aimwell.unify.live import flush_and_unify

__all__ = ["dismiss", "quarantine", "replay"]

Reason = Annotated[
    str | None, typer.Option("--reason", help="Only rows that wait for this reason.")
]


def quarantine(
    name: Annotated[str | None, typer.Argument(help="Only of this source.")] = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows to show.")] = 20,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show the rows themselves; the audit log records it.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="Write the rows of the source to this new file (.csv, or .jsonl for JSON), to correct and replay them. "
            "It holds personal data; the audit log records it.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what could not be taken, and why; or write it to a file to be corrected."""
    if to is not None and name is None:
        raise typer.BadParameter("Say of which source.", param_hint="NAME")
    with opened(workspace, as_json=as_json) as ws:
        if to is not None and name is not None:
            _write(ws, name, to, reason)
            return
        found = inspecting.quarantine(ws.stores, name, reason=reason, limit=limit, reveal=reveal)
        if as_json:
            ws.output.json(found)
            return
        if found.taken_since:
            ws.output.say(
                f"{_rows(found.taken_since)} that waited {_were(found.taken_since)} taken since by a later load."
            )
        if found.dismissed:
            ws.output.say(f"{_rows(found.dismissed)} {_were(found.dismissed)} dismissed for good.")
        if found.unkept:
            ws.output.say(
                f"Of {_rows(found.unkept)} more the contents are gone: they are older than `quarantine_days`, or their "
                "person was erased."
            )
        if not found.total:
            ws.output.say("Nothing is in quarantine.")
            return
        ws.output.heading(f"{_rows(found.total)} in quarantine")
        ws.output.table(
            ["source", "reason", "rows"],
            [
                (name_, reason_, number)
                for name_, reasons in found.counts.items()
                for reason_, number in sorted(reasons.items(), key=lambda item: -item[1])
            ],
        )
        ws.output.say()
        ws.output.table(
            ["file", "line", "field", "what was wrong"],
            [
                # A number to look up in an editor, which knows no marks between thousands.
                (
                    row.file,
                    None if row.line is None else str(row.line),
                    row.field,
                    row.detail or row.reason,
                )
                for row in found.rows
            ],
        )
        for row in found.rows if reveal else ():
            where = row.file if row.line is None else f"{row.file}:{row.line}"
            ws.output.say(f"{where}: {row.content}")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def _write(ws: Opened, source: str, path: Path, reason: str | None) -> None:
    write = write_messages if _is_tracking(ws, source) else write_quarantine
    rows = write(ws.stores, source, path, by=ws.by, reason=reason)
    if ws.output.as_json:
        ws.output.json({"source": source, "file": path, "rows": rows})
        return
    ws.output.say(
        f"{_rows(rows)} written to {path}, which holds personal data and only you may read."
    )
    ws.output.say("Correct the values, leave the column _row as it is, then:")
    ws.output.say(f"aimwell collect replay {path}")


def replay(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="File that `quarantine --to` wrote and you corrected.", show_default=False
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="Without FILE: take all that waits of this source, once its mapping was mended.",
        ),
    ] = None,
    reason: Reason = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="These rows are right, and the expectation is not: take them against it. Without FILE name the --reason.",
        ),
    ] = False,
    root: Annotated[
        Path, typer.Option(help="Folder of the files that the source is joined with.")
    ] = Path(),
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take rows from quarantine: corrected ones from FILE, or all of a source as they are."""
    if file is None and source is None:
        raise typer.BadParameter(
            "Name the corrected file, or --source for rows as they are.", param_hint="FILE"
        )
    if accept and file is None and reason is None:
        raise typer.BadParameter("Say which reason was no fault.", param_hint="--reason")
    with opened(workspace, as_json=as_json) as ws:
        corrections = _read(ws, file, "replay") if file is not None else None
        name = source or source_of_rows(ws.stores, corrections or (), file=str(file))
        if _is_tracking(ws, name):
            _resend(ws, name, corrections, file.name if file is not None else "", reason)
            return
        with ws.output.progress("Replaying"):
            report = replay_rows(
                ws.stores,
                name,
                now=ws.now,
                root=root,
                corrections=corrections,
                file=file.name if file is not None else "",
                reason=reason,
                accept=accept,
            )
        if accept:
            ws.stores.audit("quarantine accepted", actor=ws.by, subject=name, rows=report.left)
        if not_unified(ws.stores):
            with ws.output.progress("Unifying"):
                bring_collected_up_to_date(ws.stores, now=ws.now)
        if as_json:
            ws.output.json(report)
            return
        _show(ws, report)


def _read(ws: Opened, file: Path, command: str) -> list[Correction]:
    """The rows of a file; where it is none but a source is called so, what was meant is told."""
    sources = {name for _kind, name in definitions.names(ws.stores.control, "source")}
    sources |= inspecting.quarantine(ws.stores, limit=0).counts.keys()
    if str(file) in sources and not file.exists():
        raise typer.BadParameter(
            f"There is no file '{file}'. For the rows of the source of that name: "
            f"aimwell collect {command} --source {file}",
            param_hint="FILE",
        )
    return read_corrections(file)


def _is_tracking(ws: Opened, source: str) -> bool:
    return source in tracking_sources(ws.stores)


def _resend(
    ws: Opened,
    source: str,
    corrections: Sequence[Correction] | None,
    file: str,
    reason: str | None,
) -> None:
    """Messages go into the inbox again, and from there into the lake."""
    report = resend(
        ws.stores, source, now=ws.now, corrections=corrections, file=file, reason=reason
    )
    with ws.output.progress("Flushing"):
        flush_and_unify(ws.stores, now=ws.now, refresh=refresh_state)
    if ws.output.as_json:
        ws.output.json(report.to_dict())
        return
    ws.output.heading(
        f"{_messages(report.left)} left the quarantine, {_messages(sum(report.stay.values()))} stay"
    )
    for why, number in sorted(report.stay.items()):
        ws.output.say(f"  {why}: {number:,}")
    if report.gone:
        ws.output.say(f"{_messages(report.gone)} of the file no longer waited.")


def _messages(number: int) -> str:
    return f"{number:,} {'message' if number == 1 else 'messages'}"


def dismiss(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="File that `quarantine --to` wrote, with the rows that are wrong for good left in it.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Without FILE: rows of this source.")
    ] = None,
    reason: Reason = None,
    why: Annotated[
        str | None,
        typer.Option("--why", help="Why they are wrong, as 'test orders'; it is kept."),
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Let rows that were dismissed wait again.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put rows of the quarantine away that are wrong for good: they wait and count no longer."""
    if file is None and source is None:
        raise typer.BadParameter("Name the file, or --source.", param_hint="FILE")
    if not undo and why is None:
        raise typer.BadParameter("Say why they are wrong for good.", param_hint="--why")
    with opened(workspace, as_json=as_json) as ws:
        rows = _read(ws, file, "dismiss") if file is not None else None
        name = source or source_of_rows(ws.stores, rows or (), file=str(file))
        if undo:
            number = take_back(ws.stores, name, by=ws.by, corrections=rows)
        else:
            number = dismiss_rows(
                ws.stores,
                name,
                why=why or "",
                by=ws.by,
                now=ws.now,
                corrections=rows,
                reason=reason,
            )
        if as_json:
            ws.output.json({"source": name, "rows": number, "undone": undo})
            return
        told = "wait again" if undo else "were dismissed: they wait no longer"
        ws.output.say(f"{_rows(number)} of {name} {told}.")
        if not undo:
            ws.output.say(f"To take that back: aimwell collect dismiss --source {name} --undo")


def _show(ws: Opened, report: ReplayReport) -> None:
    show_report(ws, report.loads)
    ws.output.heading(f"{_rows(report.left)} left the quarantine, {_rows(report.stay)} stay")
    if report.gone:
        ws.output.say(
            f"{_rows(report.gone)} of the file no longer waited; nothing was done with them."
        )
    if report.uncut:
        ws.output.note(
            f"{_rows(report.uncut)} cannot be cut into columns as they are. Write them to a file, correct them, and "
            f"replay that: aimwell collect quarantine {report.source} --to FILE"
        )
