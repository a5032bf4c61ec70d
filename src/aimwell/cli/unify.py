"""`aimwell unify`: who is one person, why, and what people have decided about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.errors import UnifyError
from aimwell.history.current import bring_touched_up_to_date, bring_up_to_date
from aimwell.privacy.masking import masked
from aimwell.unify import decisions as deciding
from aimwell.unify import review as reviewing
from aimwell.unify.decisions import Decision
from aimwell.unify.explaining import Explanation, explain
from aimwell.unify.identity import merge_of
from aimwell.unify.lookup import find_origins, find_profile
from aimwell.unify.matching.service import match as find_matches

__all__ = ["app"]

_SET_ASIDE = {
    "names_differ": "are shared by people of different first names",
    "births_differ": "are shared by people born on different days",
    "role_address": "are addresses of desks or machines that several customers gave",
    "several_people": "are browsers or devices that lead to several people",
    "customer_ids_max": "would give somebody too many customer ids",
    "decision": "are overruled by a decision of a person",
}

app = typer.Typer(
    invoke_without_command=True,
    help="Join what belongs to one person and refresh what is known of each. Collecting does this by itself.",
)

Who = Annotated[
    str,
    typer.Argument(
        help="Identity or profile id, customer id, e-mail address, telephone number or card."
    ),
]
Reason = Annotated[
    str | None,
    typer.Option("--reason", help="Why, for whoever looks later. No personal data, please."),
]
Number = Annotated[int, typer.Argument(help="Number of the decision or pair.", min=1)]


@app.callback()
def unify(
    context: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Join what belongs to one person and refresh what is known of each. Collecting does this by itself."""
    if context.invoked_subcommand is not None:
        return
    with opened(workspace, as_json=as_json) as ws:
        report = bring_up_to_date(ws.stores, now=ws.now)
        if as_json:
            ws.output.json(report)
        ws.output.table(
            ["people", ""],
            [
                ("profiles", report.profiles),
                ("of them prospects (no purchase yet)", report.prospects),
                ("of them joined from several identities", report.merged_profiles),
                *(
                    [("visitors besides, of whom nothing but pages is known", report.visitors)]
                    if report.visitors
                    else []
                ),
                ("identities", report.origins),
            ],
        )
        for kind, number in report.shared.items():
            ws.output.note(
                f"Identifiers of kind {kind} that are shared by too many people to be one person's, and so join "
                f"nobody: {number:,}."
            )
        for reason, number in report.set_aside.items():
            if reason in _SET_ASIDE:
                ws.output.note(
                    f"Identifiers set aside because they {_SET_ASIDE[reason]}: {number:,}."
                )


@app.command("why")
def why(
    who: Who, other: Who, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show the evidence that makes two one person, or what keeps them apart. Personal values are masked."""
    with opened(workspace, as_json=as_json) as ws:
        found = explain(ws.stores, find_origins(ws.stores, who), find_origins(ws.stores, other))
        if as_json:
            ws.output.json(found)
        _say_why(ws, found)


def _say_why(ws: Opened, found: Explanation) -> None:
    if found.one_person:
        ws.output.heading(f"One person: profile {found.profile_a}")
        if found.path:
            ws.output.table(
                ["from", "to", "by", "told by", "first seen"],
                [
                    (
                        step.start,
                        step.end,
                        ", ".join([step.words, *step.also]),
                        ", ".join(dict.fromkeys(one.source for one in step.told)),
                        min((one.first_seen for one in step.told), default=""),
                    )
                    for step in found.path
                ],
            )
        else:
            ws.output.say("Both came under one and the same identity.")
        for note in dict.fromkeys(step.note for step in found.path if step.note):
            ws.output.note(
                f"{note} Where they are two people: aimwell unify split {found.path[0].start} {found.path[-1].end}"
            )
        for step in found.path:
            if step.weights:
                ws.output.table(
                    ["field", "weight"],
                    sorted(step.weights.items()),
                    title=f"Likeness {step.probability:.4f}",
                )
    else:
        ws.output.heading(f"Two people: profiles {found.profile_a} and {found.profile_b}")
    if found.set_aside:
        ws.output.table(
            ["set aside", "borne by both", "because"],
            [(one.words, one.shared, one.why) for one in found.set_aside],
        )
    _say_decisions(ws, found.decisions)


@app.command("split")
def split(
    who: Who,
    other: Annotated[
        str | None, typer.Argument(help="The other one, who is somebody else.", show_default=False)
    ] = None,
    off: Annotated[
        list[str] | None,
        typer.Option(
            "--off", help="An identity of WHO that is somebody else, with all others so named."
        ),
    ] = None,
    reason: Reason = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that two are not one person; no later run joins them again. Undone with: aimwell unify undo."""
    if (other is None) == (not off):
        raise typer.BadParameter(
            "Name either the other one, or with --off each identity that is somebody else."
        )
    with opened(workspace, as_json=as_json) as ws:
        if other is not None:
            a, b = find_origins(ws.stores, who), find_origins(ws.stores, other)
            if a & b:
                raise UnifyError(
                    f"{masked(who)} and {masked(other)} both came under one identity, and nobody can be parted from "
                    "themselves. Name two identities that came under different ids; `aimwell unify why` shows what "
                    "joins two."
                )
        else:
            b = frozenset(o for one in off or () for o in find_origins(ws.stores, one))
            with ws.stores.read_control() as connection:
                whole = merge_of(connection, find_profile(ws.stores, who)).origins
            a = frozenset(whole) - b
        made = deciding.split(ws.stores, a, b, by=ws.by, now=ws.now, reason=reason)
        _done(ws, made)


@app.command("join")
def join(
    who: Who,
    other: Who,
    reason: Reason = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that two are one person, whatever their identifiers say. Undone with: aimwell unify undo."""
    with opened(workspace, as_json=as_json) as ws:
        origins = find_origins(ws.stores, who) | find_origins(ws.stores, other)
        _done(ws, deciding.join(ws.stores, origins, by=ws.by, now=ws.now, reason=reason))


@app.command("undo")
def undo(number: Number, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Take a decision back: identifiers and the other decisions count again."""
    with opened(workspace, as_json=as_json) as ws:
        _done(ws, deciding.undo(ws.stores, number, by=ws.by, now=ws.now))


@app.command("decisions")
def decisions(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were taken back.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what people have decided about who is one person."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.stores.read_control() as connection:
            found = deciding.decisions(connection, undone=everything)
        if as_json:
            ws.output.json(found)
        _say_decisions(ws, found)


@app.command("match")
def match(
    learn: Annotated[
        bool, typer.Option("--learn", help="Learn a new model first, and compare everybody again.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find who is one person by likeness of name, address and date of birth; unsure pairs wait for `review`."""
    with opened(workspace, as_json=as_json) as ws:
        found = find_matches(
            ws.stores,
            now=ws.now,
            by=ws.by,
            learn=learn,
            then=lambda origins: bring_touched_up_to_date(ws.stores, origins, now=ws.now),
        )
        if as_json:
            ws.output.json(found)
        said = "learned now" if found.learned else "learned before"
        ws.output.say(
            f"Model {found.model} ({said}) compares {', '.join(found.fields)} of {found.compared:,} people; "
            f"{found.new:,} of them are new to it."
        )
        ws.output.table(
            ["pairs", ""],
            [
                (f"joined (likeness from {ws.stores.settings.match_merge_min:g})", found.merged),
                ("waiting for a person: aimwell unify review", found.review),
                ("decided by a person before", found.decided),
                ("let go, because they are no longer alike", found.withdrawn),
            ],
        )


@app.command("review")
def review(
    accept: Annotated[
        int | None, typer.Option("--accept", help="This pair is one person.", show_default=False)
    ] = None,
    refuse: Annotated[
        int | None,
        typer.Option("--refuse", help="This pair is not one person.", show_default=False),
    ] = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option("--limit", help="How many are shown.", min=1)] = 50,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List pairs that may be one person by likeness, or decide one."""
    if accept is not None and refuse is not None:
        raise typer.BadParameter("Give either --accept or --refuse.")
    with opened(workspace, as_json=as_json) as ws:
        if accept is not None or refuse is not None:
            decide = reviewing.accept if accept is not None else reviewing.refuse
            number = accept if accept is not None else refuse
            _done(ws, decide(ws.stores, number or 0, by=ws.by, now=ws.now, reason=reason))
            return
        with ws.stores.read_control() as connection:
            found = reviewing.waiting(connection, limit=limit)
        if as_json:
            ws.output.json(found)
        if not found:
            ws.output.say("No pair waits for review.")
            return
        ws.output.table(
            ["pair", "likeness", "one", "other", "speaks for it", "speaks against it"],
            [
                (
                    one.candidate_id,
                    f"{one.probability:.4f}",
                    one.origin_a,
                    one.origin_b,
                    _fields(one.fields, positive=True),
                    _fields(one.fields, positive=False),
                )
                for one in found
            ],
        )


def _fields(fields: Mapping[str, float], *, positive: bool) -> str:
    found = sorted(fields.items(), key=lambda item: -abs(item[1]))
    return ", ".join(f"{n} {w:+.1f}" for n, w in found if w and (w > 0) == positive)


def _done(ws: Opened, made: Decision) -> None:
    """Let a decision take effect, and tell it."""
    profiles = bring_touched_up_to_date(ws.stores, made.origins, now=ws.now)
    if ws.output.as_json:
        ws.output.json({"decision": made, "profiles": sorted(profiles)})
    _say_decisions(ws, [made])
    ws.output.say(f"Brought up to date: {len(profiles):,} profiles.")


def _say_decisions(ws: Opened, found: Sequence[Decision]) -> None:
    if not found:
        return
    ws.output.table(
        ["decision", "verdict", "these", "from those", "by", "when", "why", "taken back"],
        [
            (
                one.decision_id,
                one.verdict,
                ", ".join(one.a),
                ", ".join(one.b),
                one.decided_by,
                one.decided_at,
                one.reason,
                one.undone_at,
            )
            for one in found
        ],
    )
