"""Pinned versions of lake tables: what a reader needs to read exactly that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

__all__ = ["Snapshot", "TableVersion"]


@dataclass(frozen=True)
class TableVersion:
    """One version of one table: what a reader needs to read exactly that.

    `widened` says that some files may lack columns, because the table got them later.
    """

    name: str
    version: int
    files: tuple[str, ...]
    schema: pa.Schema
    widened: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Table versions that were pinned together: at some moment each was the newest of its table."""

    tables: Mapping[str, TableVersion]

    @property
    def versions(self) -> dict[str, int]:
        """Table name → version, as a plan stores it."""
        return {name: table.version for name, table in self.tables.items()}
