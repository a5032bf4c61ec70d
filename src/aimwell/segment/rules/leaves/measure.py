"""A count or a sum of events in words; several leaves have one."""

from __future__ import annotations

from aimwell.definitions.leaves.acts import MEASURES, Measure
from aimwell.segment.rules.phrases import acts_words, field_words
from aimwell.segment.rules.scope import Asked

__all__ = ["asked", "measure_words"]

_WORDS = {"count": "number of times they", "gross": "value before discount when they"}


def measure_words(measure: Measure) -> str:
    """As "revenue when they ordered"."""
    acts = acts_words(measure.event, measure.where, measure.machines)
    lead = _WORDS.get(measure.of, f"sum of {field_words(measure.of)} when they")
    return f"{lead} {acts}"


def asked(measure: Measure) -> Asked:
    """The event, and the property that is summed."""
    return Asked(measure.event, measure.where, () if measure.of in MEASURES else (measure.of,))
