"""Reads reviews and free answers from the vault, with their marks, moments and writers; nothing of a text leaves this stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.history.moment import Moment
from aimwell.privacy.vault import read_texts
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql

__all__ = ["LONG_AGO", "Texts", "texts_before"]

LONG_AGO = datetime.fromisoformat("1900-01-01T00:00:00+00:00")
"""Before anything was said."""

_BATCH = 5_000

_TEXTS = """
SELECT text_id, profile_id, CAST((rating - 1) / nullif(rating_max - 1, 0) AS double) AS mark, epoch_us(reviewed_at) AS at
FROM reviews WHERE text_id IS NOT NULL AND (CAST(:category AS varchar) IS NULL OR category = :category) AND reviewed_at >= :since
UNION ALL
SELECT text_id, profile_id, CAST(NULL AS double), epoch_us(answered_at)
FROM answers WHERE text_id IS NOT NULL AND CAST(:category AS varchar) IS NULL AND answered_at >= :since
ORDER BY text_id
"""


@dataclass(frozen=True, eq=False)
class Texts:
    """One row a text that is there.

    Attributes:
        words: As they were written.
        marks: 0 (worst) to 1 (best); NaN where none was given.
        at: When, in microseconds since 1970.
        profiles: Who wrote it; null where that is unknown.
    """

    words: list[str]
    marks: FloatArray
    at: NDArray[np.int64]
    profiles: pa.Array

    def one_each(self, rows: NDArray[np.int64], *, newest: bool) -> NDArray[np.int64]:
        """Of these rows the newest, or the first, of each writer; texts of unknown writers all stay."""
        order = rows[np.lexsort((rows, -self.at[rows] if newest else self.at[rows]))]
        seen: set[str] = set()
        kept = []
        for row, writer in zip(
            order.tolist(), self.profiles.take(pa.array(order)).to_pylist(), strict=True
        ):
            if writer is None or writer not in seen:
                kept.append(row)
            if writer is not None:
                seen.add(writer)
        return np.sort(np.array(kept, dtype=np.int64))


def texts_before(
    moment: Moment, *, category: str | None = None, since: datetime | None = None
) -> Texts:
    """All that were written before the moment.

    Args:
        moment: The cut session.
        category: Of reviews: only of this category. Answers have none.
        since: Only those from then on.
    """
    found = moment.session.table(sql(_TEXTS, category=category, since=since or LONG_AGO))
    ids = found.column("text_id").to_pylist()
    words: dict[str, str] = {}
    with moment.stores.read_control() as connection:
        for start in range(0, len(ids), _BATCH):
            words |= read_texts(connection, ids[start : start + _BATCH])
    there = np.array([one in words for one in ids], dtype=bool)
    return Texts(
        words=[words[one] for one in ids if one in words],
        marks=np.asarray(found.column("mark").to_numpy(), dtype=np.float64)[there],
        at=np.asarray(found.column("at").to_numpy(), dtype=np.int64)[there],
        profiles=found.column("profile_id").combine_chunks().filter(pa.array(there)),
    )
