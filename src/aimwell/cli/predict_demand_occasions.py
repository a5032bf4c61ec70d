"""What `aimwell predict demand` says of occasions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from aimwell.cli.context import Opened
from aimwell.predict.demand.occasion_model import OccasionFound
from aimwell.predict.demand.service import DemandForecast

__all__ = ["OccasionOption", "WithoutOccasionsOption", "say_occasions"]

OccasionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--occasion",
        help="Count only this occasion (a document or a public holiday); may be repeated. Default: all near the horizon.",
    ),
]
WithoutOccasionsOption = Annotated[
    bool, typer.Option("--without-occasions", help="Count no occasion.")
]


def say_occasions(ws: Opened, found: DemandForecast, top: int, asked: Sequence[str] = ()) -> None:
    """The occasions near the horizon, and what each that counts adds; of those asked for also which are not near."""
    far = found.far(asked)
    if far:
        ws.output.say(
            f"Not counted, as none of their days lies in the horizon or the eight weeks before it: {', '.join(far)}."
        )
    tried = [one for one in found.occasions if one.judged]
    unknown = [one for one in found.occasions if not one.judged]
    if tried:
        ws.output.say()
        ws.output.table(
            ["occasion", "day", "judged", "counted", "why"],
            [
                (
                    one.name[:18],
                    one.on,
                    ", ".join(str(day.year) for day in one.judged),
                    one.used,
                    one.why,
                )
                for one in tried
            ],
            title="Occasions in the horizon or shortly before it",
        )
    if unknown:
        names = ", ".join(f"{one.name} ({one.on}, seen {len(one.seen)} ×)" for one in unknown)
        ws.output.say(
            f"Not counted, as two whole times with the weeks before them are needed to learn and to judge: {names}."
        )
    for one in found.occasions:
        if one.used and one.first is not None:
            _say_one(ws, found, one, top)


def _say_one(ws: Opened, found: DemandForecast, one: OccasionFound, top: int) -> None:
    rows = found.occasion_rows(one.name, top)
    named = any(row["name"] for row in rows)
    ws.output.say()
    ws.output.say(f"{one.name}, {one.on}: units wanted from {one.first} to {one.last}")
    ws.output.table(
        [found.level, *(["name"] if named else []), "wanted", "90 %", "of which it adds"],
        [
            (
                row["series"],
                *([(row["name"] or "")[:24]] if named else []),
                round(row["total"]),
                f"{row['lower']:,.0f} to {row['upper']:,.0f}",
                f"{row['added']:+,.0f}",
            )
            for row in rows
        ],
    )
    told = ", ".join(f"{phase} ×{factor:.2f}" for phase, factor in one.factors.items())
    ws.output.say(f"Of the whole shop, against the weeks before: {told}.")
