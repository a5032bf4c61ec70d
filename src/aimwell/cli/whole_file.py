"""A file that a command was asked to write: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import typer

from aimwell.errors import StorageFullError
from aimwell.store.disk import is_full, replace_file

__all__ = ["write_whole"]


def write_whole(file: Path, text: str, *, option: str, private: bool = False) -> None:
    """Write the text in place of what the file held. A link, or what is no file (as /dev/stdout), is written into as it stands.

    Args:
        file: Named by a user.
        text: All of it.
        option: By which it was named, for the message.
        private: Only its owner may read it.

    Raises:
        BadParameter: It cannot be written there; what the file held is still there.
        StorageFullError: The disk is full; likewise.
    """
    try:
        if file.is_symlink() or (file.exists() and not file.is_file()):
            file.write_text(text, encoding="utf-8", newline="")
        else:
            replace_file(file, text, mode=0o600 if private else None)
    except OSError as error:
        if is_full(error):
            raise StorageFullError(
                f"The disk is full: nothing was written to '{file}'. Free some space and run the same command again."
            ) from error
        raise typer.BadParameter(
            f"{file} cannot be written: {error.strerror or error}. Name a file in a folder that is there.",
            param_hint=option,
        ) from error
