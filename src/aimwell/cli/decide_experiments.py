"""`aimwell decide experiment`, `power`, `rollout` and `holdout`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.output import Output
from aimwell.cli.whole_file import write_whole
from aimwell.decide.experiment_service import members_of_holdout, roll_out, set_up
from aimwell.decide.experiments import needed

__all__ = ["experiment", "holdout", "power", "rollout"]

ExperimentArgument = Annotated[str, typer.Argument(help="Experiment definition.")]


def experiment(
    name: ExperimentArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Make the campaign that runs an experiment: an action for each combination of its levels."""
    with opened(workspace, as_json=as_json) as ws:
        made, wanted = set_up(ws.stores, name, now=ws.now, by=ws.by)
        arms = wanted.arms()
        if as_json:
            ws.output.json({"campaign": made.name, "arms": [arm.name for arm in arms]})
            return
        factors = list(arms[0].levels)
        ws.output.table(
            ["arm", *factors, "weight"],
            [(arm.name, *(arm.levels[f] for f in factors), arm.weight) for arm in arms],
        )
        ws.output.say(
            f"The campaign '{made.name}' runs it. Plan it with: aimwell decide plan {made.name}"
        )
        if wanted.segments:
            asked = " ".join(f"--segment {segment}" for segment in wanted.segments)
            ws.output.say(
                f"Whether these segments answer differently: aimwell measure segments latest:{made.name} {asked}"
            )


def power(
    base: Annotated[
        float, typer.Option(help="Rate (0.04) of those who are not contacted, or their mean.")
    ],
    lift: Annotated[float, typer.Option(help="Smallest difference worth finding, as 0.01.")],
    spread: Annotated[
        float | None,
        typer.Option(help="Standard deviation, for money; without it the base is a rate."),
    ] = None,
    arms: Annotated[int, typer.Option(min=1, help="Arms that are contacted.")] = 1,
    held: Annotated[float, typer.Option("--holdout", help="Share held out.")] = 0.5,
    per_day: Annotated[
        float | None, typer.Option(max=1e12, help="People who come into the audience a day.")
    ] = None,
    window: Annotated[
        float, typer.Option(min=0, max=3650, help="Days until outcomes are in.")
    ] = 14.0,
    cluster_size: Annotated[
        float, typer.Option(help="People a cluster, where whole clusters are drawn.")
    ] = 1.0,
    alike: Annotated[
        float, typer.Option(help="Correlation within a cluster, 0 to 1 (often 0.01 to 0.1).")
    ] = 0.0,
    target: Annotated[float, typer.Option("--power", help="Probability of finding it.")] = 0.8,
    as_json: JsonOption = False,
) -> None:
    """Say how many people an experiment needs, and how long it takes."""
    out = Output(as_json=as_json)
    found = needed(
        base=base,
        lift=lift,
        spread=spread,
        arms=arms,
        holdout=held,
        cluster_size=cluster_size,
        alike=alike,
        per_day=per_day,
        window_days=window,
        power=target,
    )
    if as_json:
        out.json(found.to_dict())
        return
    out.table(
        ["", "people"],
        [
            ("held out", found.control),
            ("in each arm that is contacted", found.each_arm),
            ("all together", found.total),
        ],
    )
    if found.days is not None:
        out.say(
            f"At {per_day:g} new people a day the last outcome is in after {found.days:g} days."
        )
    out.say(f"{found.method}; each comparison at {found.alpha:.3g}, power {found.power:g}.")


def rollout(
    name: ExperimentArgument,
    winner: Annotated[str, typer.Argument(help="The arm that everybody shall get from now on.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an experiment's winner the one action of its campaign, as a new revision; the holdout stays."""
    with opened(workspace, as_json=as_json) as ws:
        changed, revision = roll_out(ws.stores, name, winner, now=ws.now, by=ws.by)
        if as_json:
            ws.output.json({"campaign": changed.name, "revision": revision, "winner": winner})
        ws.output.say(
            f"The campaign '{changed.name}' sends '{winner}' from revision {revision} on. "
            f"{changed.holdout:.0%} stay held out, so what it earns can still be seen."
        )


def holdout(
    name: Annotated[str, typer.Argument(help="Holdout definition.")],
    file: Annotated[
        Path | None, typer.Option("--csv", help="Write the people who are held out to this file.")
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a holdout: its period, and who is held out, for other senders to leave in peace too."""
    with opened(workspace, as_json=as_json) as ws:
        found = members_of_holdout(ws.stores, name, as_of=ws.moment(as_of) or ws.now)
        if file is not None:
            out = io.StringIO()
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(["profile_id", "until"])
            until = "" if found.period is None else found.period.ends_at.isoformat()
            rows.writerows([one, until] for one in found.profile_ids)
            write_whole(file, out.getvalue(), option="--csv", private=True)
        if as_json:
            ws.output.json(found.to_dict())
            return
        if found.period is None:
            ws.output.say(f"The holdout '{name}' does not hold at this moment; nobody is held out.")
            return
        ws.output.say(
            f"Period {found.period.number + 1}, from {ws.day(found.period.starts_at)} until before "
            f"{ws.day(found.period.ends_at)}: {len(found.profile_ids):,} of {found.known:,} people are held out."
        )
