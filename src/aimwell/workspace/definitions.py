"""The documents, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aimwell.collect.scheduling import sync_schedules
from aimwell.definitions import service as definitions_service
from aimwell.definitions.base import Definition
from aimwell.definitions.catalogue import check
from aimwell.definitions.reading import find_files, read_documents
from aimwell.definitions.service import Change
from aimwell.predict.care.questions import refuse_other_questions
from aimwell.workspace.stage import Stage

__all__ = ["Definitions"]


class Definitions(Stage):
    """The documents."""

    def apply(
        self, documents: str | Path | Sequence[Any], *, dry_run: bool = False
    ) -> list[Change]:
        """Create or update definitions, all or none: a file or folder of YAML or JSON, or plain mappings."""
        found = (
            definitions_service.check_all(read_documents(find_files(Path(documents))))
            if isinstance(documents, str | Path)
            else [check(document) for document in documents]
        )
        refuse_other_questions(self._stores, found)
        changes = definitions_service.apply(
            self._stores.control, found, now=self._clock(), by=self._by, dry_run=dry_run
        )
        if not dry_run and any(change.kind == "source" for change in changes):
            sync_schedules(self._stores)
        return changes

    def get(self, kind: str, name: str) -> Definition:
        """One definition."""
        return definitions_service.get(self._stores.control, kind, name)[0]

    def names(self, kind: str | None = None) -> list[tuple[str, str]]:
        """(kind, name) of all definitions, or of one kind."""
        return definitions_service.names(self._stores.control, kind)
