"""`aimwell predict channels | leads | prices`: how people answer, who may order for the first time, and what prices do."""

from __future__ import annotations

import typer

from aimwell.cli.predict_channels import channels
from aimwell.cli.predict_leads import leads
from aimwell.cli.predict_panels import PEOPLE, PRODUCTS
from aimwell.cli.predict_prices import prices

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Give `aimwell predict` these commands."""
    app.command("channels", rich_help_panel=PEOPLE)(channels)
    app.command("leads", rich_help_panel=PEOPLE)(leads)
    app.command("prices", rich_help_panel=PRODUCTS)(prices)
