"""Reads reviews and free answers from the vault, and gives back nothing but numbers and common words."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from aimwell.history.moment import open_moment
from aimwell.measure.feedback.model import Feedback
from aimwell.measure.feedback.reading_words import feedback_of
from aimwell.privacy.vault import read_texts
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["feedback"]

_BATCH = 5_000

_TEXTS = """
SELECT text_id, CAST((rating - 1) / nullif(rating_max - 1, 0) AS double) AS mark, epoch_us(reviewed_at) AS at
FROM reviews WHERE text_id IS NOT NULL AND (CAST(:category AS varchar) IS NULL OR category = :category)
UNION ALL
SELECT text_id, CAST(NULL AS double), epoch_us(answered_at)
FROM answers WHERE text_id IS NOT NULL AND CAST(:category AS varchar) IS NULL
ORDER BY text_id
"""


def feedback(
    stores: Stores, *, until: datetime, category: str | None = None, topics: int = 8
) -> Feedback:
    """What reviews and free answers up to a moment speak of, and how satisfied those who wrote them are.

    Args:
        category: Of reviews: only of this category. Answers have none.

    Raises:
        MeasureError: There are too few texts.
    """
    with open_moment(stores, as_of=until) as moment:
        found = moment.session.table(sql(_TEXTS, category=category))
    ids = found.column("text_id").to_pylist()
    words: dict[str, str] = {}
    with stores.read_control() as connection:
        for start in range(0, len(ids), _BATCH):
            words |= read_texts(connection, ids[start : start + _BATCH])
    there = np.array([one in words for one in ids], dtype=bool)
    marks = np.asarray(found.column("mark").to_numpy(), dtype=np.float64)
    at = np.asarray(found.column("at").to_numpy(), dtype=np.int64)
    return feedback_of(
        [words[one] for one in ids if one in words], marks[there], at[there], topics=topics
    )
