"""Which tests run on both control databases in `make test`: those of the store, of jobs, and of a database alone.

All others, where whole stages run, take turns: half of them run on SQLite and half on PostgreSQL, and `make test-long`
runs the other half of each. Which half a test is in follows from its name, so that it stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import pytest

__all__ = ["on", "shortly_on", "take_turns"]

_ON_BOTH = ("store", "jobs", "project")
_OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}


def on(database: str, *values: str, long: bool = False) -> object:
    """A parameter `control_url` with the values of further parameters; `long` for the long run alone."""
    marks = [pytest.mark.postgres] if database == "postgresql" else []
    return pytest.param(database, *values, marks=[*marks, pytest.mark.long] if long else marks)


def shortly_on(database: str) -> pytest.MarkDecorator:
    """The test runs on this database in `make test`, on the other one in `make test-long`."""
    (other,) = {"sqlite", "postgresql"} - {database}
    return pytest.mark.parametrize(
        "control_url", [on(database), on(other, long=True)], indirect=True
    )


def take_turns(items: Iterable[pytest.Item], tests: Path) -> None:
    """Leave one of the two databases of each test to the long run."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        database = callspec.params.get("control_url") if callspec is not None else None
        chosen = any("control_url" in mark.args[0] for mark in item.iter_markers("parametrize"))
        if (
            database in _OTHER
            and not chosen
            and item.path.relative_to(tests).parts[0] not in _ON_BOTH
        ):
            both = item.nodeid.replace(database, "*")
            if crc32(both.encode()) % 2 != (database == "sqlite"):
                item.add_marker(pytest.mark.long)
