"""`aimwell segment clusters`: groups of people that nobody wrote a rule for."""

from __future__ import annotations

from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, WorkspaceOption, opened
from aimwell.cli.old_orders import note_old_orders
from aimwell.cli.personas import show_personas
from aimwell.history.moment import open_moment
from aimwell.segment.cluster_files import save_clusters
from aimwell.segment.clusters import find_clusters, publish_clusters
from aimwell.segment.personas import personas as compute_personas

__all__ = ["clusters"]


def clusters(
    name: Annotated[str, typer.Option("--name", help="Name of the division.")] = "groups",
    largest: Annotated[int, typer.Option(min=2, max=20, help="Most groups to try.")] = 8,
    seed: Annotated[int, typer.Option(help="The same people and seed give the same groups.")] = 0,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish", help="Write each person's group as the trait cluster:NAME, for rules."
        ),
    ] = False,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for groups among the buyers that nobody wrote a rule for, and keep them, if there are any."""
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Looking for groups"):
            found = find_clusters(ws.stores, name=name, as_of=moment, seed=seed, largest=largest)
        model, people = found.model, found.assignments
        if model is None or people is None:
            if as_json:
                ws.output.json({"name": name, "groups": [], "reason": found.count.reason})
            ws.output.say(found.count.reason)
            return
        version = save_clusters(ws.stores, model, now=ws.now)
        published = publish_clusters(ws.stores, model, as_of=moment, now=ws.now) if publish else 0
        with open_moment(ws.stores, as_of=moment) as cut:
            note_old_orders(ws, cut)
            faces = compute_personas(cut, people)
        if as_json:
            ws.output.json(
                {
                    "name": name,
                    "version": version,
                    "reason": model.reason,
                    "published": published,
                    "groups": faces,
                }
            )
            return
        ws.output.heading(f"{name}@{version}: {len(faces)} groups of {people.num_rows:,} buyers")
        ws.output.say(model.reason)
        ws.output.say()
        show_personas(ws, faces)
        if publish:
            ws.output.say(
                f"The trait cluster:{name} says each person's group ({published:,} written)."
            )
