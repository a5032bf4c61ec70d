"""`aimwell decide simulate`: campaigns replayed on history."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import PLANS
from aimwell.decide.replay_service import MOST_ROUNDS, replay
from aimwell.decide.replaying import Overlap, Replay, Round

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Put the command under `aimwell decide`."""
    app.command("simulate", rich_help_panel=PLANS)(simulate)


def simulate(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Campaigns, or plans by id or latest:CAMPAIGN; several stand together."
        ),
    ],
    times: Annotated[
        int, typer.Option(min=1, max=MOST_ROUNDS, help="How many earlier moments.")
    ] = 6,
    every: Annotated[float, typer.Option(min=0.5, max=3650, help="Days between them.")] = 30.0,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay campaigns on history: reach, overlap, how often the same people, cost, and what could be found out."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Replaying"):
            found = replay(
                ws.stores,
                names,
                now=ws.now,
                as_of=ws.moment(as_of),
                times=times,
                every=timedelta(days=every),
            )
        if as_json:
            ws.output.json(found.to_dict())
            return
        _show(ws, found)


def _show(ws: Opened, found: Replay) -> None:
    out, several = ws.output, len({one.campaign for one in found.rounds}) > 1
    out.heading("Replayed on history; nobody is contacted, nothing is stored")
    out.table(
        [
            *(["campaign"] if several else []),
            "as of",
            "audience",
            "new",
            "messages",
            "held out",
            "spared",
            "cost",
        ],
        [
            (
                *([one.campaign] if several else []),
                ws.day(one.moment),
                one.audience,
                "" if one.new is None else f"{one.new:,}",
                one.treated,
                one.held_out,
                _spared(one),
                f"{one.cost:,.2f}",
            )
            for one in found.rounds
        ],
    )
    _reasons(ws, found)
    out.say()
    out.say(
        "What they really did in the window that followed, and the rise of it that would have been found (80 %)"
    )
    out.table(
        [
            *(["campaign"] if several else []),
            "as of",
            "reached the goal",
            "rise of it",
            "value each",
            "rise of it",
        ],
        [
            (*([one.campaign] if several else []), ws.day(one.moment), *_power(one))
            for one in found.rounds
        ],
    )
    _predicted(ws, found, several=several)
    _together(ws, found)
    tired = found.fatigue
    out.say()
    out.say(
        f"{tired.messages:,} messages for {found.cost:,.2f} {found.currency} to {tired.contacted:,} of {tired.people:,} people; "
        f"nobody would have got more than {tired.most_in_28_days:,} within 28 days."
    )
    if tired.times:
        out.table(
            ["messages a person", "people", "share of the contacted"],
            [(n, people, f"{people / tired.contacted:.1%}") for n, people in tired.times.items()],
        )
    for note in found.notes:
        out.note(note)


def _spared(one: Round) -> int:
    return sum(one.refused.get(reason, 0) for reason in ("capped", "too_soon"))


def _reasons(ws: Opened, found: Replay) -> None:
    counts: dict[str, int] = {}
    for one in found.rounds:
        for reason, people in one.refused.items():
            counts[reason] = counts.get(reason, 0) + people
    if counts:
        told = ", ".join(f"{reason} {people:,}" for reason, people in counts.items())
        ws.output.say(
            f"Left out over all rounds: {told}. Spared are those whom caps and gaps protect."
        )


def _power(one: Round) -> tuple[str, str, str, str]:
    if one.bought_share is None or one.value is None:
        return (f"({one.reason})", "", "", "")
    rate, value = one.detectable
    return (
        f"{one.bought_share:.1%}",
        "none" if rate.difference is None else f"{100 * rate.difference:.1f} points",
        f"{one.value:,.2f}",
        "none" if value.difference is None else f"{value.difference:,.2f}",
    )


def _predicted(ws: Opened, found: Replay, *, several: bool) -> None:
    """How many would have been written to at another time than the stated one, and through their own channel."""
    rows = [one for one in found.rounds if one.timing or one.channels]
    if not rows:
        return
    ws.output.say()
    ws.output.say("By predictions of times and channels as they would have been told then")
    ws.output.table(
        [
            *(["campaign"] if several else []),
            "as of",
            "messages",
            "at own times",
            "kept at the stated one",
            "own channel known",
            "through it",
        ],
        [
            (
                *([one.campaign] if several else []),
                ws.day(one.moment),
                one.treated,
                *(
                    ("", "")
                    if one.timing is None
                    else (
                        f"{one.timing['own'] + one.timing['everybody']:,}",
                        f"{one.timing['held']:,}",
                    )
                ),
                *(
                    ("", "")
                    if one.channels is None
                    else (f"{one.channels['contacted']:,}", f"{one.channels['through_it']:,}")
                ),
            )
            for one in rows
        ],
    )


def _together(ws: Opened, found: Replay) -> None:
    if not found.overlaps:
        return
    ws.output.say()
    ws.output.table(
        ["as of", "campaigns", "in both", "of the first", "of the second"],
        [
            (
                ws.day(one.moment),
                f"{one.first} & {one.second}",
                one.both,
                _share(one.both, one.of_first),
                _share(one.both, one.of_second),
            )
            for one in _newest(found)
        ],
    )


def _newest(found: Replay) -> list[Overlap]:
    last = found.overlaps[-1].moment
    return [one for one in found.overlaps if one.moment == last]


def _share(some: int, all_: int) -> str:
    return f"{some / all_:.1%}" if all_ else "nobody there"
