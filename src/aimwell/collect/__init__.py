"""Files of orders, customers, products, events and exchange rates in: read, checked, and taken once.

    report = collect(stores, source, root=folder, now=now)

A file goes through these modules: `files` finds and hashes it, `snapshot` keeps a private copy as plain UTF-8
text, `raw` reads that into rows of text, `inputs` joins and picks columns, `evidence` and `casts` give them
types and faults, `orders`, `customers`, `products`, `events` and `rates` make rows of the lake of them, `loads` publishes
those so that a crash at any moment leaves all or nothing.
"""

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
