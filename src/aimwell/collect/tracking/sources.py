"""Which sources take tracking messages: `source` definitions that say `tracking`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from aimwell.collect.load_history import last_definition
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source, Tracking
from aimwell.errors import CollectError, UnknownDefinitionError
from aimwell.store.stores import Stores

__all__ = [
    "SAME_ORDER_DAYS",
    "ensure_tracking_source",
    "same_orders",
    "settings_of",
    "sources_of_orders",
    "tracking_sources",
]

SAME_ORDER_DAYS = 7
"""An order of the same number so close in time, of a source whose ids mean the same, is the same order."""


def ensure_tracking_source(
    stores: Stores, name: str, *, now: datetime, by: str
) -> tuple[Source, bool]:
    """The tracking source of that name, and whether it was made just now because there was none.

    Raises:
        DefinitionError: The name cannot be one.
        CollectError: The source of that name takes files.
    """
    try:
        found = definitions.find(stores.control, Source, name)
    except UnknownDefinitionError:
        made = check({"kind": "source", "name": name, "tracking": {}})
        assert isinstance(made, Source)  # noqa: S101 - its kind says so
        definitions.apply(stores.control, [made], now=now, by=by)
        return made, True
    if found.tracking is None:
        raise CollectError(
            f"The source '{name}' takes files. Give tracking messages a source of their own, under another name."
        )
    return found, False


def tracking_sources(stores: Stores) -> dict[str, Source]:
    """All sources that take tracking messages, by name."""
    named = [definitions.find(stores.control, Source, name) for _, name in _names(stores)]
    return {source.name: source for source in named if source.tracking is not None}


def _names(stores: Stores) -> list[tuple[str, str]]:
    return definitions.names(stores.control, "source")


def sources_of_orders(stores: Stores, source: Source) -> list[str]:
    """Tracking sources whose orders have numbers that mean the same as those of `source`."""
    return sorted(
        name
        for name, found in tracking_sources(stores).items()
        if _same(found, source.name, source.id_namespace)
    )


def same_orders(stores: Stores, tracking: Mapping[str, Source], name: str, other: str) -> bool:
    """Whether orders of one number are the same order in the tracking source `name` and in the source `other`.

    Args:
        stores: The workspace.
        tracking: The tracking sources.
        name: The tracking source; of one that was removed the defaults hold.
        other: Any source, also one that was collected from its file and never applied.
    """
    known = tracking.get(other)
    if known is not None and not settings_of(known).orders:
        return False
    namespace = known.id_namespace if known is not None else _namespace(stores, other)
    return _same(tracking.get(name), other, namespace)


def _same(tracking: Source | None, other: str, namespace: str | None) -> bool:
    settings = settings_of(tracking)
    if not settings.orders:
        return False
    if settings.orders_of is not None:
        return other in settings.orders_of
    return (tracking.id_namespace if tracking is not None else None) == namespace


def _namespace(stores: Stores, source: str) -> str | None:
    try:
        return definitions.find(stores.control, Source, source).id_namespace
    except UnknownDefinitionError:
        document = last_definition(stores, source) or {}
        found = document.get("id_namespace")
        return found if isinstance(found, str) else None


def settings_of(source: Source | None) -> Tracking:
    """What a source says of its messages; of one that was removed since they came, the defaults."""
    return (source.tracking if source is not None else None) or Tracking()
