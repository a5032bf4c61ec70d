"""Pages that a command writes where it was told to."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["write_page"]


def write_page(to: Path, page: str) -> None:
    """Write a page; a file that is there is replaced. Raises BadParameter where it cannot be written."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(page, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(
            f"{to} cannot be written: {error.strerror}.", param_hint="--to"
        ) from error
