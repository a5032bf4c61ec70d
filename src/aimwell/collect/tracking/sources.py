"""Which sources take tracking messages: `source` definitions that say `tracking`."""

from __future__ import annotations

from datetime import datetime

from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source, Tracking
from aimwell.errors import CollectError, UnknownDefinitionError
from aimwell.store.stores import Stores

__all__ = [
    "SAME_ORDER_DAYS",
    "ensure_tracking_source",
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
        if settings_of(found).orders and found.id_namespace == source.id_namespace
    )


def settings_of(source: Source | None) -> Tracking:
    """What a source says of its messages; of one that was removed since they came, the defaults."""
    return (source.tracking if source is not None else None) or Tracking()
