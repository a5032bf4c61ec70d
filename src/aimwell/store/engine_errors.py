"""The engine's errors in our words, without the values that the data or the query held."""

from __future__ import annotations

import re

import duckdb
from sqlglot import exp

from aimwell.errors import (
    AimwellError,
    QueryError,
    SnapshotGoneError,
    StorageFullError,
    StoreError,
)
from aimwell.store.disk import is_full

__all__ = ["full_disk", "gone", "shown", "translated"]

_TEXT_MAX = 2000
_DAMAGED = re.compile(
    r"magic bytes|too small to be a Parquet|Footer length error|Failed to read file"
)
_PARQUET = re.compile(r"['\"](?P<file>[^'\"]+\.parquet)['\"]")
_WRITTEN_WRONGLY = (
    duckdb.BinderException,
    duckdb.ParserException,
    duckdb.CatalogException,
    duckdb.SyntaxException,
)


def translated(error: Exception, query: exp.Expr) -> Exception:
    """Our error for one of the engine's; anything else comes back as it is.

    Errors in a stream arrive as the operating system's or Arrow's, with the engine's words in them.
    """
    told = str(error)
    if isinstance(error, AimwellError):
        return error
    if is_full(error) or "max_temp_directory_size" in told:
        return full_disk()
    if "No files found that match" in told or ("Cannot open file" in told and ".parquet" in told):
        return gone()
    if isinstance(error, duckdb.InvalidInputException) and _DAMAGED.search(told):
        named = _PARQUET.search(told)
        return StoreError(
            f"{named['file'] if named else 'A file of the lake'} is damaged. Restore it from a copy of the "
            "workspace."
        )
    if isinstance(error, duckdb.OutOfMemoryException) or told.startswith("Out of Memory Error"):
        return StoreError(
            "The query needs more memory than it may use. Raise engine_memory_mb in aimwell.toml, or "
            "AIMWELL_ENGINE_MEMORY_MB."
        )
    if isinstance(error, _WRITTEN_WRONGLY):
        return QueryError(f"The engine refused a query: {_first(told)}\n{shown(query)}")
    if isinstance(error, duckdb.Error | OSError):
        # Errors about values quote them, and a value may be somebody's address.
        kind = told.split(":")[0] if isinstance(error, OSError) else type(error).__name__
        return QueryError(f"The engine could not compute a query ({kind:.60}).\n{shown(query)}")
    return error


def _first(told: str) -> str:
    """The engine's message without the part of the query that it quotes below."""
    return told.split("\nLINE ")[0].strip()


def full_disk() -> StorageFullError:
    """There is no room for what does not fit into memory."""
    return StorageFullError(
        "The disk is full: the query needs more room for what does not fit into memory. Free some space "
        "(or point TMPDIR to a bigger disk) and try again."
    )


def gone() -> SnapshotGoneError:
    """A file of the lake that is to be read is not there."""
    return SnapshotGoneError(
        "A file of the table version being read has been removed by a vacuum. Read the newest version "
        "(run it again; if it stays so, the file was removed by hand: restore the lake from a copy)."
    )


def shown(query: exp.Expr) -> str:
    """The query with each text in it left out."""

    def veil(node: exp.Expr) -> exp.Expr:
        return exp.Literal.string("…") if isinstance(node, exp.Literal) and node.is_string else node

    return query.transform(veil).sql("duckdb")[:_TEXT_MAX]
