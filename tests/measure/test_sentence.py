"""The opening sentence, in every case that a reader may meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aimwell.measure.model import Delivery, Span
from aimwell.measure.sentence import Opening, opening
from aimwell.stats.estimate import Estimate


def estimate(value: float, lower: float, upper: float) -> Estimate:
    return Estimate(estimate=value, lower=lower, upper=upper, confidence=0.95, method="m")


@pytest.fixture
def facts(span: Span, make_delivery: Callable[..., Delivery]) -> Callable[..., Opening]:
    def make(**changes: Any) -> Opening:
        plain = Opening(
            amount=estimate(312, -40, 660),
            headline="profit",
            currency="GBP",
            span=span,
            delivery=make_delivery(messages=800, sent=800),
            reached_nobody=False,
            treated=800,
            control=200,
            treated_revenue=12_000.0,
            mismatch=False,
        )
        return replace(plain, **changes)

    return make


def test_an_unsure_gain_is_said_as_in_the_design(facts: Callable[..., Opening]) -> None:
    assert opening(facts()) == (
        "unsure",
        "Sending earned £312 more than not sending; it could be anything between −£40 and £660, so we cannot be sure "
        "yet.",
    )


def test_an_unsure_loss(facts: Callable[..., Opening]) -> None:
    verdict, text = opening(facts(amount=estimate(-312, -660, 40)))
    assert verdict == "unsure"
    assert text.startswith(
        "Sending earned £312 less than not sending; it could be anything between −£660 and £40,"
    )


def test_a_sure_gain(facts: Callable[..., Opening]) -> None:
    assert opening(facts(amount=estimate(312, 120, 504))) == (
        "gain",
        "Sending earned £312 more than not sending; allowing for chance it is between £120 and £504, so the gain is "
        "real.",
    )


def test_a_sure_loss_is_told_in_amounts_without_a_sign(facts: Callable[..., Opening]) -> None:
    assert opening(facts(amount=estimate(-312, -504, -120))) == (
        "loss",
        "Sending earned £312 less than not sending; allowing for chance it is between £120 and £504 less, so the loss is "
        "real.",
    )


def test_no_difference_at_all(facts: Callable[..., Opening]) -> None:
    verdict, text = opening(facts(amount=estimate(0.2, -500, 500)))
    assert verdict == "unsure"
    assert text.startswith(
        "Sending earned as much as not sending; it could be anything between −£500"
    )


def test_an_interval_that_touches_zero_is_not_sure(facts: Callable[..., Opening]) -> None:
    assert opening(facts(amount=estimate(5, 0, 10)))[0] == "unsure"


def test_unknown_margin_speaks_of_revenue_and_says_so(facts: Callable[..., Opening]) -> None:
    verdict, text = opening(facts(headline="revenue"))
    assert verdict == "unsure"
    assert text.startswith("Sending brought £312 more revenue than not sending;")
    assert text.endswith("What it earned is unknown, because the margin of what was sold is.")
    assert "earned £" not in text


def test_without_control_nothing_is_claimed(facts: Callable[..., Opening]) -> None:
    missing = Estimate.missing("nobody was held out", method="m")
    verdict, text = opening(facts(control=0, amount=missing))
    assert verdict == "no_control"
    assert text.startswith("Nobody was held out, so nobody can say what sending earned")
    assert "£12,000" in text


def test_a_missing_interval_gives_its_reason(facts: Callable[..., Opening]) -> None:
    missing = Estimate.missing("the control arm has one person", method="m")
    assert opening(facts(amount=missing)) == (
        "undefined",
        "What sending earned cannot be said: the control arm has one person.",
    )


def test_nothing_sent_claims_nothing(
    facts: Callable[..., Opening], make_delivery: Callable[..., Delivery]
) -> None:
    for counts, words in (
        ({}, "Nothing has been sent, so"),
        ({"messages": 8, "waiting": 8}, "Nothing has been sent yet, so"),
        (
            {"messages": 8, "stopped": {"capped": 8}},
            "Nothing was sent: all 8 messages were stopped or failed",
        ),
    ):
        verdict, text = opening(facts(delivery=make_delivery(**counts)))
        assert verdict == "not_sent"
        assert text.startswith(words)
        assert "£" not in text


def test_messages_of_unknown_fate_may_have_been_sent(
    facts: Callable[..., Opening], make_delivery: Callable[..., Delivery]
) -> None:
    assert opening(facts(delivery=make_delivery(messages=8, unknown=8)))[0] == "unsure"


def test_an_unfinished_window_says_so_first(
    facts: Callable[..., Opening], unfinished: Span
) -> None:
    verdict, text = opening(facts(span=unfinished))
    assert verdict == "unsure"
    assert text.startswith("So far (9 of 14 days), sending earned £312 more than not sending;")


def test_wrong_arm_sizes_warn_before_anything_else(facts: Callable[..., Opening]) -> None:
    verdict, text = opening(facts(mismatch=True, amount=estimate(312, 120, 504)))
    assert verdict == "mismatch"
    assert text.startswith("Do not trust these figures yet: the groups are not as large as planned")
    assert "Sending earned £312 more" in text


def test_a_trial_says_that_nobody_was_contacted(facts: Callable[..., Opening]) -> None:
    verdict, text = opening(facts(reached_nobody=True))
    assert verdict == "trial"
    assert text == (
        "Nobody was really contacted: this was a trial, so any difference here is chance. The group that would have "
        "been contacted happened to earn £312 more than the other would have; the range is −£40 to £660 and holds zero, "
        "as it should 95 times in 100."
    )
    _verdict, far = opening(
        facts(reached_nobody=True, amount=estimate(-312, -504, -120), headline="revenue")
    )
    assert "happened to bring in £312 less" in far
    assert "does not hold zero, which happens by chance 5 times in 100" in far
    _verdict, none = opening(facts(reached_nobody=True, amount=Estimate.missing("why", method="m")))
    assert none.endswith("any difference here is chance.")
    _verdict, same = opening(facts(reached_nobody=True, amount=estimate(0.1, -504, 504)))
    assert "happened to earn as much as the other" in same


def test_a_mismatch_in_an_unfinished_window(
    facts: Callable[..., Opening], unfinished: Span
) -> None:
    _verdict, text = opening(facts(span=unfinished, mismatch=True))
    assert "counted twice. So far (9 of 14 days), sending earned" in text
