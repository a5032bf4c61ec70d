"""Files in, as a workspace offers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aimwell.collect.corrections import read_corrections
from aimwell.collect.explaining import explain as explain_source
from aimwell.collect.inline import inline_source
from aimwell.collect.inspecting import quarantine
from aimwell.collect.loads import not_unified
from aimwell.collect.model import DataReport, Quarantine, ReplayReport
from aimwell.collect.model import Explanation as SourceExplanation
from aimwell.collect.quality import EntityQuality, quality
from aimwell.collect.replaying import replay
from aimwell.collect.service import collect
from aimwell.collect.suggesting import EntityName
from aimwell.definitions import service as definitions_service
from aimwell.definitions.kinds.source import Source
from aimwell.history.current import bring_collected_up_to_date
from aimwell.workspace.stage import Stage

__all__ = ["Collection"]


class Collection(Stage):
    """Files in."""

    def source(
        self,
        source: str | Source,
        *,
        root: str | Path = ".",
        progress: Callable[[str, int, int | None], None] | None = None,
    ) -> DataReport:
        """Take what a source definition (or its name) describes, then unify; `root` is the folder of its files."""
        found = self._source(source)
        report = collect(self._stores, found, root=Path(root), now=self._clock(), progress=progress)
        if not_unified(self._stores):
            bring_collected_up_to_date(self._stores, now=self._clock())
        return report

    def file(
        self,
        entity: EntityName,
        file: str | Path,
        *,
        mapping: Mapping[str, str],
        name: str | None = None,
        **settings: Any,
    ) -> DataReport:
        """Take one file of orders, customers, products or events: `mapping` is target → column."""
        given = {
            "currency": self._stores.settings.currency,
            "timezone": self._stores.settings.timezone,
            "country": self._stores.settings.country,
            **settings,
        }
        source, root, _suggestion = inline_source(
            entity, Path(file), mapping=mapping, name=name, settings=given
        )
        return self.source(source, root=root)

    def explain(self, source: str | Source, *, root: str | Path = ".") -> SourceExplanation:
        """How a source's files would be taken; nothing is written."""
        return explain_source(
            self._stores, self._source(source), root=Path(root), now=self._clock()
        )

    def quarantine(self, source: str | None = None, *, limit: int = 100) -> Quarantine:
        """What could not be taken, and why."""
        return quarantine(self._stores, source, limit=limit)

    def replay(
        self,
        source: str,
        corrections: str | Path | None = None,
        *,
        reason: str | None = None,
        root: str | Path = ".",
        accept: bool = False,
    ) -> ReplayReport:
        """Take rows from quarantine, then unify: all that wait of a source, or those of a corrected file; `accept`:
        also against the expectations."""
        rows = read_corrections(Path(corrections)) if corrections is not None else None
        report = replay(
            self._stores,
            source,
            now=self._clock(),
            root=Path(root),
            corrections=rows,
            file=Path(corrections).name if corrections is not None else "",
            reason=reason,
            accept=accept,
        )
        if not_unified(self._stores):
            bring_collected_up_to_date(self._stores, now=self._clock())
        return report

    def quality(self, source: str | None = None) -> list[EntityQuality]:
        """Completeness, validity, uniqueness, consistency and freshness, load by load."""
        return quality(self._stores, source)

    def _source(self, source: str | Source) -> Source:
        if isinstance(source, Source):
            return source
        return definitions_service.find(self._stores.control, Source, source)
