"""`aimwell segment clusters` and `personas`: groups of people, and who they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import pyarrow as pa
import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.old_orders import note_old_orders
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.cluster_files import load_clusters, save_clusters
from aimwell.segment.clusters import assign_people, find_clusters, publish_clusters
from aimwell.segment.leaves.rfm import group_words
from aimwell.segment.persona_model import Persona
from aimwell.segment.personas import personas as compute_personas
from aimwell.segment.rfm import rfm as compute_rfm

__all__ = ["clusters", "personas"]


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
        _show_personas(ws, faces)
        if publish:
            ws.output.say(
                f"The trait cluster:{name} says each person's group ({published:,} written)."
            )


def personas(
    clusters_: Annotated[
        str | None,
        typer.Option(
            "--clusters", help="Name of kept clusters.", show_default="the named groups of RFM"
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Differences and products to look for.")] = 5,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each group with its size, its value and what sets it apart from everybody else."""
    with (
        opened(workspace, as_json=as_json) as ws,
        open_moment(ws.stores, as_of=ws.moment(as_of) or ws.now) as moment,
    ):
        faces = compute_personas(moment, _division(ws, moment, clusters_), top=top)
        note_old_orders(ws, moment)
        if as_json:
            ws.output.json(faces)
            return
        _show_personas(ws, faces)


def _division(ws: Opened, moment: Moment, clusters_: str | None) -> pa.Table:
    if clusters_ is not None:
        return assign_people(moment, load_clusters(ws.stores, clusters_))
    groups = compute_rfm(moment)
    if not groups.num_rows:
        raise SegmentError(
            "Nobody had bought anything by then. Collect orders first: aimwell collect orders FILE --explain"
        )
    return groups


def _show_personas(ws: Opened, faces: Sequence[Persona]) -> None:
    for one in faces:
        ws.output.heading(group_words(one.group))
        ws.output.say(one.sentence)
        ws.output.say()
