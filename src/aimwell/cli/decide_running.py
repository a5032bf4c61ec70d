"""What `aimwell decide` shows of campaigns that run on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimwell.cli.context import Opened

__all__ = ["show_exploring"]


def show_exploring(ws: Opened, found: Mapping[str, Any] | None) -> None:
    """Print what earlier waves say of each action, and how likely it is the best."""
    if found is None:
        return
    ws.output.say()
    ws.output.say(
        f"Thompson sampling: each action is drawn with the probability that it is the best, and by {found['share']:.0%} of the "
        "people at random"
    )
    ws.output.table(
        ["action", "over nobody, a person", "95 %", "people told of", "the best with"],
        [
            (
                one["arm"],
                "never drawn" if not one["people"] else f"{one['mean']:,.4g}",
                "" if one["lower"] is None else f"{one['lower']:,.4g} to {one['upper']:,.4g}",
                f"{one['people']:,.0f}",
                f"{one['best']:.1%}",
            )
            for one in found["arms"]
        ],
    )
    ws.output.say(f"Learnt from {', '.join(found['sources'])}.")
