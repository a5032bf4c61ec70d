"""`aimwell measure experiment`: what imported experiments added, alone and pooled."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.output import digits
from aimwell.measure.experiments.model import Comparison, ExperimentResult, PooledComparison
from aimwell.measure.experiments.words import adjusted_words, reached_words
from aimwell.measure.formatting import MINUS, signed_number
from aimwell.measure.shown import p_words
from aimwell.stats.estimate import Estimate

__all__ = ["experiment"]


def experiment(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="As in the assignments; several are pooled, arm by arm."
        ),
    ],
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome",
            help="An imported outcome, or bought, orders, revenue, margin.",
            show_default="margin, revenue, spend or the first",
        ),
    ] = None,
    days: Annotated[
        float,
        typer.Option(
            "--days", min=0.01, max=3650, help="Days of outcomes, where none were imported."
        ),
    ] = 14.0,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="The arm to compare with.",
            show_default="the control; without one, each with each",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Trait by whose values arms were given (shop), or none.",
            show_default="one by which it looks so",
        ),
    ] = None,
    reached: Annotated[
        str | None,
        typer.Option(
            "--reached",
            help="Event that tells whom an arm reached.",
            show_default="touches whose action names an arm",
        ),
    ] = None,
    adjust: Annotated[
        str | None,
        typer.Option(
            "--adjust",
            help="Take off what was known before (CUPED): features and trait:NAME by commas, or all.",
            show_default="nothing",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the randomisation test.")] = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check an imported experiment, and measure each arm against the control."""
    from aimwell.measure.experiments.service import measure_experiments

    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Measuring"):
            found = measure_experiments(
                ws.stores,
                names,
                now=ws.now,
                outcome=outcome,
                horizon_days=days,
                against=against,
                cluster=cluster,
                reached=reached,
                adjust=_columns(adjust),
                seed=seed,
            )
        if as_json:
            ws.output.json(found.to_dict())
            return
        for number, one in enumerate(found.experiments):
            if number:
                ws.output.say()
            _show(ws, one)
        _pooled(ws, found.pooled)


def _columns(adjust: str | None) -> list[str] | None:
    """None: nothing; empty: all."""
    if adjust is None:
        return None
    return [] if adjust == "all" else [one.strip() for one in adjust.split(",")]


def _show(ws: Opened, found: ExperimentResult) -> None:
    out = ws.output
    out.heading(f"Experiment {found.name}, {found.outcome}: {found.sentence}")
    out.say(_basis(ws, found))
    out.say()
    groups = [found.groups_by] if found.groups_by else []
    out.table(
        ["arm", "people", *groups, f"{found.outcome} per person"],
        [
            (one.arm, one.people, *([one.groups] if found.groups_by else []), digits(one.mean, 5))
            for one in found.arms
        ],
    )
    out.say()
    rows = [row for one in found.comparisons for row in _rows(one)]
    percent = 100 * found.comparisons[0].difference.confidence
    out.table(["compared", "added per person", f"{percent:.4g} %", "relative", "p"], rows)
    methods = dict.fromkeys(one.difference.method for one in found.comparisons)
    out.say(f"By: {'; '.join(methods)}. {found.comparisons[0].because}")
    taken_off = adjusted_words(found)
    if taken_off:
        out.say(taken_off)
    if len(found.comparisons) > 1:
        out.say("All intervals hold at once in 95 of 100 experiments; p is corrected by Holm.")
    out.say()
    if not found.split.mismatch:  # else it stands among the cautions
        out.say(found.split.message)
    for one in found.comparisons:
        words = reached_words(one)
        if words:
            out.say(words)
        if not one.difference.defined:
            out.say(f"'{one.arm}' against '{one.against}': not known, as {one.difference.reason}.")
    for words in found.cautions:
        out.note(words)


def _basis(ws: Opened, found: ExperimentResult) -> str:
    window = "" if found.window_days is None else f", outcomes of {found.window_days:g} days"
    others = [name for name in found.outcomes if name != found.outcome]
    also = f" Also known: {', '.join(others)}." if others else ""
    return f"{found.people:,} people, assigned from {ws.day(found.as_of)} on{window}.{also}"


def _rows(one: Comparison) -> list[tuple[str, str, str, str, str]]:
    rows = [
        (
            f"{one.arm} − {one.against}",
            _figure(one.difference),
            _interval(one.difference),
            "–"
            if one.relative.estimate is None
            else f"{signed_number(100 * one.relative.estimate, 1)} %",
            "–" if one.p_adjusted is None else p_words(one.p_adjusted),
        )
    ]
    beside = {
        "  nothing taken off": one.unadjusted,
        "  without the contradicted": one.uncontradicted,
        "  wrong: as if independent": one.independent,
    }
    rows += [
        (words, _figure(other), _interval(other), "", "")
        for words, other in beside.items()
        if other is not None
    ]
    return rows


def _pooled(ws: Opened, pooled: tuple[PooledComparison, ...]) -> None:
    if not pooled:
        return
    ws.output.say()
    ws.output.table(
        ["compared", "experiments", "added per person", "95 %", "a next one", "differ (p)"],
        [
            (
                f"{one.arm} − {one.against}",
                one.pooled.count,
                _figure(one.pooled.mean),
                _interval(one.pooled.mean),
                _interval(one.pooled.next),
                "–"
                if one.pooled.homogeneity.p_value is None
                else p_words(one.pooled.homogeneity.p_value),
            )
            for one in pooled
        ],
        title="Together, as experiments of one kind whose effects may differ (REML, Hartung and Knapp)",
    )


def _figure(one: Estimate) -> str:
    return "–" if one.estimate is None else digits(one.estimate, sign="+").replace("-", MINUS)


def _interval(one: Estimate) -> str:
    if one.lower is None or one.upper is None:
        return "–"
    return f"{digits(one.lower, 3, sign='+')} to {digits(one.upper, 3, sign='+')}".replace(
        "-", MINUS
    )
