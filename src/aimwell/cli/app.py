"""The entry of the `aimwell` command: commands by stage, errors in words, exit codes 0, 1 and 2."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from aimwell.cli import (
    collect,
    decide,
    definitions,
    deliver,
    demo,
    measure,
    predict,
    run,
    segment,
    serve,
    unify,
    workspace,
)
from aimwell.cli.output import Output
from aimwell.errors import AimwellError, DefinitionError, SettingsError
from aimwell.version import VERSION

__all__ = ["app", "main"]

app = typer.Typer(
    name="aimwell",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Decide who gets which promotion, and prove with a control group what it earned.",
)

workspace.register(app)
definitions.register(app)
serve.register(app)
run.register(app)
demo.register(app)
app.add_typer(collect.app, name="collect", rich_help_panel="Stages")
unify.register(app)
app.add_typer(segment.app, name="segment", rich_help_panel="Stages")
app.add_typer(predict.app, name="predict", rich_help_panel="Stages")
app.add_typer(decide.app, name="decide", rich_help_panel="Stages")
app.add_typer(deliver.app, name="deliver", rich_help_panel="Stages")
app.add_typer(measure.app, name="measure", rich_help_panel="Stages")

_CALL_WAS_WRONG = (DefinitionError, SettingsError)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"aimwell {VERSION}")
        raise typer.Exit


def main() -> None:
    """Run the command: 0 fine, 1 the work failed, 2 the call was wrong."""
    output = Output(as_json=False)
    try:
        app(standalone_mode=True)
    except _CALL_WAS_WRONG as error:
        output.error(str(error))
        sys.exit(2)
    except AimwellError as error:
        output.error(str(error))
        sys.exit(1)
    except SQLAlchemyError as error:
        # The driver's text may hold values of rows; its first line names the trouble.
        cause = str(getattr(error, "orig", "") or type(error).__name__).splitlines()[0]
        output.error(f"The control database refused: {cause}")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        output.error("Interrupted. What was finished is kept; run the same command again to go on.")
        sys.exit(1)
