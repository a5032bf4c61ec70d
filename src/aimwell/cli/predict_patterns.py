"""`aimwell predict baskets | next | paths | responses | bundles`: what goes together, what follows, what leads where."""

from __future__ import annotations

import typer

from aimwell.cli.predict_baskets import baskets, bundles
from aimwell.cli.predict_following import next_, paths, responses
from aimwell.cli.predict_panels import PATTERNS

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Give `aimwell predict` these commands."""
    app.command("baskets", rich_help_panel=PATTERNS)(baskets)
    app.command("next", rich_help_panel=PATTERNS)(next_)
    app.command("paths", rich_help_panel=PATTERNS)(paths)
    app.command("responses", rich_help_panel=PATTERNS)(responses)
    app.command("bundles", rich_help_panel=PATTERNS)(bundles)
