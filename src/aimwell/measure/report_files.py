"""Reports as files in the workspace's folder `reports`: a page, a document and a table, each whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aimwell.errors import MeasureError, StorageFullError
from aimwell.store.disk import is_full, replace_file
from aimwell.store.stores import Stores

__all__ = ["store_files"]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


def store_files(
    stores: Stores, name: str, *, html: str, document: Mapping[str, Any], csv: str
) -> dict[str, Path]:
    """Keep a report as `reports/NAME.html`, `.json` and `.csv`, in place of those of before; the files by their kind.

    Raises:
        MeasureError: The name cannot be that of a file.
        StorageFullError: The disk is full; the files of before are still there.
    """
    if not _FILE_NAME.fullmatch(name):
        raise MeasureError(
            f"A report cannot be named {name!r}: the name of a file has letters, digits, '.', '_' and '-' only."
        )
    texts = {
        "html": html,
        "csv": csv,
        "json": json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2) + "\n",
    }
    folder = stores.folder("reports")
    files = {kind: folder / f"{name}.{kind}" for kind in texts}
    for kind, file in files.items():
        try:
            replace_file(file, texts[kind])
        except OSError as error:
            if is_full(error):
                raise StorageFullError(
                    f"The disk is full: {file.name} was not written. Free some space and measure again."
                ) from error
            raise
    return files
