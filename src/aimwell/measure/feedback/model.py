"""What free texts say, in numbers. No text is in it, and no word that only few people wrote."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from aimwell.stats.estimate import Estimate

__all__ = ["Feedback", "Topic"]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """Texts that speak mostly of one thing.

    Attributes:
        words: That make the topic out, the weightiest first; each stands in at least ten texts.
        share: Of all texts with a topic.
        satisfied: Of its texts with a mark, those with a good one.
        against_others: Difference of that share from all other texts', in probability points.
        q_value: Of that difference, after Benjamini and Hochberg over the topics.
        change: Share among the later half of texts less that among the earlier, in probability points.
        change_q_value: Likewise.
    """

    words: tuple[str, ...]
    texts: int
    share: Estimate
    satisfied: Estimate
    against_others: Estimate
    q_value: float | None
    change: Estimate
    change_q_value: float | None


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """All of it.

    Attributes:
        texts: Read. rated: With a mark. without_topic: With no word that any topic has.
        satisfied: Share of marks that are good (CSAT, at or above three quarters of the scale: 4 and 5 of 5).
        good_words, bad_words: That go with good and bad marks, the strongest first.
        judged: How well words tell good marks from bad ones, on texts that were not learnt from: AUC.
        predicted_satisfied: Of texts without a mark, the mean predicted probability of a good one; None where there is
            no such text or nothing to learn from.
        notes: What a reader must know.
    """

    texts: int
    rated: int
    without_topic: int
    satisfied: Estimate
    topics: tuple[Topic, ...]
    good_words: tuple[str, ...]
    bad_words: tuple[str, ...]
    judged: Estimate
    predicted_satisfied: float | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
