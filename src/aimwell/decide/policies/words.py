"""What a choice among policies says to a reader; money with its currency, to as many places as its interval bears."""

from __future__ import annotations

import math

from aimwell.stats.estimate import Estimate

__all__ = ["EARNED_ALIKE", "choice_words", "gain_words", "worth_words"]

EARNED_ALIKE = "everybody earned the same, whatever was done"
"""Why no difference between policies is known."""

_PLACES = 6


def gain_words(gain: Estimate, currency: str | None) -> str:
    """A defined gain, as '+0.022 GBP per person (+0.010 to +0.033)'.

    Args:
        gain: Per person, with its interval.
        currency: ISO 4217 code; None: it is not money, and has four digits.
    """
    assert gain.estimate is not None and gain.lower is not None and gain.upper is not None  # noqa: S101, PT018 - asked before
    middle, lower, upper = (
        _figure(one, _places(gain), currency, sign="+")
        for one in (gain.estimate, gain.lower, gain.upper)
    )
    return f"{middle}{_unit(currency)} per person ({lower} to {upper})"


def worth_words(worth: float, gain: Estimate, currency: str | None) -> str:
    """An amount to compare with that gain, as '0.050 GBP'; what is not 0 does not look like it."""
    seen = -math.floor(math.log10(abs(worth))) if worth and math.isfinite(worth) else 0
    places = max(_places(gain), min(seen, _PLACES))
    return f"{_figure(worth, places, currency)}{_unit(currency)}"


def choice_words(
    verdict: str,
    constant: str,
    leading: str | None,
    gain: Estimate,
    worth: float,
    more: int | None,
    *,
    currency: str | None = None,
) -> str:
    """The sentence of a choice.

    Args:
        verdict: As `Choice` has it.
        constant: The best constant policy.
        leading: The best targeted one; None where none can be told from it.
        gain: Of the one over the other, per person.
        worth: The smallest gain that counts.
        more: People needed beside those at hand; None: that is not known.
        currency: Of the gain; None: it is not money.
    """
    if gain.estimate is None and verdict == "cannot tell":
        return (
            f"We cannot tell whether personalising pays: {gain.reason}. Until then: '{constant}'."
        )
    if leading is None or gain.estimate is None:
        return f"Personalising does not pay here: no targeted policy differs from '{constant}'."
    told = gain_words(gain, currency)
    if verdict == "personalise":
        return f"Personalising pays: '{leading}' earns {told} over '{constant}', the best constant policy."
    if verdict == "does not pay":
        return (
            f"Personalising does not pay here: the best targeted policy, '{leading}', earns {told} over '{constant}', and "
            f"a gain under {worth_words(worth, gain, currency)} is not worth it."
        )
    needed = (
        "more people are needed"
        if more is None
        else f"{more:,} more people are needed to be sure of a gain of {worth_words(max(gain.estimate, worth), gain, currency)}"
    )
    return (
        f"Personalising does not detectably beat the best constant policy, '{constant}': '{leading}' earns {told} over it. "
        f"We cannot tell yet; {needed}. Until then: '{constant}'."
    )


def _unit(currency: str | None) -> str:
    return "" if currency is None else f" {currency}"


def _figure(value: float, places: int, currency: str | None, *, sign: str = "") -> str:
    return f"{value:{sign}.4g}" if currency is None else f"{value:{sign},.{places}f}"


def _places(gain: Estimate) -> int:
    """Two digits of half the interval's width, and at least a penny's."""
    assert gain.lower is not None and gain.upper is not None  # noqa: S101, PT018 - asked before
    half = (gain.upper - gain.lower) / 2
    return min(max(1 - math.floor(math.log10(half)), 2), _PLACES) if half > 0 else 2
