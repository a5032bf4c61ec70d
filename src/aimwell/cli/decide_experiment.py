"""What `aimwell decide uplift` and `aimwell decide policy` share: reading a past experiment, and saying what it is."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import Opened
from aimwell.cli.output import digits
from aimwell.decide.uplift.observing import Overlap
from aimwell.decide.uplift.reading import ReadExperiment, read_experiment, read_observed
from aimwell.stats.estimate import Estimate

__all__ = [
    "ColumnsOption",
    "DaysOption",
    "ExperimentArgument",
    "ObservedOption",
    "OutcomeOption",
    "SeedOption",
    "by_commas",
    "figure",
    "interval",
    "read_given",
    "say_source",
    "source_of",
]

ExperimentArgument = Annotated[
    str, typer.Argument(help="Campaign of our own or imported experiment, as in the assignments.")
]
OutcomeOption = Annotated[
    str | None,
    typer.Option(
        "--outcome",
        help="What is looked at: an imported outcome, or bought, orders, revenue, margin.",
        show_default="margin, revenue or the first",
    ),
]
DaysOption = Annotated[
    float,
    typer.Option("--days", min=0.01, max=3650, help="Days of outcomes, where none were imported."),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option("--columns", help="Features and trait:NAME, by commas.", show_default="all known"),
]
ObservedOption = Annotated[
    bool,
    typer.Option(
        "--observed", help="Nobody was drawn by chance: EXPERIMENT is a campaign of the touches."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")]


def read_given(
    ws: Opened, experiment: str, days: float, columns: str | None, *, observed: bool, seed: int
) -> ReadExperiment:
    if observed:
        return read_observed(
            ws.stores,
            experiment,
            now=ws.now,
            horizon_days=days,
            columns=by_commas(columns),
            seed=seed,
        )
    return read_experiment(
        ws.stores, experiment, now=ws.now, horizon_days=days, columns=by_commas(columns)
    )


def by_commas(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def source_of(read: ReadExperiment) -> dict[str, object]:
    return {
        "experiment": read.name,
        "as_of": read.as_of,
        "window_days": read.window_days,
        "randomised": read.data.randomised,
        "arms": read.data.counts,
        "outcomes": list(read.data.outcomes),
        "features": len(read.data.names),
        "overlap": None if read.overlap is None else read.overlap.to_dict(),
    }


def say_source(ws: Opened, read: ReadExperiment) -> None:
    data = read.data
    counts = ", ".join(f"{name} {count:,}" for name, count in data.counts.items())
    window = "" if read.window_days is None else f", outcomes of {read.window_days:.3g} days"
    ws.output.heading(f"Experiment {read.name}: {len(data):,} people ({counts})")
    ws.output.say(
        f"Assigned from {ws.day(read.as_of)} on{window}; {len(data.names)} features known before."
    )
    for words in data.cautions:
        ws.output.note(f"Caution: {words}")
    if read.overlap is not None:
        _say_overlap(ws, read.overlap)
    ws.output.say()


def _say_overlap(ws: Opened, overlap: Overlap) -> None:
    ws.output.table(
        ["apart most before", "by (deviations)", "weighted"],
        [(one.feature, one.before, one.after) for one in overlap.balance[:5]],
    )


def figure(value: float | None) -> str:
    return "–" if value is None else digits(value)


def interval(one: Estimate) -> str:
    if one.lower is None or one.upper is None:
        return "–"
    return f"{digits(one.lower, 3)} to {digits(one.upper, 3)}"
