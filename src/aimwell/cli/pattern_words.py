"""Options and words that the commands about patterns share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from aimwell.predict.patterns.found import Finding
from aimwell.predict.patterns.model import Rule
from aimwell.stats.estimate import Estimate

__all__ = [
    "NO_CAUSE",
    "AllOption",
    "ByOption",
    "FalseOption",
    "LimitOption",
    "names_in",
    "ratio",
    "stands",
]

_NAMES_MAX, _NAME_MIN = 30, 15  # characters of all items of a cell, and at least of each

ByOption = Annotated[
    str, typer.Option("--by", help="What is counted: products by 'sku', or by 'category'.")
]
FalseOption = Annotated[
    float,
    typer.Option(
        "--false-share", min=0.0001, max=0.5, help="Of what stands this share may be false."
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many to show.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show also what does not stand.")]

NO_CAUSE = "Beware: It says what goes together, not that the one brings about the other. Try an offer with a control group."


def stands(one: Rule | Finding, false_share: float) -> str:
    """Whether it stands, or why not, in a word or two."""
    if one.adjusted_p_value > false_share:
        return "may be chance"
    if one.held is None:
        return "cannot tell yet"
    return "yes" if one.held else "not in both halves"


def names_in(items: Sequence[str], names: Mapping[str, str], between: str = " + ") -> str:
    """The items of a cell, cut so that a table of them is readable."""
    room = max(_NAME_MIN, _NAMES_MAX // len(items))
    told = (f"{item} {names[item]}" if item in names else item for item in items)
    return between.join(one if len(one) <= room else f"{one[: room - 1]}…" for one in told)


def ratio(one: Estimate) -> str:
    """A ratio with its interval."""
    if one.estimate is None or one.lower is None or one.upper is None:
        return "–"
    return f"{one.estimate:.1f} ({one.lower:.1f}–{one.upper:.1f})"
