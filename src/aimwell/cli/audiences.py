"""`aimwell segment audiences` and `add`: ready-made audiences, and segments made of them for this shop."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.output import Output
from aimwell.cli.parameters import read_parameters
from aimwell.definitions import service as definitions
from aimwell.history.moment import open_moment
from aimwell.segment import service
from aimwell.segment.audiences.service import Audience, adapted, audience, missing
from aimwell.segment.audiences.service import audiences as all_audiences

__all__ = ["add", "audiences"]


def audiences(as_json: JsonOption = False) -> None:
    """List ready-made audiences: frequent buyers, cart abandoners, win-back, VIP tiers and others."""
    out = Output(as_json=as_json)
    if as_json:
        out.json([one.to_dict() for one in all_audiences()])
        return
    out.table(
        ["name", "who", "parameters"],
        [(one.name, one.about, ", ".join(one.parameters)) for one in all_audiences()],
    )
    out.say(
        "Make a segment of one: aimwell segment add NAME. Try --dry-run first: it shows who would be in it."
    )


def add(
    names: Annotated[
        list[str] | None, typer.Argument(help="As `aimwell segment audiences` lists them.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them for which there are data.")
    ] = False,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A parameter that is to be otherwise, as days=60; may be repeated."
        ),
    ] = None,
    called: Annotated[
        str | None, typer.Option("--as", help="Name of the segment; default: the audience's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be added; change nothing.")
    ] = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make segments of ready-made audiences, set by the shop's own distribution, and say who is in them."""
    if bool(names) == everything:
        raise typer.BadParameter("name audiences, or say --all.", param_hint="NAMES")
    if (given or called) and (names is None or len(names) != 1):
        raise typer.BadParameter(
            "--set and --as are for one audience; add them one by one.", param_hint="--set"
        )
    parameters = read_parameters(given)
    with opened(workspace, as_json=as_json) as ws:
        at = ws.moment(as_of) or ws.now
        wanted = list(all_audiences()) if everything else [audience(name) for name in names or ()]
        with open_moment(ws.stores, as_of=at) as moment:
            lacking = {one.name: missing(moment, one) for one in wanted}
            taken = [one for one in wanted if not (everything and lacking[one.name])]
            made = [adapted(moment, one, name=called, given=parameters) for one in taken]
        changes = definitions.apply(
            ws.stores.control,
            [segment for segment, _learned in made],
            now=ws.now,
            by=ws.by,
            dry_run=dry_run,
        )
        told = [service.explain(ws.stores, segment, as_of=at) for segment, _learned in made]
        if as_json:
            ws.output.json(
                {
                    "dry_run": dry_run,
                    "added": [
                        {
                            "segment": segment.name,
                            "action": change.action,
                            "learned": {one.name: one for one in learned},
                            "definition": segment.document(),
                            "explanation": explained,
                        }
                        for (segment, learned), change, explained in zip(
                            made, changes, told, strict=True
                        )
                    ],
                    "left_out": {name: events for name, events in lacking.items() if events},
                }
            )
            return
        for (segment, learned), change, explained in zip(made, changes, told, strict=True):
            words = "would be " if dry_run and change.action != "unchanged" else ""
            ws.output.heading(
                f"{segment.name}: {explained.members:,} of {explained.known:,} people ({words}{change.action})"
            )
            ws.output.say(explained.words)
            for one in learned:
                value = "not learned" if one.value is None else one.value
                ws.output.say(f"  {one.name.replace('_', ' ')}: {value} ({one.words})")
        _left_out(ws, wanted, lacking, everything)


def _left_out(
    ws: Opened, wanted: list[Audience], lacking: dict[str, tuple[str, ...]], everything: bool
) -> None:
    names: dict[str, list[str]] = {}
    for one in wanted:
        if lacking[one.name]:
            events = " and ".join(f"'{event}'" for event in lacking[one.name])
            names.setdefault(events, []).append(one.name)
    for events, without in names.items():
        said = "Left out" if everything else "Nobody can be in it yet"
        ws.output.note(f"{said}, since no event {events} was ever collected: {', '.join(without)}.")
