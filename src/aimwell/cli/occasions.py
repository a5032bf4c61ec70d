"""`aimwell segment occasions`: when they are, who buys for them and what, and which are too weak to act on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.old_orders import note_old_orders
from aimwell.history.moment import open_moment
from aimwell.privacy.lists import write_list
from aimwell.segment.occasions.assessing import Assessment, assess, overlaps
from aimwell.segment.occasions.service import next_occasions, stored_occasions

__all__ = ["occasions"]


def occasions(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Occasions to tell more of; without any all are compared."),
    ] = None,
    coming: Annotated[
        bool, typer.Option("--next", help="Which occasion is next, for how many people, and when.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="With --next: write each person's next one to this CSV file."),
    ] = None,
    overlap: Annotated[
        bool, typer.Option("--overlap", help="How far buyers of one are buyers of another.")
    ] = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge occasions: when they are, who buys for them and what, and which are too weak to act on."""
    if to is not None and not coming:
        raise typer.BadParameter("it goes with --next.", param_hint="--to")
    with (
        opened(workspace, as_json=as_json) as ws,
        open_moment(ws.stores, as_of=ws.moment(as_of) or ws.now) as moment,
    ):
        wanted = stored_occasions(moment, names)
        if not wanted:
            if as_json:
                ws.output.json([])
            ws.output.say(
                "There is no occasion yet. Write definitions of the kind occasion and apply them; docs/segment.md has examples."
            )
            return
        note_old_orders(ws, moment)
        if coming:
            _coming(ws, next_occasions(moment, wanted), to)
            return
        if overlap:
            pairs = overlaps(moment, wanted)
            if as_json:
                ws.output.json([{**vars(pair), "jaccard": pair.jaccard} for pair in pairs])
            ws.output.table(
                ["occasion", "and", "bought before both", "before either", "Jaccard"],
                [
                    (pair.one, pair.other, pair.both, pair.either, f"{pair.jaccard:.2f}")
                    for pair in pairs
                ],
            )
            return
        with ws.output.progress("Looking at occasions"):
            found = assess(moment, wanted)
        if as_json:
            ws.output.json([one.to_dict() for one in found])
            return
        if names:
            for one in found:
                _tell(ws, one)
            return
        ws.output.table(
            [
                "occasion",
                "next",
                "people",
                "lead days",
                "orders",
                "expected",
                "ratio",
                "q",
                "verdict",
            ],
            [_row(one) for one in found],
        )
        ws.output.say("More of one: aimwell segment occasions NAME")


def _row(one: Assessment) -> tuple[object, ...]:
    rhythm = one.rhythm
    if rhythm is None:
        return (one.occasion, _day(one), one.people, None, None, None, None, None, one.verdict)
    return (
        one.occasion,
        _day(one),
        one.people,
        rhythm.lead,
        rhythm.observed,
        round(rhythm.expected),
        f"{rhythm.ratio:.2f} ({rhythm.lower:.2f}–{rhythm.upper:.2f})",
        f"{one.q_value:.3f}" if one.q_value is not None else None,
        one.verdict,
    )


def _day(one: Assessment) -> str | None:
    return one.next_on.isoformat() if one.next_on is not None else None


def _tell(ws: Opened, one: Assessment) -> None:
    ws.output.heading(f"{one.occasion}: {one.verdict}")
    if one.description:
        ws.output.say(one.description)
    ws.output.say(f"{one.reason[:1].upper()}{one.reason[1:]}.")
    people = f"{one.people:,} people have it"
    if one.unknown:
        people += f"; of {one.unknown:,} the calendar is not known"
    when = f", next on {one.next_on}" if one.next_on is not None else ""
    ws.output.say(
        f"{people}{when}. It is {' and '.join(one.nature) or 'of no kind that its signs tell'}."
    )
    rhythm = one.rhythm
    if rhythm is not None:
        half = (
            f"; half of what came beyond was bought by {rhythm.half_before} days before"
            if rhythm.half_before
            else ""
        )
        ws.output.say(
            f"Lead time {rhythm.lead} days{half}. Seen: {rhythm.windows:,} windows, {rhythm.whole:,} of them whole."
        )
    if one.reach is not None:
        ws.output.say(
            f"{one.reach:.0%} of the buyers bought in its windows ({one.breadth}); {one.likely:,} people buy for it with a "
            f"probability of at least 50 %. Gift or own use: {one.purpose}."
        )
    if one.check is not None:
        alike = (
            f", of others with as many days of buying {one.check.alike_share:.0%}"
            if one.check.alike_share is not None
            else ""
        )
        ws.output.say(
            f"Check: of {one.check.named:,} people named without the last window {one.check.named_share:.0%} bought in it"
            f"{alike}, of as many with the most days of buying {one.check.most_share:.0%}."
        )
    if one.signs:
        ws.output.table(
            [
                "sign, against the same people's other days",
                "people",
                "usual",
                "difference",
                "interval of 95 %",
            ],
            [
                (
                    sign.words,
                    sign.people,
                    f"{sign.usual:.3f}",
                    f"{sign.difference:+.3f}",
                    f"{sign.lower:+.3f} to {sign.upper:+.3f}",
                )
                for sign in one.signs
            ],
        )
    if one.products and one.verdict == "weak":
        ws.output.note(
            "Any weeks of the year have products of their own; a weak occasion need not be why."
        )
    if one.products:
        ws.output.table(
            [
                "product",
                "name",
                "in its windows",
                "of days",
                "lift",
                "q",
                "one of its goods",
                "units by year",
            ],
            [
                (
                    p.sku,
                    p.name,
                    p.inside,
                    p.days,
                    f"{p.lift:.1f}",
                    f"{p.q_value:.2g}",
                    "yes" if p.wanted else "",
                    ", ".join(f"{year}: {units:,.0f}" for year, units in p.demand.items()),
                )
                for p in one.products
            ],
        )


def _coming(ws: Opened, table: pa.Table, to: Path | None) -> None:
    counts = Counter(
        (day, name)
        for day, name in zip(
            table.column("on").to_pylist(), table.column("occasion").to_pylist(), strict=True
        )
    )
    listed = [
        {"on": day.isoformat(), "occasion": name, "people": people}
        for (day, name), people in sorted(counts.items())
    ]
    if to is not None:
        write_list(table, to)
    if ws.output.as_json:
        ws.output.json({"next": listed, "people": table.num_rows, "file": to})
        return
    ws.output.table(
        ["on", "occasion", "people"],
        [(one["on"], one["occasion"], one["people"]) for one in listed[:40]],
    )
    if len(listed) > 40:
        ws.output.say(f"… and {len(listed) - 40:,} more days; --json has all of them.")
    if to is not None:
        ws.output.say(f"The next occasion of {table.num_rows:,} people is in {to}.")
