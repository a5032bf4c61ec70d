"""A workspace whose vault knows some people twice, with nothing but their names and addresses in common."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from aimwell.privacy.vault import keep_people
from aimwell.store.stores import Stores
from aimwell.unify.service import unify
from shop import add_orders, day, origin

__all__ = ["crowd", "known"]

_SYLLABLES = ("ba", "ko", "mi", "ru", "te", "la", "sho", "ve", "ni", "do", "fra", "gu")


def _word(number: int) -> str:
    """Different words for different numbers below 1,728."""
    size = len(_SYLLABLES)
    return "".join(_SYLLABLES[(number // size**place) % size] for place in range(3))


def known(stores: Stores, people: dict[str, int], *, at: datetime) -> None:
    """Customers with an order each and a vault row drawn from a number: equal numbers are one person."""
    add_orders(
        stores,
        [
            {"customer": name, "order_id": f"o-{name}", "ordered_at": day(1), "revenue": 1}
            for name in people
        ],
    )
    rows = pa.table(
        {
            "origin_id": [origin(stores, name) for name in people],
            "first_name": [_word(7 * n + 5) for n in people.values()],
            "last_name": [_word(11 * n + 300) for n in people.values()],
            "birth_date": [
                f"19{40 + n % 55}-{1 + n % 12:02}-{1 + n % 28:02}" for n in people.values()
            ],
            "postcode": [f"LS{n % 97:02}{n % 89:02}" for n in people.values()],
        }
    )
    keep_people(stores, rows, source="crm", set_at=at)


def crowd(stores: Stores, *, now: datetime) -> None:
    """A hundred people, forty of whom registered a second time."""
    known(
        stores,
        {f"a{n}": n for n in range(100)} | {f"b{n}": n for n in range(40)},
        at=now - timedelta(hours=1),
    )
    unify(stores, now=now)
