"""`aimwell init`, `tables`, `secret`: the workspace, its tables, its secrets."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from aimwell.cli.calls import as_typed
from aimwell.cli.context import JsonOption, WorkspaceOption, opened
from aimwell.cli.output import Output
from aimwell.definitions.kinds.channel import Secret
from aimwell.privacy.secrets import keep_secret, read_secret
from aimwell.settings import load_settings
from aimwell.store.stores import create_stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["init", "secret_app", "tables"]

secret_app = typer.Typer(no_args_is_help=True, help="Secrets of channels, kept encrypted.")


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make the workspace in.")],
    currency: Annotated[str | None, typer.Option(help="Currency of the reports, as GBP.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of the firm, as Europe/London.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="Home country, as GB.")] = None,
    margin_default: Annotated[
        float | None,
        typer.Option(help="Margin as a share of revenue where nothing tells it, as 0.4."),
    ] = None,
    control_url: Annotated[
        str | None,
        typer.Option(help="URL of a PostgreSQL control database. Default: SQLite in the folder."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a workspace: settings, control database, lake. Harmless where one is already."""
    given: dict[str, Any] = {
        "currency": currency,
        "timezone": timezone,
        "country": country,
        "margin_default": margin_default,
        "control_url": control_url,
    }
    with as_typed():
        load_settings(None, environment={}, **given)
    stores = create_stores(folder, **given)
    output = Output(as_json=as_json)
    output.say(f"The workspace is ready in {stores.root}.")
    output.say(
        "Next: aimwell collect orders FILE --explain (shows what would be taken, writes nothing)"
    )
    if as_json:
        output.json({"workspace": str(stores.root), "workspace_id": stores.workspace_id})
    stores.close()


def tables(
    name: Annotated[str | None, typer.Argument(help="One table.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe the canonical tables of the lake, column by column."""
    output = Output(as_json=as_json)
    if name is not None and name not in LAKE_TABLES:
        raise typer.BadParameter(
            f"The lake has no table '{name}'. Known: {', '.join(LAKE_TABLES)}."
        )
    chosen = [LAKE_TABLES[name]] if name else list(LAKE_TABLES.values())
    if as_json:
        output.json(
            {
                table.name: {
                    "row": table.row,
                    "columns": [
                        {
                            "name": c.name,
                            "type": str(c.type),
                            "required": c.required,
                            "help": c.help,
                        }
                        for c in table.columns
                    ],
                }
                for table in chosen
            }
        )
    for table in chosen:
        rows = [
            (c.name, str(c.type), "" if c.required else "may be null", c.help)
            for c in table.columns
        ]
        output.table(["column", "type", "", "meaning"], rows, title=f"{table.name}: {table.row}")
        output.say()


def _secret(name: str) -> Secret:
    try:
        return Secret(stored=name)
    except ValidationError:
        raise typer.BadParameter(
            f"'{name}' is no name of a secret: lower-case letters, digits, '-' and '_', at most 63.",
            param_hint="NAME",
        ) from None


@secret_app.command("set")
def secret_set(
    name: Annotated[str, typer.Argument(help="Name that a channel definition refers to.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a secret; it is read from stdin, so that it stands in no shell history."""
    with opened(workspace, as_json=as_json) as ws:
        checked = _secret(name)
        if sys.stdin.isatty():
            value = str(typer.prompt(f"Value of {name}", hide_input=True))
        else:
            value = sys.stdin.read().rstrip("\n")
        if not value:
            raise typer.BadParameter("The secret is empty.")
        keep_secret(ws.stores, str(checked.stored), value, now=datetime.now(UTC))
        read_secret(ws.stores, checked)
        ws.stores.audit("secret set", actor=ws.by, subject=name)
        if as_json:
            ws.output.json({"secret": name, "stored": True})
        ws.output.say(f"The secret '{name}' is stored.")
