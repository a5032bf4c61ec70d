"""What a mapping from a command line still lacks, all of it at once, each with the option that would add it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aimwell.collect.entity_specs import SPECS
from aimwell.collect.suggesting import EntityName, target_maps
from aimwell.definitions.source_maps import REVIEW_SAYS
from aimwell.errors import nearest

__all__ = ["Lack", "find_lacks", "option_of"]

_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "orders": ("unit_price", "line_total"),
    "customers": ("customer_id", "email", "phone"),
    "events": ("customer_id", "email", "phone"),
    "reviews": REVIEW_SAYS,
    **{
        name: ("customer_id", "email", "phone")
        for name, spec in SPECS.items()
        if spec.person == "one"
    },
}
_FORMS = {
    "ordered_at": r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*",
    "occurred_at": r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*",
    "date": r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*",
    "unit_price": r"[^\d\s]{0,3} ?\d+([., ]\d{3})*[.,]\d{2} ?[^\d\s]{0,3}",
    "rate": r"\d+[.,]\d+",
}
"""Forms of values by which a column may be told whose name nobody knows."""


@dataclass(frozen=True)
class Lack:
    """Something that is missing: the targets any of which would do, what is wrong, and the option to add.

    `option` holds COLUMN in place of a name where no column of the file suggests itself.
    """

    targets: tuple[str, ...]
    problem: str
    option: str


def option_of(target: str, column: str) -> str:
    """`--map target=Column` as a shell takes it; a trait as `--trait`."""
    if target.startswith("trait."):
        return shlex.join(["--trait", f"{target.removeprefix('trait.')}={column}"])
    return shlex.join(["--map", f"{target}={column}"])


def find_lacks(
    entity: EntityName,
    mapping: Mapping[str, str],
    columns: Sequence[str],
    *,
    suggested: Mapping[str, str],
    samples: Mapping[str, Sequence[str]] | None = None,
    absent: Mapping[str, str] | None = None,
) -> tuple[Lack, ...]:
    """All that is missing in a mapping.

    Args:
        entity: What a row is.
        mapping: Target → column, as far as it goes.
        columns: The file's.
        suggested: Target → column, by their names.
        samples: Some values of each column; a date or a price is told by them.
        absent: Target → column that was named and that the file lacks.
    """
    fields = target_maps()[entity].model_fields
    found = [
        Lack(
            (target,),
            f"'{column}' is no column of the file. {nearest(column, list(columns))}",
            option_of(target, suggested.get(target, "COLUMN")),
        )
        for target, column in (absent or {}).items()
    ]
    free = [column for column in columns if column not in mapping.values()]
    groups = [(name,) for name, field in fields.items() if field.is_required()]
    for targets in [*groups, *([_ONE_OF[entity]] if entity in _ONE_OF else [])]:
        if any(target in mapping for target in targets):
            continue
        target, column = _best(targets, free, suggested, samples or {})
        what = fields[target].description or ""
        many = f"one of {', '.join(targets)} is needed" if len(targets) > 1 else "it is required"
        found.append(
            Lack(targets, f"nothing is mapped to it, and {many}. {what}", option_of(target, column))
        )
    return tuple(found)


def _best(
    targets: Sequence[str],
    free: Sequence[str],
    suggested: Mapping[str, str],
    samples: Mapping[str, Sequence[str]],
) -> tuple[str, str]:
    """The target and the column to propose: by the name, else by the form of the values, else none."""
    for target in targets:
        if suggested.get(target) in free:
            return target, suggested[target]
    for target in targets:
        form = _FORMS.get(target)
        for column in free if form else ():
            values = samples.get(column, ())
            if values and all(re.fullmatch(str(form), value.strip()) for value in values):
                return target, column
    return targets[0], "COLUMN"
