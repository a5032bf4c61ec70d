"""Options and words of commands that give long lists of people, products or firms."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import Opened
from aimwell.predict.card_words import estimate
from aimwell.stats.estimate import Estimate

__all__ = ["ToOption", "TopOption", "say_written", "told"]

ToOption = Annotated[
    Path | None, typer.Option("--to", help="Write the whole list to this CSV file.")
]
TopOption = Annotated[int, typer.Option(min=0, help="List so many.")]


def told(one: Estimate, form: str) -> str:
    """A figure with its interval."""
    return estimate(asdict(one), form)


def say_written(ws: Opened, rows: int, to: Path | None) -> None:
    """Where the whole list is, or how to get it."""
    if to is not None:
        ws.output.say(f"The whole list of {rows:,} is in {to}.")
    else:
        ws.output.say(f"The whole list of {rows:,}: add --to FILE.csv")
