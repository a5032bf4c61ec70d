"""`aimwell measure attribution`: what is credited with the conversions, by every model, beside what sending caused."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.attribution.model import MODELS, Attribution
from aimwell.measure.attribution.rules import DEFAULT_HALF_LIFE_DAYS
from aimwell.measure.attribution.service import DEFAULT_WINDOW_DAYS, attribute
from aimwell.measure.attribution.words import beside
from aimwell.measure.formatting import days_words, money

__all__ = ["attribution"]

_SHORT = {
    "time_decay": "decay",
    "position": "40/20/40",
    "markov_2": "markov 2",
    "shapley_rate": "sh. rate",
    "data_driven": "data",
}
_MOST_ROWS = 20


class ByName(StrEnum):
    """What gets the credit."""

    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    ACTION = "action"


def attribution(
    by: Annotated[ByName, typer.Option("--by", help="What gets the credit.")] = ByName.CHANNEL,
    goal: Annotated[
        str, typer.Option("--goal", help="Event that counts as a conversion.")
    ] = "Order Completed",
    touch: Annotated[
        list[str] | None,
        typer.Option(
            "--touch",
            help="Event that counts as a touch; may be repeated.",
            show_default="what people saw, opened or clicked",
        ),
    ] = None,
    window: Annotated[
        float,
        typer.Option(
            "--window", min=0.01, max=3650, help="Days before a conversion in which a touch counts."
        ),
    ] = DEFAULT_WINDOW_DAYS,
    half_life: Annotated[
        float,
        typer.Option("--half-life", min=0.01, max=3650, help="Days, of the model time_decay."),
    ] = DEFAULT_HALF_LIFE_DAYS,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help=f"The model that is shown with intervals and money: {', '.join(MODELS)}.",
        ),
    ] = "data_driven",
    since: Annotated[
        str | None,
        typer.Option(
            "--since", help="First day whose conversions count.", show_default="from the beginning"
        ),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Divide conversions among the contacts before them, by ten models side by side."""
    if model not in MODELS:
        raise typer.BadParameter(f"'{model}' is no model. Allowed: {', '.join(MODELS)}.")
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Dividing the credit"):
            found = attribute(
                ws.stores,
                until=ws.moment(as_of) or ws.now,
                since=ws.moment(since),
                by=by.value,
                goal=goal,
                touches=touch or (),
                window_days=window,
                half_life_days=half_life,
            )
        if as_json:
            ws.output.json(found)
            return
        _show(ws, found, model)


def _show(ws: Opened, found: Attribution, chosen: str) -> None:
    out, currency = ws.output, found.currency
    out.heading(
        f"{found.conversions:,} conversions ({found.goal}) after {sum(f.touches for f in found.facts):,} touches of "
        f"{found.people:,} people, within {days_words(found.window_days)} before each"
    )
    models = list(dict.fromkeys(one.model for one in found.credits))
    cells = {(one.model, one.channel): one for one in found.credits}
    ranked = sorted(found.facts, key=lambda f: (-cells[chosen, f.channel].conversions, f.channel))
    shown = ranked[:_MOST_ROWS]
    out.table(
        [found.by, *[_SHORT.get(name, name) for name in models]],
        [
            (fact.channel, *[f"{cells[name, fact.channel].conversions:,.0f}" for name in models])
            for fact in shown
        ],
        title="Credited conversions, by model",
    )
    out.say()
    out.table(
        [
            found.by,
            "touches",
            "paths",
            "share",
            "95 % interval",
            f"value ({currency})",
            "spend",
            "cost of each",
        ],
        [
            (
                fact.channel,
                fact.touches,
                fact.paths,
                f"{cells[chosen, fact.channel].conversions / found.conversions:.1%}",
                _interval(
                    cells[chosen, fact.channel].share.lower, cells[chosen, fact.channel].share.upper
                ),
                round(cells[chosen, fact.channel].value, 2),
                None if fact.spend is None else money(fact.spend, currency),
                None
                if cells[chosen, fact.channel].cost_of_each.value is None
                else money(cells[chosen, fact.channel].cost_of_each.value or 0.0, currency),
            )
            for fact in shown
        ],
        title=f"{chosen}: {MODELS[chosen]}",
    )
    if len(ranked) > len(shown):
        out.say(f"… and {len(ranked) - len(shown)} more; --json has them all.")
    first = cells[chosen, shown[0].channel].share
    out.say(f"  by: {first.method}" if first.defined else f"  no interval: {first.reason}")
    out.say()
    for note in found.notes:
        out.say(note)
    for one in found.incremental:
        out.say(beside(one, chosen))
    if not found.incremental:
        out.say(
            "No campaign with held-out people has been measured yet, so nothing can be put beside it."
        )
    for caveat in found.caveats:
        out.note(f"Beware: {caveat}")


def _interval(lower: float | None, upper: float | None) -> str | None:
    return None if lower is None or upper is None else f"{lower:.1%} to {upper:.1%}"
