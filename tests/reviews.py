"""Reviews with words in them: half speak of size and are cross, half of cloth and are glad."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pyarrow as pa

from aimwell.privacy.vault import keep_texts
from aimwell.store.stores import Stores
from shop import RECEIVED_AT, append, origin

__all__ = ["add_reviews", "texts_made"]

SIZE = ["too small", "tight waist", "sizing runs large", "wrong size ordered again"]
CLOTH = ["soft fabric", "lovely cotton colour", "fabric feels thin", "cotton colour faded"]


def texts_made(n: int = 600, seed: int = 1) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Half speak of size and are mostly cross, half of cloth and are mostly glad; size grows with time."""
    rng = np.random.default_rng(seed)
    texts, marks = [], np.zeros(n)
    for i in range(n):
        size = rng.random() < (0.3 if i < n // 2 else 0.7)
        marks[i] = float(rng.random() < (0.3 if size else 0.9))
        mood = "perfect happy" if marks[i] else "returned disappointed"
        part = rng.choice(SIZE if size else CLOTH, 2)
        texts.append(
            f"{part[0]} {part[1]} {mood}, said Annabel"
            if i % 20 == 0
            else f"{part[0]} {part[1]} {mood}"
        )
    return texts, marks, np.arange(n, dtype=np.int64)


def add_reviews(
    stores: Stores, rows: Iterable[tuple[str, str, float, datetime]], *, prefix: str = "r"
) -> None:
    """Reviews: customer, words, mark (0 or 1: one or five stars of five) and when, as they come from a source."""
    given = list(rows)
    texts = pa.RecordBatch.from_pylist(
        [
            {
                "text_id": f"{prefix}{n}",
                "origin_id": origin(stores, customer),
                "kind": "review",
                "content": words,
                "said_at": at,
            }
            for n, (customer, words, _mark, at) in enumerate(given)
        ]
    )
    keep_texts(stores, texts, source="test")
    append(
        stores,
        "reviews",
        [
            {
                "review_id": f"{prefix}{n}",
                "origin_id": origin(stores, customer),
                "text_id": f"{prefix}{n}",
                "rating": 1.0 + 4.0 * mark,
                "rating_max": 5.0,
                "reviewed_at": at,
                "received_at": RECEIVED_AT,
                "source": "test",
            }
            for n, (customer, _words, mark, at) in enumerate(given)
        ],
    )
