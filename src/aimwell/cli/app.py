"""The entry of the `aimwell` command: commands by stage, errors in words, exit codes 0, 1 and 2."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

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
from aimwell.cli.output import Output, forget_written
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
_INTERRUPTED = 130  # how the parser of the command line ends after Ctrl-C


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"aimwell {VERSION}")
        raise typer.Exit


def main() -> None:
    """Run the command: 0 fine, 1 the work failed, 2 the call was wrong.

    With `--json` a failure too gives one JSON document, `{"error": {"kind", "message", "retryable"}}`, unless
    the command had already written what it found.
    """
    output = Output(as_json="--json" in sys.argv[1:])
    forget_written()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _fail(output, KeyboardInterrupt())
        # How the parser of the command line ends: it has said on stderr what was wrong.
        if end.code not in (0, None):
            output.json_error("UsageError", "The call failed; what was wrong stands on stderr.")
        raise
    except BrokenPipeError:
        # The reader of our output has gone; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("AIMWELL_TRACEBACK"):
            raise
        _fail(output, error)


def _fail(output: Output, error: BaseException) -> NoReturn:
    message = _in_words(error)
    output.error(message)
    retryable = isinstance(error, AimwellError) and error.retryable
    output.json_error(type(error).__name__, message, retryable=retryable)
    sys.exit(2 if isinstance(error, _CALL_WAS_WRONG) else 1)


def _in_words(error: BaseException) -> str:
    """What a person should read; texts of other libraries may hold values of rows, so they stay out."""
    if isinstance(error, AimwellError):
        return str(error)
    if isinstance(error, SQLAlchemyError):
        # The driver's text may hold values of rows; its first line names the trouble.
        cause = str(getattr(error, "orig", "") or type(error).__name__).splitlines()[0]
        return f"The control database refused: {cause}"
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted. What was finished is kept; run the same command again to go on."
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        return (
            f"The system refused: {error.strerror or type(error).__name__}{place}. "
            "Put that right and run the command again."
        )
    if isinstance(error, MemoryError):
        return "There is not enough memory. Close other programs, or use a larger machine."
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"Aimwell made a mistake ({type(error).__name__} at {Path(last.filename).name}:{last.lineno}). "
        "What was finished is kept. Please report it; AIMWELL_TRACEBACK=1 shows all of it, and may show "
        "personal data too."
    )
