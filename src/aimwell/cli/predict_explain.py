"""`aimwell predict why|effects`: why somebody has a probability, and what a model makes of its features."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.training_options import ModelArgument
from aimwell.predict.effects import Effect, effects
from aimwell.predict.explaining import why
from aimwell.unify.lookup import find_profile

__all__ = ["show_effects", "show_why"]

_CAVEAT = "It says what the model does, not what causes what: to change a feature need not change the person."


def show_why(
    model: ModelArgument,
    who: Annotated[
        str, typer.Argument(help="A profile id, customer id, e-mail address or telephone number.")
    ],
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why a person has the probability that a model gives them."""
    with opened(workspace, as_json=as_json) as ws:
        profile = find_profile(ws.stores, who)
        found = why(ws.stores, model, profile, as_of=ws.moment(as_of) or ws.now)
        if as_json:
            ws.output.json(found.to_dict())
            return
        ws.output.heading(
            f"{found.probability:.1%} by {found.model}; on average it was {found.usual:.1%}"
        )
        ws.output.table(
            ["feature", "this person", "usual", "odds", "what it is"],
            [
                (
                    one.name,
                    _value(one.value, one.unit),
                    _value(one.usual, one.unit),
                    _odds(one.odds),
                    one.words,
                )
                for one in found.factors
            ],
        )
        ws.output.say(f"All other features together: {_odds(found.others)}.")
        ws.output.note(_CAVEAT)


def show_effects(
    model: ModelArgument,
    features: Annotated[
        list[str] | None, typer.Argument(help="Features; default: the six strongest.")
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the mean probability, or spend, if everybody had this value of a feature, and how many really do."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Looking"):
            found = effects(
                ws.stores, model, as_of=ws.moment(as_of) or ws.now, names=tuple(features or ())
            )
        if as_json:
            ws.output.json([one.to_dict() for one in found])
            return
        for one in found:
            _show(ws, one)
        ws.output.note(_CAVEAT)


def _show(ws: Opened, one: Effect) -> None:
    points: list[tuple[float | None, float, int]] = list(one.points)
    if one.without is not None:
        points.append((None, *one.without))
    rows = [
        (_value(value, one.unit), f"{mean:,.2f}" if one.money else f"{mean:.1%}", count)
        for value, mean, count in points
    ]
    ws.output.table(
        ["value", f"mean {one.expects}", f"{one.units} who have about that"],
        rows,
        title=f"{one.name} ({one.words}): {one.weight:.0%} of what tells people apart",
    )


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "none"
    told = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"
    return f"{told} days" if unit == "days" else told


def _odds(factor: float) -> str:
    return f"× {factor:.2f}" if factor >= 1 else f"÷ {1 / factor:.2f}"
