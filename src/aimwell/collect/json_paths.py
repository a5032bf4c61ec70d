"""Keys inside JSON lines: which there are, and how the engine finds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from aimwell.store.engine import Session
from aimwell.store.sql import sql

__all__ = ["has_path", "known_paths", "pointer"]

_SAMPLE_ROWS = 20_000
_DEPTH_MAX = 5
_BRACKETS_MAX = 120

Path = tuple[str, ...]


def pointer(path: Path) -> str:
    """The JSON pointer (RFC 6901) of a list of keys, which any character may stand in."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def known_paths(session: Session, lines: exp.Query) -> frozenset[Path]:
    """The keys of the first lines of `lines` (columns `bad`, `c0`), also nested ones; of lines with very many only the
    outer ones. What is not among them may be there all the same: see `has_path`.
    """
    sample = lines.where("bad IS NULL").limit(_SAMPLE_ROWS)
    [(structure,)] = session.rows(
        sql(
            """
            SELECT json_group_structure(CAST(c0 AS json)) FROM :lines AS l
            WHERE length(c0) - length(replace(replace(c0, '{', ''), '[', '')) <= :brackets
            """,
            lines=sample,
            brackets=_BRACKETS_MAX,
        )
    )
    # The engine gives up at a depth of 128, so of lines that might be as deep only the outer keys are asked.
    outer = session.rows(
        sql(
            """
            SELECT DISTINCT unnest(json_keys(c0)) FROM :lines AS l
            WHERE length(c0) - length(replace(replace(c0, '{', ''), '[', '')) > :brackets
            """,
            lines=sample,
            brackets=_BRACKETS_MAX,
        )
    )
    found = frozenset(_walk(json.loads(structure), ())) if structure else frozenset()
    return found | {(key,) for (key,) in outer}


def _walk(structure: Any, path: Path) -> Iterator[Path]:
    if path:
        yield path
    if isinstance(structure, dict) and len(path) < _DEPTH_MAX:
        for key, inner in structure.items():
            yield from _walk(inner, (*path, key))


def has_path(session: Session, lines: exp.Query, path: Path) -> bool:
    """Whether any line has the keys of `path`; for those that the first lines lack."""
    [(found,)] = session.rows(
        sql(
            "SELECT coalesce(bool_or(json_exists(c0, :path)), FALSE) FROM :lines AS l WHERE bad IS NULL",
            lines=lines,
            path=pointer(path),
        )
    )
    return bool(found)
