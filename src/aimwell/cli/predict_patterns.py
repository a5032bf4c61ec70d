"""`aimwell predict baskets | next | paths | responses | bundles`: what goes together, what follows, what leads where."""

from __future__ import annotations

import typer

from aimwell.cli.predict_baskets import baskets, bundles
from aimwell.cli.predict_following import next_, paths, responses

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Give `aimwell predict` these commands."""
    app.command("baskets")(baskets)
    app.command("next")(next_)
    app.command("paths")(paths)
    app.command("responses")(responses)
    app.command("bundles")(bundles)
