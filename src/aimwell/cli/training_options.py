"""Options and arguments that commands of `aimwell predict` share: which model, its name, seed, and whether to make it anew."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AnewOption", "ModelArgument", "NameOption", "SeedOption"]

ModelArgument = Annotated[
    str, typer.Argument(help="A model, as buy-90d, or one version, as buy-90d@2.")
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", help="Name of the model.", show_default="by what it predicts"),
]
SeedOption = Annotated[int, typer.Option(help="The same data and seed give the same model.")]
AnewOption = Annotated[
    bool, typer.Option("--anew", help="Make a new version even where the newest is the same model.")
]
