"""The log of a table, file by file: the library that reads it takes an empty file for a commit without rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["log_damage"]

_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.(?:.+\.)?parquet")


def log_damage(table: Path) -> Iterator[str]:
    """What is wrong with the log of the table in this folder, in words: files that say nothing, and gaps.

    Versions before the newest checkpoint may be gone, because it holds all that they said.
    """
    log = table / "_delta_log"
    if not log.is_dir():
        return
    names = sorted(path.name for path in log.iterdir())
    commits = {int(found[1]): found[0] for name in names if (found := _COMMIT.fullmatch(name))}
    checkpoints = [int(found[1]) for name in names if (found := _CHECKPOINT.fullmatch(name))]
    for name in commits.values():
        if fault := _fault(log / name):
            yield f"{name} {fault}"
    newest = max(commits, default=-1)
    missing = [nr for nr in range(max(checkpoints, default=-1) + 1, newest) if nr not in commits]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        yield f"version {missing[0]}{more} of {newest} is missing"


def _fault(file: Path) -> str:
    """What is wrong with one commit; empty where nothing is."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        actions = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError):
        return "cannot be read"
    if not actions:
        return "is empty"
    return "" if all(isinstance(action, dict) for action in actions) else "cannot be read"
