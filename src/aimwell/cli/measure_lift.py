"""`aimwell measure lift`: what sending added, from every side."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.measure.formatting import percent
from aimwell.measure.model import CampaignResult, plain
from aimwell.measure.report_tables import lift_rows
from aimwell.measure.service import measure
from aimwell.measure.shown import p_words
from aimwell.measure.view_tables import QUESTIONS, lift_csv, look_rows, view_rows

__all__ = ["lift"]


def lift(
    plan_id: Annotated[str, typer.Argument(help="Id of the plan, or latest:CAMPAIGN.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all figures as CSV.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """What sending added: by person, on the reached, ratios, quantiles, other methods, over time, and by the planned looks."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Measuring"):
            result = measure(ws.stores, plan_id, now=ws.now)
        if as_json:
            views = plain(result.views)
            ws.output.json(
                {
                    "plan_id": result.plan_id,
                    "campaign": result.campaign,
                    "currency": result.currency,
                    "sentence": result.sentence,
                    "lifts": plain(result.lifts),
                    "profit": plain(result.profit),
                    "belief": plain(result.belief),
                    **views,
                }
            )
            return
        if as_csv:
            ws.output.say(lift_csv(result).rstrip("\n"))
            return
        _show(ws, result)


def _show(ws: Opened, result: CampaignResult) -> None:
    out, views = ws.output, result.views
    assert views is not None  # noqa: S101 - measuring makes them
    out.heading(result.sentence)
    out.say(views.strength.sentence)
    out.say()
    adjusted = list(views.metrics_adjusted.values())
    out.table(
        ["per person", "contacted", "held out", "added", "between", "p", "p corrected"],
        [
            (
                row["label"],
                row["treated"],
                row["control"],
                row["difference"],
                row["interval"],
                row["p"],
                p_words(p),
            )
            for row, p in zip(lift_rows(result), adjusted, strict=True)
        ],
    )
    out.say(f"  by: {result.lifts['revenue'].difference.method}")
    out.say(f"  {result.lifts['revenue'].choice.because}")
    belief = result.belief
    if belief is not None and belief.better is not None:
        out.say(
            f"  Bayesian: better with a probability of {percent(100 * belief.better, 0)}, given {belief.prior}"
        )
    for group, question in QUESTIONS.items():
        rows = view_rows(result, group)
        if not rows:
            continue
        out.say()
        out.heading(question)
        out.table(
            ["", "contacted", "held out", "difference", "between", "p"],
            [
                (
                    r["label"],
                    r["treated"],
                    r["control"],
                    r["difference"],
                    _short(r["interval"]),
                    r["p"],
                )
                for r in rows
            ],
        )
        for row in rows:
            if row["interval"].startswith("missing: "):
                out.say(f"  {row['label']}: {row['interval']}")
        for method in dict.fromkeys(
            r["method"] for r in rows if not r["interval"].startswith("missing")
        ):
            out.say(f"  by: {method}")
        for says in dict.fromkeys(r["says"] for r in rows):
            out.say(f"  {says}")
    looks = look_rows(result)
    if looks and views.looks is not None:
        out.say()
        out.heading("The planned looks")
        out.say(views.looks.sentence)
        out.table(
            ["after", "stop beyond", "hopeless under", "seen", "says"],
            [(r["day"], r["bound"], r["hopeless"], r["seen"], r["says"]) for r in looks],
        )
        out.say("  In standard errors of revenue per person, past spend taken off.")
    out.say()
    out.say(
        "p of ratios and quantiles is corrected with that of the metrics (Benjamini and Hochberg)."
    )
    for note in views.notes:
        out.note(note)


def _short(interval: str) -> str:
    return "–" if interval.startswith("missing") else interval
