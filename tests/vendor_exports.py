"""Made-up exports of vendors for tests: files with the very columns and forms, and what the lake took of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from aimwell.collect import ready_made
from aimwell.definitions.reading import read_documents
from collecting import Shop

__all__ = [
    "Take",
    "amounts",
    "consents",
    "control",
    "documents",
    "kinds_of_identifiers",
    "lines",
    "suppressed",
    "table",
    "taken",
]

Take = Callable[..., dict[str, Any]]


def lines(*objects: Any) -> str:
    """JSON lines."""
    return "\n".join(json.dumps(one) for one in objects) + "\n"


def table(header: str, *rows: dict[str, object]) -> str:
    """CSV with all the columns of an export; a row names those that it has."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header.split(","), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def documents(name: str) -> list[Any]:
    """The documents of a template, read as `aimwell apply` reads them."""
    path = Path(ready_made.__file__).with_name("templates") / f"{name}.yaml"
    return [one.body for one in read_documents([path])]


def taken(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(load["entity"], load["rows_taken"]) for load in report["loads"]]


def control(shop: Shop, query: str) -> Sequence[Any]:
    with shop.stores.control.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def consents(shop: Shop) -> Sequence[Any]:
    return control(shop, "SELECT channel, state FROM consents ORDER BY channel, occurred_at, state")


def suppressed(shop: Shop) -> list[str]:
    return [row[0] for row in control(shop, "SELECT reason FROM suppressions ORDER BY 1")]


def kinds_of_identifiers(shop: Shop) -> set[str]:
    return {row[0] for row in control(shop, "SELECT DISTINCT kind FROM identifiers")}


def amounts(shop: Shop, table_: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows of the lake, money as plain numbers."""
    return [
        tuple(float(cell) if isinstance(cell, Decimal) else cell for cell in row)
        for row in shop.rows(table_, *columns)
    ]
