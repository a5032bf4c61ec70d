"""What a plan rests on predictions: when people are written to and through what; and `aimwell decide timing`, what the time earned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_panels import LEARNING
from aimwell.cli.output import digits
from aimwell.decide.timing_worth import TimingWorth, timing_worth
from aimwell.stats.estimate import Estimate

__all__ = ["register", "show_predicted"]

_BY = {
    "own": "at their own time",
    "everybody": "in everybody's commonest hours",
    "held": "at the stated time by chance, to compare",
    "random_hour": "at a random hour, to compare",
    "unknown": "at the stated time: no time of theirs is known",
    "same": "at the stated time: it is their own",
    "outside": "at the stated time: their own is too late, or in quiet hours",
}

_BY_GIVEN_UP = _BY | {
    "own": "at their own time by chance, to compare",
    "everybody": "in everybody's commonest hours by chance, to compare",
    "held": "at the stated time, as the predicted one is given up",
}


def register(app: typer.Typer) -> None:
    """Put the command on the app of the stage."""
    app.command("timing", rich_help_panel=LEARNING)(timing)


def timing(
    campaign: Annotated[str, typer.Argument(help="Campaign with schedule.best_time.")],
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome",
            help="bought, orders, revenue or margin.",
            show_default="margin, else revenue",
        ),
    ] = None,
    gain: Annotated[
        float | None,
        typer.Option(
            "--gain",
            min=0,
            max=1e13,
            help="Smallest gain per person that counts.",
            show_default="the campaign's, else a twentieth of what the stated time earns",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of how people are dealt out.")] = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the predicted time earned over the stated one, by those kept at the latter by chance."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Judging"):
            found = timing_worth(
                ws.stores, campaign, now=ws.now, outcome=outcome, worth=gain, seed=seed
            )
        if as_json:
            ws.output.json(found.to_dict())
            return
        _say(ws, found)


def _say(ws: Opened, found: TimingWorth) -> None:
    stated, predicted = found.arms
    window = "" if found.window_days is None else f"; outcomes of {found.window_days:.3g} days"
    ws.output.heading(
        f"Times of {found.campaign}: {' '.join(o.sentence for o in found.outcomes[:1])}"
    )
    ws.output.say(
        f"{found.arms[predicted]:,} people at their predicted time, {found.arms[stated]:,} kept at the stated one by chance, of "
        f"{', '.join(found.sources)}{window}."
    )
    ws.output.say()
    ws.output.table(
        [_per_person(ws), stated, predicted, "added", "95 %", ""],
        [
            (
                one.outcome,
                _figure(one.judgement.find(stated).value.doubly_robust),
                _figure(one.judgement.find(predicted).value.doubly_robust),
                _figure(one.choice.gain, sign="+"),
                _interval(one.choice.gain),
                {"personalise": "pays", "does not pay": "does not pay"}.get(
                    one.choice.verdict, "cannot tell"
                ),
            )
            for one in found.outcomes
        ],
    )
    for one in found.outcomes[1:]:
        ws.output.say(one.sentence)
    if found.random:
        ws.output.say()
        ws.output.table(
            [
                f"a random hour ({found.random[0].people:,} people)",
                _per_person(ws),
                "over the stated time",
                "95 %",
                "predicted over it",
                "95 %",
            ],
            [
                (
                    chance.outcome,
                    _figure(chance.value),
                    _figure(chance.over_stated, sign="+"),
                    _interval(chance.over_stated),
                    _figure(chance.predicted_over, sign="+"),
                    _interval(chance.predicted_over),
                )
                for chance in found.random
            ],
        )
    for words in found.cautions:
        ws.output.note(f"Caution: {words}")


def show_predicted(ws: Opened, summary: Mapping[str, Any]) -> None:
    """Print when a plan's people are written to, and through which channels, where it rests on predictions."""
    _show_times(ws, summary.get("timing"))
    _show_channels(ws, summary.get("channels"))


def _show_times(ws: Opened, told: Mapping[str, Any] | None) -> None:
    if told is None:
        return
    ws.output.say()
    counts = {name: told.get(name, 0) for name in ("own", "everybody", "held", "random_hour")}
    counts |= told["stated"]
    by = _BY_GIVEN_UP if told.get("given_up") else _BY
    ws.output.table(
        [f"due, by {told['model']} within {told['within_hours']:g} hours", "people"],
        [(by[name], count) for name, count in counts.items() if count],
    )
    hours = [f"{hour}:00 {count:,}" for hour, count in told["hours"].items()]
    ws.output.say(f"Due by the hour of people's own clocks: {', '.join(hours)}.")
    if told.get("words"):
        ws.output.say(told["words"])
    if told.get("given_up"):
        ws.output.say(
            "So the predicted time is given up: people are written to at the stated one, but for a share by which it can be learnt later "
            "that it pays after all."
        )


def _show_channels(ws: Opened, told: Mapping[str, Any] | None) -> None:
    if told is None:
        return
    by = ", ".join(f"{name} {count:,}" for name, count in told["channels"].items())
    ws.output.say()
    if not told["better"]:
        ws.output.say(
            f"By {told['model']} people's own channels foretell later answers no better than everybody's, so nobody has one."
        )
        return
    ws.output.say(
        f"The channel in which they answer is known of {told['known']:,} of {told['people']:,} people by {told['model']} (sure by "
        f"{told['sure']:.0%}): {by}. {told['through_it']:,} of the {told['contacted']:,} of them who are contacted get their message through it."
    )
    worth = told.get("worth")
    if worth is None:
        return
    for words in worth["words"]:
        ws.output.say(words)
    if worth["given_up"]:
        ws.output.say(
            "So the predicted channel is given up: nobody's message goes through it for its own sake. The share that gets an action at "
            "random still tells if that changes."
        )


def _per_person(ws: Opened) -> str:
    return f"per person (money in {ws.stores.settings.currency})"


def _figure(one: Estimate, sign: str = "") -> str:
    return "–" if one.estimate is None else digits(one.estimate, sign=sign)


def _interval(one: Estimate) -> str:
    if one.lower is None or one.upper is None:
        return "–"
    return f"{digits(one.lower, 3, sign='+')} to {digits(one.upper, 3, sign='+')}"
