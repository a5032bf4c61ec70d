"""`aimwell collect templates` and `template`: ready-made sources for the usual exports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from aimwell.cli.context import JsonOption
from aimwell.cli.output import Output
from aimwell.collect.ready_made import list_templates, read_template

__all__ = ["template", "templates"]


def templates(as_json: JsonOption = False) -> None:
    """List ready-made sources for the usual exports: Shopify, Stripe, HubSpot, GA4 and others."""
    out = Output(as_json=as_json)
    found = list_templates()
    if as_json:
        out.json([asdict(one) for one in found])
        return
    out.table(
        ["name", "what it brings", "from"],
        [(one.name, ", ".join(one.entities), ", ".join(one.reads)) for one in found],
    )
    out.say("Copy one and change it to your liking: aimwell collect template NAME > source.yaml")


def template(
    name: Annotated[str, typer.Argument(help="As `aimwell collect templates` lists it.")],
    as_json: JsonOption = False,
) -> None:
    """Print a ready-made source as YAML: aimwell collect template stripe > source.yaml"""
    text = read_template(name)
    if as_json:
        Output(as_json=True).json({"name": name, "yaml": text})
    else:
        print(text, end="")
