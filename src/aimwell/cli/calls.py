"""How the command ends: 0 done, 1 the input or the state is wrong, 2 the command line is wrong.

What is wrong with the words that were typed, whatever the workspace holds, ends with 2: scripts can tell a mistake
of their own from one in the data. A stage raises the same error for a wrong document and for wrong options, so the
command says which of both it handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from aimwell.errors import AimwellError, DefinitionError, SettingsError

__all__ = ["DONE", "WRONG_CALL", "WRONG_INPUT", "WrongCallError", "as_typed", "call_is_right"]

DONE = 0
WRONG_INPUT = 1
WRONG_CALL = 2


class WrongCallError(Exception):
    """The command line is wrong; `cause` says what about it."""

    def __init__(self, cause: AimwellError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@contextmanager
def as_typed() -> Iterator[None]:
    """In this block everything comes from the command line; a document or setting that is wrong was typed so."""
    try:
        yield
    except (DefinitionError, SettingsError) as error:
        raise WrongCallError(error) from error


def call_is_right(condition: bool, otherwise: str) -> None:
    """Refuse the call with a sentence unless the condition holds."""
    if not condition:
        raise typer.BadParameter(otherwise)
