"""What `aimwell collect … --explain` says of a file's columns, also where the mapping is not complete yet."""

from __future__ import annotations

from aimwell.cli.output import Output
from aimwell.collect.sketching import SeenColumn, Sketch
from aimwell.errors import DefinitionError, Fault

__all__ = ["refuse_incomplete", "show_sketch"]


def show_sketch(out: Output, seen: Sketch) -> None:
    """Print the columns, some values of each, and what they seem to be."""
    opt_ins = {column: medium for medium, column in seen.opt_in.items()}
    out.heading(f"The columns of {seen.file}, read as {seen.entity}:")
    out.table(
        ["column", "some values", "goes to"],
        [
            (column.name, " | ".join(column.values) or "–", _goes_to(column, opt_ins))
            for column in seen.columns
        ],
    )
    out.say()


def _goes_to(column: SeenColumn, opt_ins: dict[str, str]) -> str:
    if column.targets:
        return f"{', '.join(column.targets)}{' (guessed)' if column.guessed else ''}"
    if column.name in opt_ins:
        return f"perhaps consent: --opt-in {opt_ins[column.name]}={column.name}"
    return f"not taken{f' (personal: {column.personal})' if column.personal else ''}"


def refuse_incomplete(out: Output, seen: Sketch) -> None:
    """Raise DefinitionError that names all that is missing at once; with JSON the document comes first."""
    if seen.complete:
        return
    if out.as_json:
        out.json(seen)
    told = " ".join(dict.fromkeys([*seen.options, *(lack.option for lack in seen.lacks)]))
    out.say(f"All of it would be: {told}")
    raise DefinitionError(
        f"The mapping of {seen.file} is not complete; nothing was taken. Add what is missing (COLUMN stands "
        "for the name of one of the columns above):",
        [
            Fault(" or ".join(lack.targets), f"{lack.problem} Add `{lack.option}`")
            for lack in seen.lacks
        ],
    )
