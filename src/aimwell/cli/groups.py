"""`aimwell segment clusters`: groups of people that nobody wrote a rule for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from aimwell.cli.context import AsOfOption, JsonOption, Opened, WorkspaceOption, opened
from aimwell.cli.model_options import (
    AmongOption,
    ByOption,
    HtmlOption,
    SeedOption,
    defined,
    write_page,
)
from aimwell.cli.old_orders import note_old_orders
from aimwell.cli.personas import show_personas
from aimwell.cli.whole_file import write_whole
from aimwell.definitions.reading import render_yaml
from aimwell.definitions.rule_text import write_rule
from aimwell.definitions.rules import LEAF_KINDS
from aimwell.history.moment import open_moment
from aimwell.segment.clusters.grouping import CLUSTER_METHODS
from aimwell.segment.clusters.model import ClusterModel
from aimwell.segment.models.built import Built
from aimwell.segment.models.modelling import build_model, publish_built
from aimwell.segment.personas.service import personas as compute_personas

__all__ = ["clusters", "show_clusters"]


def clusters(
    name: Annotated[str, typer.Option("--name", help="Name of the division.")] = "groups",
    method: Annotated[
        str, typer.Option("--method", help=f"How: {', '.join(CLUSTER_METHODS)}.")
    ] = "kmeans",
    number: Annotated[
        int | None,
        typer.Option("--groups", help="So many groups.", show_default="as many as there are"),
    ] = None,
    by: ByOption = None,
    among: AmongOption = "buyers",
    largest: Annotated[int, typer.Option(min=2, max=20, help="Most groups to try.")] = 8,
    seed: SeedOption = 0,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish", help="Write each person's group as the trait cluster:NAME, for rules."
        ),
    ] = False,
    html: HtmlOption = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="Write the groups as segments (rules) to this file."),
    ] = None,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for groups among people that nobody wrote a rule for, and keep them, if there are any."""
    wanted = defined(
        {
            "type": "clusters",
            "name": name,
            "method": method,
            "groups": number,
            "columns": by,
            "among": among,
            "largest": largest,
            "seed": seed,
        }
    )
    with opened(workspace, as_json=as_json) as ws:
        moment = ws.moment(as_of) or ws.now
        with ws.output.progress("Looking for groups"):
            built = build_model(ws.stores, wanted, as_of=moment, now=ws.now)
        show_clusters(ws, built, as_of=moment, publish=publish, html=html, rules=rules)


def show_clusters(
    ws: Opened,
    built: Built,
    *,
    as_of: datetime,
    publish: bool,
    html: Path | None,
    rules: Path | None,
) -> None:
    """Say what was found, and write what was asked for."""
    name, model, people = built.definition.name, built.model, built.people
    write_page(ws, built, html, as_of)
    if not isinstance(model, ClusterModel) or people is None:
        if ws.output.as_json:
            ws.output.json({"name": name, "groups": [], "reason": built.reason})
        ws.output.say(built.reason)
        return
    published = publish_built(ws.stores, built, as_of=as_of, now=ws.now) if publish else 0
    with open_moment(ws.stores, as_of=as_of, engine=ws.stores.history_engine) as cut:
        note_old_orders(ws, cut)
        faces = compute_personas(cut, people)
    described = model.description
    if rules is not None and described is not None:
        write_whole(rules, render_yaml(described.segments(name)), option="--rules")
    if ws.output.as_json:
        ws.output.json(
            {
                "name": name,
                "version": built.version,
                "method": model.method,
                "reason": model.reason,
                "published": published,
                "groups": faces,
                "fidelity": model.fidelity,
                "candidates": [candidate.to_dict() for candidate in model.candidates],
                "dropped": model.preparation.dropped,
                "rules": described.to_dict() if described else None,
                "html": html,
            }
        )
        return
    who = "buyers" if model.among == "buyers" else "people"
    ws.output.heading(
        f"{name}@{built.version}: {len(model.names)} groups of {people.num_rows:,} {who}"
    )
    ws.output.say(model.reason)
    if model.fidelity is not None:
        ws.output.say(
            f"Everybody is placed by where the groups lie, which agrees with {model.method}'s own division of the "
            f"sample by {model.fidelity:.2f} (adjusted Rand index)."
        )
    ws.output.say()
    show_personas(ws, faces)
    if described is not None:
        ws.output.heading("As rules")
        ws.output.say(described.sentence)
        for one in described.rules:
            text = write_rule(one.rule, LEAF_KINDS) if one.rule else "no rule leads there"
            ws.output.say(f"{one.group}: {text}")
    if rules is not None:
        ws.output.say(
            f"The rules are in {rules}. Take them with: aimwell apply {rules}"
            if described is not None
            else "There are too few people to describe the groups by rules."
        )
    if publish:
        ws.output.say(f"The trait cluster:{name} says each person's group ({published:,} written).")
        if not published:
            ws.output.note(
                "Nothing was written: groups of this name were published as of this moment before. Take a later one."
            )
