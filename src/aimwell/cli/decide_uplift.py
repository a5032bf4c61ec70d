"""`aimwell decide uplift`: what a past experiment says of whom to contact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.decide_experiment import (
    ColumnsOption,
    DaysOption,
    ExperimentArgument,
    ObservedOption,
    OutcomeOption,
    SeedOption,
    by_commas,
    figure,
    interval,
    read_given,
    say_source,
    source_of,
)
from aimwell.cli.decide_panels import LEARNING
from aimwell.cli.whole_file import write_whole
from aimwell.decide.uplift.assigned import usual_outcome
from aimwell.decide.uplift.page import uplift_html, uplift_sentence
from aimwell.decide.uplift.service import UpliftReport, named_learners, uplift_report

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Put the command on the app of the stage."""
    app.command("uplift", rich_help_panel=LEARNING)(uplift)


def uplift(
    experiment: ExperimentArgument,
    outcome: OutcomeOption = None,
    arm: Annotated[
        str | None, typer.Option("--arm", help="Which treatment.", show_default="the first")
    ] = None,
    learners: Annotated[
        str | None,
        typer.Option(
            "--learners",
            help=f"By commas: {', '.join(named_learners())}.",
            show_default="those by ridge",
        ),
    ] = None,
    matters: Annotated[
        float | None,
        typer.Option(
            "--matters",
            min=0,
            help="Effect from which on a person counts as moved.",
            show_default="a tenth of the untouched outcome",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with the tenths as a chart.")
    ] = None,
    days: DaysOption = 14.0,
    columns: ColumnsOption = None,
    observed: ObservedOption = False,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what contact added, whether it can be told whom it moves, and how well."""
    with opened(workspace, as_json=as_json) as ws:
        with ws.output.progress("Reading the experiment"):
            read = read_given(ws, experiment, days, columns, observed=observed, seed=seed)
        with ws.output.progress("Learning"):
            found = uplift_report(
                read.data,
                outcome or usual_outcome(read.data.outcomes),
                arm=arm,
                learners=by_commas(learners),
                matters=matters,
                seed=seed,
            )
        if html is not None:
            write_whole(html, uplift_html(found, title=read.name), option="--html")
        if as_json:
            ws.output.json({**source_of(read), **found.to_dict(), "html": html})
            return
        say_source(ws, read)
        _say_uplift(ws, found)
        if html is not None:
            ws.output.say(f"Written to {html}.")


def _say_uplift(ws: Opened, found: UpliftReport) -> None:
    ws.output.table(
        [found.outcome, "per person", "95 %"],
        [
            ("if nobody got it", figure(found.without.estimate), interval(found.without)),
            (f"if all got '{found.arm}'", figure(found.with_.estimate), interval(found.with_)),
            ("added", figure(found.effect.estimate), interval(found.effect)),
        ],
    )
    ws.output.say()
    ws.output.table(
        ["learner", "AUTOC", "95 %", "Qini", "uplift of top 30 %", "slope", "scikit-uplift Qini"],
        [
            (
                one.learner,
                figure(one.autoc.estimate),
                interval(one.autoc),
                figure(one.qini.value),
                figure(one.uplift_at_top.value),
                figure(one.slope.estimate),
                figure(one.scikit_uplift.get("qini_auc_score")),
            )
            for one in found.learners
        ],
        title="Can it be told whom it moves? Judged on people who were not learnt from",
    )
    ws.output.say(uplift_sentence(found))
    ws.output.say()
    ws.output.table(
        ["tenth", "people", "predicted", "added", "95 %"],
        [
            (
                one.number,
                one.people,
                figure(one.predicted),
                figure(one.actual.estimate),
                interval(one.actual),
            )
            for one in found.bands
        ],
        title=f"By tenths of predicted uplift ({found.chosen}), the highest first",
    )
    ws.output.say()
    ws.output.table(
        ["group", "people", "share", "certainty", "untouched", "added", "95 %"],
        [
            (
                one.group,
                one.people,
                f"{one.share:.0%}",
                "–" if one.certainty is None else f"{one.certainty:.0%}",
                figure(one.untouched.estimate),
                figure(one.effect.estimate),
                interval(one.effect),
            )
            for one in found.groups
        ],
        title=f"Groups (moved: by {found.matters:.3g} or more), and what contact truly did to them",
    )
