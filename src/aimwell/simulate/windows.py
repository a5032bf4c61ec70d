"""The window after contact in which orders count, and the columns that say whom a row is about."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aimwell.errors import SimulateError
from aimwell.simulate.cells import Cell
from aimwell.simulate.seasons import DAY, to_seconds
from aimwell.simulate.shop import Shop

__all__ = ["person_columns", "window_seconds"]


def window_seconds(shop: Shop, sent_at: datetime, window_days: float) -> tuple[int, int]:
    """The UTC second of contact and the seconds of the window.

    Raises:
        SimulateError: The shop does not reach over all of the window.
    """
    if sent_at.utcoffset() is None:
        raise SimulateError(f"sent_at {sent_at} has no time zone; give an aware datetime.")
    spec = shop.spec
    if not (
        0 < window_days <= spec.after_days
        and spec.end <= sent_at
        and sent_at + timedelta(days=window_days) <= spec.last
    ):
        raise SimulateError(
            f"A window of {window_days} days from {sent_at} is not simulated. Allowed is more than 0 days "
            f"between {spec.end} and {spec.last}; a larger `after_days` in the spec reaches farther."
        )
    return to_seconds(sent_at), round(window_days * DAY)


def person_columns(cell: Cell) -> dict[str, pa.Array]:
    """The number and the first customer id of each person of a cell."""
    everybody = np.arange(len(cell.people))
    return {
        "person": pa.array(cell.people.number),
        "customer_id": cell.accounts.ids_of_account(everybody, np.zeros_like(everybody)),
    }
