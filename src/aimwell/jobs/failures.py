"""What an exception means to a job: whether to try again, and what may be kept of it in words."""

from __future__ import annotations

import traceback
from pathlib import Path

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from aimwell.errors import AimwellError

__all__ = ["describe", "is_retryable"]

_TEXT_MAX = 2000
# These say that something is not as the job expects, and waiting does not change it.
_LASTING = (
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_PACKAGE = Path(__file__).parents[1]


def is_retryable(error: BaseException) -> bool:
    """Whether trying the same again later may help: our errors say so; the world's come and go."""
    if isinstance(error, AimwellError):
        return error.retryable
    if isinstance(error, OSError):
        return not isinstance(error, _LASTING)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)


def describe(error: BaseException) -> str:
    """The error in words that hold no personal data.

    Our own messages never do. Others quote what they choked on (a row, an address), so only their type is
    kept, and the place in the code.
    """
    if isinstance(error, AimwellError):
        text = f"{type(error).__name__}: {error}"
    else:
        kind = type(error)
        name = (
            kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        )
        text = f"{name} at {_place(error)}"
    # PostgreSQL keeps no null characters, and neither database half ones.
    clean = text.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= _TEXT_MAX else clean[: _TEXT_MAX - 1] + "…"


def _place(error: BaseException) -> str:
    """The innermost line of ours on the way to the error, else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    ours = [frame for frame in frames if _is_ours(Path(frame.filename))]
    frame = (ours or frames)[-1]
    path = Path(frame.filename)
    shown = path.relative_to(_PACKAGE.parent) if ours else Path(path.name)
    return f"{shown}:{frame.lineno} in {frame.name}"


def _is_ours(file: Path) -> bool:
    """Whether it is a file of the package; not that of the worker, through which everything runs."""
    return file.is_relative_to(_PACKAGE) and file.relative_to(_PACKAGE) != Path("jobs/worker.py")
