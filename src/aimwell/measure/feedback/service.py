"""Reads reviews and free answers from the vault, and gives back nothing but numbers and common words."""

from __future__ import annotations

from datetime import datetime

from aimwell.history.moment import open_moment
from aimwell.measure.feedback.model import Feedback
from aimwell.measure.feedback.reading_words import feedback_of
from aimwell.measure.feedback.texts import texts_before
from aimwell.store.stores import Stores

__all__ = ["feedback"]


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
        found = texts_before(moment, category=category)
    return feedback_of(found.words, found.marks, found.at, topics=topics)
