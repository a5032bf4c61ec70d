"""The opening sentence: what sending earned, how sure that is, and whatever a reader must know first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aimwell.measure.formatting import count, count_of, days_words, money, places_for
from aimwell.measure.model import Delivery, Span, Verdict
from aimwell.stats.estimate import Estimate

__all__ = ["Opening", "opening"]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the sentence depends on.

    Attributes:
        amount: What sending added: profit, or revenue where margin is unknown.
        headline: Which of the two it is.
        reached_nobody: A trial, or a look back: nobody was really contacted.
        treated, control: People in the arms.
        treated_revenue: What the targeted people spent.
        mismatch: The arms are not as large as planned.
    """

    amount: Estimate
    headline: Literal["profit", "revenue"]
    currency: str
    span: Span
    delivery: Delivery
    reached_nobody: bool
    treated: int
    control: int
    treated_revenue: float
    mismatch: bool


def opening(facts: Opening) -> tuple[Verdict, str]:
    """The verdict in a word and the sentence (two or three where a warning comes first)."""
    verdict, text = _plain(facts)
    if not facts.span.finished and verdict != "not_sent":
        text = f"{_so_far(facts.span)}, {text[0].lower()}{text[1:]}"
    if facts.mismatch:
        warning = (
            "Do not trust these figures yet: the groups are not as large as planned, so people are missing or "
            "counted twice."
        )
        return "mismatch", f"{warning} {text}"
    return verdict, text


def _so_far(span: Span) -> str:
    passed = days_words(span.days_measured).removesuffix(" days")
    return f"So far ({passed} of {days_words(span.days)})"


def _plain(facts: Opening) -> tuple[Verdict, str]:
    if facts.reached_nobody:
        return "trial", _trial(facts)
    delivery = facts.delivery
    if not delivery.sent and not delivery.unknown:
        return "not_sent", _not_sent(delivery)
    if not facts.control:
        spent = money(facts.treated_revenue, facts.currency)
        return "no_control", (
            f"Nobody was held out, so nobody can say what sending earned: the {count_of(facts.treated, 'person', 'people')} of the "
            f"campaign spent {spent}, but may have done so anyway."
        )
    if not facts.amount.defined:
        return "undefined", f"What sending earned cannot be said: {facts.amount.reason}."
    return _earned(facts)


def _not_sent(delivery: Delivery) -> str:
    if delivery.waiting:
        return "Nothing has been sent yet, so there is nothing to measure."
    if delivery.messages:
        return (
            f"Nothing was sent: all {count(delivery.messages)} messages were stopped or failed, so there is nothing "
            "to measure."
        )
    return "Nothing has been sent, so there is nothing to measure."


def _trial(facts: Opening) -> str:
    start = "Nobody was really contacted: this was a trial, so any difference here is chance."
    amount = facts.amount
    if amount.estimate is None or amount.lower is None or amount.upper is None:
        return start
    shown = _Shown.of(facts)
    word = "earn" if facts.headline == "profit" else "bring in"
    covers = (
        "and holds zero, as it should 95 times in 100"
        if amount.covers(0.0)
        else "and does not hold zero, which happens by chance 5 times in 100"
    )
    if shown.nothing:
        return f"{start} The group that would have been contacted happened to {word} as much as the other."
    more = "more" if amount.estimate > 0 else "less"
    return (
        f"{start} The group that would have been contacted happened to {word} {shown.size} {more} than the other "
        f"would have; the range is {shown.lower} to {shown.upper} {covers}."
    )


@dataclass(frozen=True)
class _Shown:
    size: str
    lower: str
    upper: str
    lower_size: str
    upper_size: str
    nothing: bool

    @classmethod
    def of(cls, facts: Opening) -> _Shown:
        amount, currency = facts.amount, facts.currency
        assert amount.estimate is not None  # noqa: S101 - asked for by the callers
        assert amount.lower is not None and amount.upper is not None  # noqa: S101, PT018
        places = places_for([amount.estimate, amount.lower, amount.upper], currency)

        def shown(value: float) -> str:
            return money(value, currency, places)

        return cls(
            size=shown(abs(amount.estimate)),
            lower=shown(amount.lower),
            upper=shown(amount.upper),
            lower_size=shown(abs(amount.lower)),
            upper_size=shown(abs(amount.upper)),
            nothing=round(amount.estimate, places) == 0,
        )


def _earned(facts: Opening) -> tuple[Verdict, str]:
    amount, shown = facts.amount, _Shown.of(facts)
    assert amount.estimate is not None  # noqa: S101 - `_plain` has asked
    verb, what = ("earned", "") if facts.headline == "profit" else ("brought", " revenue")
    after = (
        ""
        if facts.headline == "profit"
        else " What it earned is unknown, because the margin of what was sold is."
    )
    more = "more" if amount.estimate > 0 else "less"
    claim = f"Sending {verb} {shown.size} {more}{what} than not sending"
    if shown.nothing:
        claim = f"Sending {verb} as much{what} as not sending"
    if not amount.excludes_zero:
        return "unsure", (
            f"{claim}; it could be anything between {shown.lower} and {shown.upper}, so we cannot be sure yet.{after}"
        )
    if amount.estimate > 0:
        return "gain", (
            f"{claim}; allowing for chance it is between {shown.lower} and {shown.upper}, so the gain is real.{after}"
        )
    return "loss", (
        f"{claim}; allowing for chance it is between {shown.upper_size} and {shown.lower_size} less, so the loss is "
        f"real.{after}"
    )
