"""How good a model has been since, in words: better, worse, or neither by more than chance."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aimwell.predict.care.model import Monitored, RealisedLoss
from aimwell.predict.care.words import realised_words
from aimwell.stats.estimate import Estimate

AT = datetime(2026, 11, 1, tzinfo=UTC)


def gain(lower: float, upper: float) -> Estimate:
    middle = (lower + upper) / 2
    return Estimate(estimate=middle, lower=lower, upper=upper, confidence=0.99, method="normal")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (gain(0.01, 0.03), "better than everybody's times by +0.0200 (+0.0100 to +0.0300)"),
        (gain(-0.03, -0.01), "worse than everybody's times (a gain of -0.0200,"),
        (gain(-0.01, 0.03), "no better than everybody's times by more than chance (a gain of"),
    ],
)
def test_a_gain_is_told_for_what_it_is(found: Estimate, words: str) -> None:
    done = RealisedLoss(
        as_of=AT,
        people=750,
        units="people",
        measure="log loss of the time",
        dull="everybody's times",
        loss=3.0,
        gain=found,
        gain_change=Estimate.missing("a gain is missing", method="normal", confidence=0.99),
        expected=None,
        came=None,
        level=Estimate.missing("nothing is added up", method="normal", confidence=0.99),
        worse=False,
        off=False,
        stand_in=None,
    )
    monitored = Monitored("acts-at@1", AT, 750, (), done, None, "fine", ())
    told = realised_words(monitored, lambda moment: f"{moment:%Y-%m-%d}")
    assert told.startswith("On 750 people of 2026-11-01, whose outcomes it had not seen: ")
    assert words in told
