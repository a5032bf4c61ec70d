"""Files of orders, customers, products, events and exchange rates in: read, checked, and taken once.

    report = collect(stores, source, root=folder, now=now)

A file goes through these modules: `files` finds and hashes it, `snapshot` keeps a private copy as plain UTF-8
text, `raw` reads that into rows of text, `inputs` joins and picks columns, `evidence` and `casts` give them
types and faults, `orders`, `customers`, `products`, `events` and `rates` make rows of the lake of them, `loads` publishes
those so that a crash at any moment leaves all or nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimwell.collect.explaining import explain
    from aimwell.collect.gathering import Progress
    from aimwell.collect.inline import inline_source, read_columns
    from aimwell.collect.inspecting import quarantine, status
    from aimwell.collect.loads import publish_prepared
    from aimwell.collect.model import (
        DataReport,
        Explanation,
        LoadReport,
        LoadStatus,
        Quarantine,
        QuarantinedRow,
    )
    from aimwell.collect.service import collect
    from aimwell.collect.suggesting import Suggestion, suggest_mapping

__all__ = [
    "DataReport",
    "Explanation",
    "LoadReport",
    "LoadStatus",
    "Progress",
    "Quarantine",
    "QuarantinedRow",
    "Suggestion",
    "collect",
    "explain",
    "inline_source",
    "publish_prepared",
    "quarantine",
    "read_columns",
    "status",
    "suggest_mapping",
]

_MODULES = {
    "explaining": ("explain",),
    "gathering": ("Progress",),
    "inline": ("inline_source", "read_columns"),
    "inspecting": ("quarantine", "status"),
    "loads": ("publish_prepared",),
    "model": (
        *("DataReport", "Explanation", "LoadReport", "LoadStatus", "Quarantine"),
        "QuarantinedRow",
    ),
    "service": ("collect",),
    "suggesting": ("Suggestion", "suggest_mapping"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: who only looks at tracking messages does not wait for all that reads files.
    if name not in _HOME:
        raise AttributeError(f"module 'aimwell.collect' has no attribute '{name}'")
    return getattr(import_module(f"aimwell.collect.{_HOME[name]}"), name)
