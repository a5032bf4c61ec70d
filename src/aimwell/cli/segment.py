"""`aimwell segment`: rules, memberships and RFM; groups of people stand in `groups`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.calls import WRONG_INPUT
from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.lazy import Outline, group_of
from aimwell.cli.old_orders import note_old_orders
from aimwell.cli.parameters import read_parameters
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.parameters import named_parameters
from aimwell.definitions.reading import find_files, read_documents, render_yaml
from aimwell.definitions.rule_text import parse_rule
from aimwell.definitions.rules import LEAF_KINDS
from aimwell.definitions.service import check_all
from aimwell.errors import DefinitionError, Fault
from aimwell.history.moment import open_moment
from aimwell.jobs.model import utc_now
from aimwell.privacy.lists import with_personal, write_list
from aimwell.privacy.vault import PERSON_FIELDS
from aimwell.segment import service
from aimwell.segment.membership.active import rebuild_active, too_many
from aimwell.segment.membership.chronicle import comings, segment_lines, sizes
from aimwell.segment.membership.following import follow
from aimwell.segment.membership.refreshing import refresh as run_refresh
from aimwell.segment.rfm import rfm as compute_rfm
from aimwell.segment.rules.leaves.rfm import group_words

__all__ = ["app"]

# Apart, because they bring libraries that the others do not need.
_GROUPS = (
    Outline(
        "clusters",
        "aimwell.cli.groups:clusters",
        "Look for groups among people that nobody wrote a rule for, and keep them, if there are any.",
    ),
    Outline(
        "classes",
        "aimwell.cli.models:classes",
        "Find latent classes in the answers to a survey, and place those who did not answer.",
    ),
    Outline(
        "score-card",
        "aimwell.cli.models:score_card",
        "Weigh attributes by what they tell of a segment, and make a card of points.",
    ),
    Outline(
        "look-alikes",
        "aimwell.cli.models:look_alikes",
        "Find the people most like a segment, if it can be told from others at all.",
    ),
    Outline(
        "model",
        "aimwell.cli.models:model",
        "Learn what a definition of the kind model asks for, and keep it.",
    ),
    Outline(
        "personas",
        "aimwell.cli.personas:personas",
        "Show each group with its size, its value and what sets it apart from everybody else.",
    ),
    Outline(
        "audiences",
        "aimwell.cli.audiences:audiences",
        "List ready-made audiences: frequent buyers, cart abandoners, win-back, VIP tiers and others.",
    ),
    Outline(
        "add",
        "aimwell.cli.audiences:add",
        "Make segments of ready-made audiences, set by the shop's own distribution, and say who is in them.",
    ),
    Outline(
        "micro",
        "aimwell.cli.micro:micro",
        "Cross what is known of people to the smallest groups that still respond differently, judged by people who did not form them.",
    ),
    Outline(
        "advocacy",
        "aimwell.cli.advocacy:advocacy",
        "Show the net promoter score with its interval, by stage and month, and who of the silent likely promotes or detracts.",
    ),
    Outline(
        "validity",
        "aimwell.cli.validity:validity",
        "Judge groups by what did not form them: what came after, time, resampling; and flag stereotypes and proxies.",
    ),
    Outline(
        "overlap",
        "aimwell.cli.validity:overlap",
        "Show how many people are in both of any two segments, and which segments are nearly the same.",
    ),
    Outline(
        "occasions",
        "aimwell.cli.occasions:occasions",
        "Judge occasions: when they are, who buys for them and what, and which are too weak to act on.",
    ),
    Outline(
        "lifecycle",
        "aimwell.cli.lifecycle:lifecycle",
        "Show who is prospect, new, active, lapsing, lapsed or reactivated, and who moved where month by month.",
    ),
)

app = typer.Typer(
    cls=group_of(_GROUPS),
    no_args_is_help=True,
    help="Look at segments, refresh them; RFM, clusters, classes, look-alikes, personas.",
)

Name = Annotated[str, typer.Argument(help="Segment definition.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A parameter that is to be otherwise, as days=60; may be repeated."),
]


@app.command("explain")
def explain(
    name: Name,
    as_of: AsOfOption = None,
    given: Set = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say a segment's rule in words, with the people after every leaf."""
    with opened(workspace, as_json=as_json) as ws:
        wanted = service.parametrised(ws.stores, name, read_parameters(given))
        with ws.output.progress("Counting people"):
            found = service.explain(ws.stores, wanted, as_of=ws.moment(as_of) or ws.now)
        if as_json:
            ws.output.json(found)
        people, known = found.members - found.visitors, found.known - found.known_visitors
        besides = (
            f", and {found.visitors:,} of {found.known_visitors:,} visitors besides"
            if found.known_visitors
            else ""
        )
        ws.output.heading(f"{name}: {people:,} of {known:,} people{besides}")
        ws.output.say(found.words)
        ws.output.table(
            ["leaf", "alone", "after it", "without it"],
            [(leaf.words, leaf.alone, leaf.remaining, leaf.without) for leaf in found.leaves],
        )
        if found.most_excluding is not None:
            ws.output.say(f"Most people are kept out by: {found.most_excluding.words}.")
        if found.note:
            ws.output.note(found.note)
        for warning in found.warnings:
            ws.output.note(f"Warning: {warning}")


@app.command("members")
def members(
    name: Name,
    as_of: AsOfOption = None,
    given: Set = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write the profile ids to this CSV file.")
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            "--with",
            help="Personal fields to write beside them, as customer_id,email; the audit log records it.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the people of a segment."""
    names = [one.strip() for one in (fields or "").split(",") if one.strip()]
    wrong = [one for one in names if one not in PERSON_FIELDS]
    if wrong or (fields is not None and not names):
        raise typer.BadParameter(
            f"'{', '.join(wrong) or fields}' is no personal field. Known: {', '.join(PERSON_FIELDS)}.",
            param_hint="--with",
        )
    if names and to is None:
        raise typer.BadParameter(
            "personal data goes into a file only: name it with --to FILE.", param_hint="--with"
        )
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        wanted = service.parametrised(ws.stores, name, read_parameters(given))
        with ws.output.progress("Looking for people"):
            table = service.members(ws.stores, wanted, as_of=moment)
        unknown = service.unknown(ws.stores, wanted, as_of=moment, values=not table.num_rows)
        for warning in unknown:
            ws.output.note(f"Warning: {warning}")
        if to is not None:
            listed = table
            if names:
                listed = with_personal(ws.stores, table, names, by=ws.by, subject=f"segment {name}")
            write_list(listed, to)
        if as_json:
            ws.output.json({"segment": name, "members": table.column("profile_id").to_pylist()})
        elif to is None:
            for profile in table.column("profile_id").to_pylist():
                ws.output.say(profile)
        else:
            ws.output.say(f"{table.num_rows:,} people of '{name}' are in {to}.")
        if names:
            ws.output.note(
                "Who may be written to is not looked at here: consent and suppressions are asked by plans alone."
            )


@app.command("text")
def text(
    rule: Annotated[str, typer.Argument(help="A file of definitions, or the name of a segment.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write rules as short text, as `orders.count(within: 90d) >= 2 and country == GB`."""
    with opened(workspace, as_json=as_json) as ws:
        if Path(rule).exists():
            found = [
                one
                for one in check_all(read_documents(find_files(Path(rule))))
                if isinstance(one, Segment)
            ]
        else:
            found = [definitions.find(ws.stores.control, Segment, rule)]
        if as_json:
            ws.output.json([{"segment": one.name, "rule": one.text()} for one in found])
            return
        for one in found:
            if len(found) > 1:
                ws.output.heading(one.name)
            ws.output.say(one.text())


@app.command("yaml")
def yaml(
    text: Annotated[str, typer.Argument(help="A rule as short text.")],
    name: Annotated[str, typer.Option(help="Name of the segment.")] = "rule",
    as_json: JsonOption = False,
) -> None:
    """Write a rule that is short text as a definition. Parameters in it stay as they are."""
    try:
        rule = parse_rule(text, LEAF_KINDS)
    except ValueError as error:
        raise DefinitionError("The rule is wrong.", [Fault("rule", str(error))]) from error
    document = {"kind": "segment", "name": name, "rule": rule}
    if not named_parameters(rule):
        check({**document, "rule": text})
    typer.echo(json.dumps(document) + "\n" if as_json else render_yaml([document]), nl=False)


@app.command("refresh")
def refresh(
    names: Annotated[list[str] | None, typer.Argument(help="Segments; default: all.")] = None,
    touched: Annotated[
        bool,
        typer.Option(
            "--touched",
            help="Look only at those whom something happened to since the last time; `aimwell run` does so each minute.",
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute segments now and record who entered and who left.

    Ends with 1 where a segment cannot be computed; it keeps the members that it had, and the others are done.
    """
    if touched and names:
        raise typer.BadParameter(
            "it looks at all segments; leave out the names", param_hint="--touched"
        )
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Refreshing"):
            if touched:
                followed = follow(ws.stores, clock=utc_now, complete=True, wait_seconds=120.0)
                counts = followed.counts
            else:
                counts = run_refresh(ws.stores, now=utc_now, segments=names or None)
                rebuild_active(ws.stores)
        failing = [one for one in counts if one.failure]
        if as_json:
            ws.output.json(list(counts))
        elif touched:
            people = (
                "Everybody was" if followed.people is None else f"{followed.people:,} people were"
            )
            ws.output.say(f"{people} looked at.")
        ws.output.table(
            ["segment", "members", "entered", "left"],
            [(c.segment, c.members, c.entered, c.left) for c in counts if not c.failure],
        )
        for one in failing:
            ws.output.error(
                f"'{one.segment}' cannot be computed, and keeps {one.members:,} members: {one.failure}"
            )
        if failing:
            raise typer.Exit(WRONG_INPUT)


@app.command("list")
def list_(
    as_of: AsOfOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """List segments: how many are in each, as of when, and which cannot be computed and why."""
    with opened(workspace, as_json=as_json) as ws:
        lines = segment_lines(ws.stores, as_of=ws.moment(as_of))
        warning = too_many([one.segment for one in lines if one.active])
        if as_json:
            ws.output.json(list(lines))
            return
        if not lines:
            ws.output.say("No segment is defined. Write one, then: aimwell apply FILE")
            return
        ws.output.table(
            ["segment", "state", "active", "members", "as of", "everybody looked at"],
            [
                (
                    one.segment,
                    one.state,
                    "yes" if one.active else "",
                    one.members,
                    one.as_of,
                    one.full_at,
                )
                for one in lines
            ],
        )
        for one in lines:
            if one.failure:
                ws.output.say(
                    f"'{one.segment}' fails since {one.failing_since:%Y-%m-%d %H:%M} UTC (revision {one.failed_revision}): "
                    f"{one.failure}"
                )
        waiting = [one.segment for one in lines if one.state in ("never", "behind")]
        if waiting:
            ws.output.note(
                f"To be computed: {', '.join(waiting)}. Run: aimwell segment refresh --touched"
            )
        if warning:
            ws.output.note(f"Warning: {warning}")


@app.command("history")
def history(
    name: Name,
    as_of: AsOfOption = None,
    who: Annotated[
        bool, typer.Option("--who", help="Show who entered and left, the newest first.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", help="With --who: write all of them to this CSV file.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Lines at most.")] = 30,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a segment's size day by day, or who entered and left it and when."""
    if to is not None and not who:
        raise typer.BadParameter("it writes who entered and left; add --who", param_hint="--to")
    with opened(workspace, as_json=as_json) as ws:
        until = ws.moment(as_of)
        if not who:
            days = sizes(ws.stores, name, as_of=until)
            if as_json:
                ws.output.json({"segment": name, "days": list(days)})
                return
            if not days:
                (line,) = (one for one in segment_lines(ws.stores) if one.segment == name)
                if line.as_of is None:
                    told = f"'{name}' was never refreshed. Run: aimwell segment refresh {name}"
                else:
                    ever = "ever in" if until is None else "by then in"
                    told = f"Nobody was {ever} '{name}', last looked at {line.as_of:%Y-%m-%d %H:%M} UTC."
                ws.output.say(told)
                return
            ws.output.table(
                ["day", "entered", "left", "members"],
                [(f"{one.day}", one.entered, one.left, one.members) for one in days[-limit:]],
            )
            return
        rows = comings(ws.stores, name, as_of=until, limit=None if to is not None else limit)
        if to is not None:
            write_list(rows, to)
            ws.output.say(f"{rows.num_rows:,} comings and goings of '{name}' are in {to}.")
            return
        if as_json:
            found = [
                {**row, "occurred_at": row["occurred_at"].isoformat()} for row in rows.to_pylist()
            ]
            ws.output.json({"segment": name, "changes": found})
            return
        ws.output.table(
            ["when", "change", "profile"],
            [(row["occurred_at"], row["change"], row["profile_id"]) for row in rows.to_pylist()],
        )


@app.command("rfm")
def rfm(
    as_of: AsOfOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Count people by the usual groups of recency, frequency and money."""
    with opened(workspace, as_json=as_json) as ws:
        at, engine = ws.moment(as_of) or ws.now, ws.stores.history_engine
        with open_moment(ws.stores, as_of=at, engine=engine) as moment:
            with ws.output.progress("Grouping people"):
                rows = compute_rfm(moment).to_pylist()
            note_old_orders(ws, moment)
        groups = Counter(row["group"] for row in rows)
        money: defaultdict[str, float] = defaultdict(float)
        for row in rows:
            money[row["group"]] += row["monetary"]
        listed = [
            {"group": group, "people": people, "revenue": round(money[group], 2)}
            for group, people in groups.most_common()
        ]
        if as_json:
            ws.output.json(listed)
        if not listed:
            ws.output.say(
                "Nobody had bought anything by then. Collect orders first: aimwell collect orders FILE --explain"
            )
            return
        ws.output.table(
            ["group", "people", f"revenue ({ws.stores.settings.currency})"],
            [(group_words(one["group"]), one["people"], one["revenue"]) for one in listed],
        )
