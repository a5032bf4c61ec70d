"""Findings in plain words, each with what to try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aimwell.measure.diagnosis.model import EVERYONE, STEPS, Finding
from aimwell.measure.formatting import count, money, percent

__all__ = ["STEP_NAMES", "TARGET_NAMES", "in_words", "onwards", "sentence"]

STEP_NAMES: Mapping[str, str] = {
    "sent": "Sent",
    "delivered": "Delivered",
    "opened": "Opened (people)",
    "clicked": "Clicked (people)",
    "cart": "Cart",
    "ordered": "Goal reached",
    "effect": "Effect per person",
    "delivery_rate": "Delivered (target)",
    "open_rate": "Opened (target)",
    "click_rate": "Clicked (target)",
    "conversion_rate": "Converted (target)",
}
TARGET_NAMES = ("delivery_rate", "open_rate", "click_rate", "conversion_rate")

_ADVICE: Mapping[str, str] = {
    "sent": "See why messages were stopped (aimwell decide explain, and the reasons in the report): caps, quiet hours, consent, or the sender.",
    "delivered": "Look at the bounces and the sender: a blocked domain, an old list of addresses, a changed template. Send no more there until it is mended.",
    "opened": "Try another subject line, sender's name or hour as variants of a test, and see whether the messages land among the spam.",
    "clicked": "Follow the link as a reader would. If it works, try another content or offer as a variant.",
    "cart": "Look at the page that the link leads to: does it show the offer, is the product in stock, does it work on a phone?",
    "ordered": "Try the checkout with the code: is it taken, are delivery cost and stock as promised, does the payment work?",
    "effect": "Give these people another offer or leave them out, as a pilot with a holdout, before it is done for all.",
}
_OF_TARGET = {
    "delivery_rate": "delivered",
    "open_rate": "opened",
    "click_rate": "clicked",
    "conversion_rate": "ordered",
}


def in_words(one: Finding, currency: str, onwards: Mapping[str, float]) -> Finding:
    """The finding with its words.

    Args:
        one: A finding.
        currency: Of amounts.
        onwards: Step → share of those who took it that reached the goal; empty where that is not known.
    """
    step = _OF_TARGET.get(one.step, one.step)
    where = "" if one.place == EVERYONE else f" in {one.place}"
    words = f"{STEP_NAMES[one.step]}{where}: {_told(one, currency)}."
    if one.kind != "effect" and one.missing:
        words += f" {count(round(one.missing))} fewer than expected"
        if one.step in onwards and one.step != "ordered":
            words += f", some {one.missing * onwards[one.step]:,.1f} fewer to reach the goal at the rates of the later steps"
        words += "."
    if one.also:
        words += f" That is also why {_listed(one.also)} {'falls' if len(one.also) == 1 else 'fall'} short."
    if one.kind == "elsewhere":
        words += " No earlier plan tells whether that is always so."
    return replace(one, words=words, advice=_ADVICE[step])


def _told(one: Finding, currency: str) -> str:
    value, expected = one.value, one.expected
    if value.estimate is None or expected.estimate is None:
        return "not known"
    if one.kind == "effect":
        more = " more than elsewhere" if one.place != EVERYONE else ""
        return (
            f"{_amount(value.estimate, currency)} a person{more} ({_amount(value.lower, currency)} to {_amount(value.upper, currency)}), "
            f"expected {_amount(expected.estimate, currency)} ({_amount(expected.lower, currency)} to {_amount(expected.upper, currency)})"
        )
    mine = f"{_share(value.estimate)} of {count(one.of)} ({_share(value.lower)} to {_share(value.upper)})"
    if one.kind == "target":
        return f"{mine}, under the target of {_share(expected.estimate)}"
    against = (
        f"{_share(expected.estimate)} elsewhere"
        if one.kind == "elsewhere"
        else f"expected {_share(expected.estimate)} ({_share(expected.lower)} to {_share(expected.upper)}) by earlier plans"
    )
    if one.kind == "earlier" and one.place != EVERYONE:
        against += " and by the others of this one"
    return f"{mine}, {against}"


def sentence(findings: Sequence[Finding], searched: int, plans: int) -> str:
    """What a reader should take from it."""
    against = f"{count(plans)} earlier plan{'s' if plans != 1 else ''}" if plans else "one another"
    if not searched:
        return "Nothing can be told: no step has enough people to hold against anything."
    if not findings:
        return f"Nothing stands out beyond noise: {count(searched)} comparisons with {against} were made."
    first = findings[0]
    where = "for everyone" if first.place == EVERYONE else f"in {first.place}"
    more = len(findings) - 1
    rest = f", and {count(more)} more thing{'s' if more > 1 else ''}" if more else ""
    return f"What falls short beyond noise: {STEP_NAMES[first.step].lower()} {where}{rest} ({count(searched)} comparisons with {against})."


def onwards(steps: Sequence[Finding]) -> dict[str, float]:
    """Step → share of those who took it that went on to the goal, by the rates of the later steps."""
    if not any(one.step == "ordered" for one in steps):
        return {}
    found, share = {}, 1.0
    for one in sorted(steps, key=lambda each: list(STEPS).index(each.step), reverse=True):  # type: ignore[arg-type]
        found[one.step] = share
        share *= one.done / one.of
    return found


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _share(value: float | None) -> str:
    return "–" if value is None else percent(100.0 * value)


def _amount(value: float | None, currency: str) -> str:
    return "–" if value is None else money(value, currency, 2)
