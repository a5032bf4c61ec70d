"""Writes the shop's history, and what follows after it, as the files that a firm would have.

CSV and JSON lines are gzip; the same shop gives the same bytes. A very large shop may write Parquet instead.
Everything is written cell by cell, so memory does not grow with the shop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import SimulateError
from aimwell.simulate.actions import Action
from aimwell.simulate.answer import answer_by_cell
from aimwell.simulate.cells import Cell, open_cell, trade_before
from aimwell.simulate.customers import CUSTOMER_SCHEMA, customer_table
from aimwell.simulate.dirt import Soiler
from aimwell.simulate.events import EVENT_SCHEMA, event_lines, event_table
from aimwell.simulate.orders import ORDER_SCHEMA, order_table
from aimwell.simulate.products import PRODUCT_SCHEMA, product_table
from aimwell.simulate.shop import Shop
from aimwell.simulate.sinks import Write, csv_sink, lines_sink, parquet_sink
from aimwell.simulate.touches import touch_events

__all__ = ["AnswerCounts", "Format", "SourceCounts", "write_answer", "write_sources"]

Format = Literal["csv", "parquet"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SourceCounts:
    """What the files of a shop hold, before any fault was put in unless said otherwise.

    `orders` and `order_lines` are sales, `anonymous_…` those among them without a customer. `return_lines` come
    beside them. `revenue` is the sum of quantity x unit_price - discount of sales and returns, in minor units.
    `dirt` counts the lines with each kind of fault; `order_rows` are all rows of the file of orders, duplicates
    included. `people` counts each person once, `customers` their accounts.
    """

    people: int = 0
    prospects: int = 0
    customers: int = 0
    second_accounts: int = 0
    email_opt_ins: int = 0
    products: int = 0
    products_without_cost: int = 0
    orders: int = 0
    order_lines: int = 0
    anonymous_orders: int = 0
    anonymous_lines: int = 0
    return_lines: int = 0
    revenue_minor: int = 0
    order_rows: int = 0
    events: int = 0
    dirt: dict[str, int] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class AnswerCounts:
    """What the files of an answer hold: order lines (sales and returns) and touches."""

    order_lines: int
    touches: int
    files: tuple[Path, ...]


def write_sources(
    shop: Shop,
    folder: Path,
    *,
    format: Format = "csv",
    events: bool = True,
    progress: Progress | None = None,
) -> SourceCounts:
    """Write the history: `orders`, `customers`, `products` and `events`.

    Args:
        shop: The shop.
        folder: Made if it is not there; files of the same names are replaced.
        format: "csv": `orders.csv.gz`, `customers.csv.gz`, `products.csv.gz`, `events.jsonl.gz`;
            "parquet": the same with the ending `.parquet`.
        events: False leaves the events out.
        progress: Called after each cell with the people done and all people.

    Returns:
        What was written, counted exactly.

    Raises:
        SimulateError: The folder cannot be written, or there are fewer sales than the dirt asks for.
        StorageFullError: The disk is full; no file is left half written.
    """
    folder = Path(folder)
    soiler = Soiler(shop)
    schemas = {"orders": soiler.schema, "customers": CUSTOMER_SCHEMA, "products": PRODUCT_SCHEMA}
    schemas |= {"events": EVENT_SCHEMA} if events else {}
    done: Counter[str] = Counter()
    with ExitStack() as files:
        sinks = {
            name: files.enter_context(_sink(folder, name, schema, format))
            for name, schema in schemas.items()
        }
        products = product_table(shop.catalogue)
        sinks["products"](products)
        for index in range(shop.cells):
            tables, counts = _history(shop, open_cell(shop, index), events=events)
            tables["orders"] = soiler.soil(tables["orders"], index)
            for name, table in tables.items():
                sinks[name](table)
            done.update(counts | {"order_rows": len(tables["orders"])})
            if progress:
                progress(done["people"], shop.spec.people)
        soiler.finish()
    return SourceCounts(
        products=len(products),
        products_without_cost=products["unit_cost"].null_count,
        dirt=soiler.done,
        files=tuple(folder / _file_name(name, format) for name in schemas),
        **done,
    )


def write_answer(
    shop: Shop,
    messages: pa.Table,
    folder: Path,
    *,
    actions: Sequence[Action],
    until: datetime,
    since: datetime | None = None,
    format: Format = "csv",
    suffix: str = "after",
) -> AnswerCounts:
    """Write what follows after the history (see `answer.answer`), in the same form as the history.

    Files are `orders_<suffix>` (order lines) and `events_<suffix>` (opened and clicked e-mails, unsubscribes;
    `properties.email_id` is the message).

    Raises:
        SimulateError: As `answer`, or the folder cannot be written.
        StorageFullError: The disk is full; no file is left half written.
    """
    folder = Path(folder)
    names = [f"{kind}_{suffix}" for kind in ("orders", "events")]
    lines = touches = 0
    with ExitStack() as files:
        write_orders, write_events = (
            files.enter_context(_sink(folder, name, schema, format))
            for name, schema in zip(names, (ORDER_SCHEMA, EVENT_SCHEMA), strict=True)
        )
        for part in answer_by_cell(shop, messages, actions=actions, until=until, since=since):
            write_orders(part.order_lines)
            write_events(touch_events(part.touches))
            lines += len(part.order_lines)
            touches += len(part.touches)
    return AnswerCounts(lines, touches, tuple(folder / _file_name(name, format) for name in names))


def _file_name(name: str, format: Format) -> str:
    if format == "parquet":
        return f"{name}.parquet"
    return f"{name}.jsonl.gz" if name.startswith("events") else f"{name}.csv.gz"


def _sink(
    folder: Path, name: str, schema: pa.Schema, format: Format
) -> AbstractContextManager[Write]:
    if format not in ("csv", "parquet"):
        raise SimulateError(f"Files cannot be written as '{format}'. Allowed are csv and parquet.")
    path = folder / _file_name(name, format)
    if format == "parquet":
        return parquet_sink(path, schema)
    return lines_sink(path, event_lines) if name.startswith("events") else csv_sink(path, schema)


def _history(shop: Shop, cell: Cell, *, events: bool) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """The rows of a cell for each file, and what they count up to."""
    named, nameless = trade_before(shop, cell)
    lines = pa.concat_tables(
        [
            order_table(
                shop, cell.people, cell.accounts, trade.orders, trade.baskets, until=shop.end
            )
            for trade in (named, nameless)
        ]
    )
    tables = {"orders": lines, "customers": customer_table(shop, cell)}
    if events:
        tables["events"] = event_table(shop, cell, named)
    sales = [trade.baskets.order.size for trade in (named, nameless)]
    return tables, {
        "people": len(cell.people),
        "prospects": int(cell.people.prospect.sum()),
        "customers": len(tables["customers"]),
        "second_accounts": int(cell.accounts.second.sum()),
        "email_opt_ins": int(
            pc.sum(pc.equal(tables["customers"]["email_opt_in"], "yes"), min_count=0).as_py()
        ),
        "orders": named.orders.at.size + nameless.orders.at.size,
        "order_lines": sum(sales),
        "anonymous_orders": nameless.orders.at.size,
        "anonymous_lines": sales[1],
        "return_lines": len(lines) - sum(sales),
        "revenue_minor": _revenue_minor(lines),
        "events": len(tables["events"]) if events else 0,
    }


def _revenue_minor(lines: pa.Table) -> int:
    """Sum of quantity x unit_price - discount in minor units; each line is a whole number of them."""
    quantity, price, discount = (
        lines[name].cast(pa.float64()).to_numpy() for name in ("quantity", "unit_price", "discount")
    )
    return int(np.rint((quantity * price - discount) * 100).astype(np.int64).sum())
