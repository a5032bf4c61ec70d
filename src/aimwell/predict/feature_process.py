"""The process in which a function of the firm's own runs, apart from Aimwell's: it is given a folder, and nothing else.

The folder holds `asked.json` and a file of Arrow for each table; it writes `found.arrow`, or `failed.json`.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import FunctionType
from typing import Any

import pyarrow as pa

__all__ = ["ASKED", "FAILED", "FOUND", "run"]

ASKED, FOUND, FAILED = "asked.json", "found.arrow", "failed.json"

_TOLD_MAX = 300


class _Given(SourceLoader):
    """Loads a module from the very text whose hash was compared."""

    def __init__(self, path: str, text: bytes) -> None:
        self._path, self._text = path, text

    def get_filename(self, fullname: str) -> str:
        """Where it came from, for error messages."""
        del fullname
        return self._path

    def get_data(self, path: str | bytes) -> bytes:
        """The text; there is no compiled file beside it."""
        if path != self._path:
            raise OSError(path)
        return self._text


def run(folder: Path) -> int:
    """Call the function; 0 where it gave a table."""
    asked = json.loads((folder / ASKED).read_text(encoding="utf-8"))
    try:
        found = _called(asked, folder)
    except Exception as error:  # whatever a function does wrong is told to the one who wrote it
        place = [
            one
            for one in traceback.extract_tb(error.__traceback__)
            if one.filename == asked["path"]
        ]
        told = {
            "error": type(error).__name__,
            "told": str(error)[:_TOLD_MAX],
            "line": place[-1].lineno if place else None,
        }
        (folder / FAILED).write_text(json.dumps(told), encoding="utf-8")
        return 1
    with pa.OSFile(str(folder / FOUND), "wb") as sink, pa.ipc.new_file(sink, found.schema) as file:
        file.write_table(found)
    return 0


def _called(asked: Mapping[str, Any], folder: Path) -> pa.Table:
    text = Path(asked["path"]).read_bytes()
    if sha256(text).hexdigest() != asked["source"]:
        raise ImportError("the file was changed while it was read")
    function = _function(asked["path"], text, asked["module"], asked["function"])
    tables = {name: _table(folder / f"{name}.arrow") for name in asked["tables"]}
    found = function(tables, datetime.fromisoformat(asked["as_of"]))
    if not isinstance(found, pa.Table):
        raise TypeError(f"it must give a pyarrow.Table; it gave {type(found).__name__}")
    return found


def _function(path: str, text: bytes, module: str, name: str) -> Callable[..., Any]:
    spec = spec_from_loader(module, _Given(path, text))
    assert spec is not None  # noqa: S101 - a loader was given
    assert spec.loader is not None  # noqa: S101
    made = module_from_spec(spec)
    sys.modules[module] = made
    spec.loader.exec_module(made)
    function = getattr(made, name, None)
    if not isinstance(function, FunctionType) or function.__module__ != module:
        raise AttributeError(f"the module defines no function '{name}'")
    return function


def _table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[1])))
