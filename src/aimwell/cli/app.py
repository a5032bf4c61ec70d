"""The entry of the `aimwell` command: commands by stage, errors in words, exit codes 0, 1 and 2."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from aimwell.cli.calls import WRONG_CALL, WRONG_INPUT, WrongCallError
from aimwell.cli.lazy import Outline, group_of
from aimwell.cli.output import Output, forget_written
from aimwell.errors import AimwellError
from aimwell.version import VERSION

__all__ = ["COMMANDS", "app", "main"]


COMMANDS = (
    Outline(
        "init",
        "aimwell.cli.workspace:init",
        "Make a workspace: settings, control database, lake. Harmless where one is already.",
        "Begin",
    ),
    Outline(
        "demo",
        "aimwell.cli.demo.command:demo",
        "Run the whole loop twice on a simulated shop, and compare what was measured with the truth.",
        "Begin",
    ),
    Outline(
        "collect",
        "aimwell.cli.collect:app",
        "Take orders, customers, products, events and what else there is from files.",
        "Stages",
    ),
    Outline(
        "unify",
        "aimwell.cli.unify:app",
        "Join what belongs to one person and refresh what is known of each. Collecting does this by itself.",
        "Stages",
    ),
    Outline(
        "segment",
        "aimwell.cli.segment:app",
        "Look at segments, refresh them; RFM, clusters, classes, look-alikes, personas.",
        "Stages",
    ),
    Outline(
        "predict",
        "aimwell.cli.predict:app",
        "Predict who will buy and what customers are worth; look at models.",
        "Stages",
    ),
    Outline(
        "decide",
        "aimwell.cli.decide:app",
        "Plan a campaign, look at the plan, approve it.",
        "Stages",
    ),
    Outline("deliver", "aimwell.cli.deliver:app", "Send a plan, watch it, stop it.", "Stages"),
    Outline(
        "measure",
        "aimwell.cli.measure:app",
        "Measure what a campaign earned, with a control group.",
        "Stages",
    ),
    Outline(
        "apply",
        "aimwell.cli.definitions:apply",
        "Create or update the definitions in PATH: all of them, or none where one is wrong.",
        "Definitions",
    ),
    Outline(
        "get",
        "aimwell.cli.definitions:get",
        "Show a definition as it was written, its revisions, or the list.",
        "Definitions",
    ),
    Outline(
        "schema",
        "aimwell.cli.definitions:schema",
        "Print the JSON Schema of a kind of document.",
        "Definitions",
    ),
    Outline(
        "remove",
        "aimwell.cli.definitions:remove",
        "Remove a definition that nothing refers to; its revisions stay.",
        "Definitions",
    ),
    Outline(
        "profile",
        "aimwell.cli.profile:profile",
        "Show what is known of one person, and what happened. Personal data is masked unless --reveal.",
        "Workspace",
    ),
    Outline(
        "erase",
        "aimwell.cli.erase:erase",
        "Erase a person: at once out of sight and out of the vault, by night (or --purge) out of every file.",
        "Workspace",
    ),
    Outline(
        "doctor",
        "aimwell.cli.doctor.command:doctor",
        "Check the workspace, and say in words what to do about each fault.",
        "Workspace",
    ),
    Outline(
        "jobs",
        "aimwell.cli.jobs:app",
        "Look at background work; try it again, cancel it.",
        "Workspace",
    ),
    Outline(
        "serve",
        "aimwell.cli.serve:serve",
        "Take tracking messages, answer the links in messages, and tell other systems people's scores.",
        "Workspace",
    ),
    Outline(
        "read-keys",
        "aimwell.cli.read_keys:app",
        "Keys with which other systems ask for people's scores.",
        "Workspace",
    ),
    Outline(
        "run",
        "aimwell.cli.run:run",
        "Work in the background: send plans that were left to it, carry opens and clicks into the lake.",
        "Workspace",
    ),
    Outline(
        "tables",
        "aimwell.cli.workspace:tables",
        "Describe the canonical tables of the lake, column by column.",
        "Workspace",
    ),
    Outline(
        "secret",
        "aimwell.cli.workspace:secret_app",
        "Secrets of channels, kept encrypted.",
        "Workspace",
    ),
)

app = typer.Typer(
    name="aimwell",
    cls=group_of(COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Decide who gets which promotion, and prove with a control group what it earned.",
)

_GO_ON = {"run", "serve"}  # with --json they write a line for each event
_INTERRUPTED = 130  # how the parser of the command line ends after Ctrl-C


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"aimwell {VERSION}")
        raise typer.Exit


_OBJECTS_BEFORE_COLLECTION = 50_000


def main() -> None:
    """Run the command; `calls` says how it ends.

    With `--json` a failure too gives one JSON document, `{"error": {"kind", "message", "retryable"}}`, unless
    the command had already written what it found. Of commands that go on it is a line, the event `failed`.
    """
    # Importing makes some hundred thousand objects that stay; looking through them again and again for garbage
    # costs a sixth of the time of a short command.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION, 20, 50)
    words = sys.argv[1:]
    command = next((word for word in words if not word.startswith("-")), "")
    output = Output(as_json="--json" in words, goes_on=command in _GO_ON)
    forget_written()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if isinstance(
            end.__context__, BrokenPipeError
        ):  # noticed by the parser of the command line
            _nobody_reads()
        if end.code == _INTERRUPTED:
            _fail(output, KeyboardInterrupt())
        # How the parser of the command line ends: it has said on stderr what was wrong.
        if end.code not in (0, None):
            output.json_error("UsageError", _of_the_parser(end))
        raise
    except BrokenPipeError:
        _nobody_reads()
    except Exception as error:
        if os.environ.get("AIMWELL_TRACEBACK"):
            raise
        _fail(output, error)


def _nobody_reads() -> NoReturn:
    """The reader of our output has gone; that is its right."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(WRONG_INPUT)


def _of_the_parser(end: SystemExit) -> str:
    """What the parser of the command line said: it ends while it handles its own error."""
    # By its method, because the parser brings its own classes of errors.
    words = getattr(end.__context__, "format_message", None)
    return (
        str(words()) if words is not None else ""
    ) or "The call failed; what was wrong stands on stderr."


def _fail(output: Output, error: BaseException) -> NoReturn:
    code = WRONG_INPUT
    if isinstance(error, WrongCallError):
        code, error = WRONG_CALL, error.cause
    message = _in_words(error)
    output.error(message)
    retryable = isinstance(error, AimwellError) and error.retryable
    output.json_error(type(error).__name__, message, retryable=retryable)
    sys.exit(code)


def _in_words(error: BaseException) -> str:
    """What a person should read; texts of other libraries may hold values of rows, so they stay out."""
    if isinstance(error, AimwellError):
        return str(error)
    if _is_of_the_database(error):
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


def _is_of_the_database(error: BaseException) -> bool:
    """Whether SQLAlchemy raised it; a command that never opened the database has not even imported it."""
    module = sys.modules.get("sqlalchemy.exc")
    return module is not None and isinstance(error, module.SQLAlchemyError)
