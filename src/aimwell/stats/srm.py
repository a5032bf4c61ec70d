"""Sample-ratio mismatch: are the arms as large as they were meant to be?

An experiment whose arms are not is not to be trusted: people went missing, or were counted twice, in a way that may
depend on the treatment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import chdtrc

from aimwell.errors import StatsError
from aimwell.stats.estimate import checked_share

__all__ = ["DEFAULT_THRESHOLD", "RatioCheck", "check_ratio"]

DEFAULT_THRESHOLD = 0.001

# Below this number of expected people in an arm the chi-square law is not to be trusted.
_EXPECTED_MIN = 5.0


@dataclass(frozen=True, kw_only=True)
class RatioCheck:
    """Whether arms of these sizes are plausible under the planned shares.

    Attributes:
        counts: People found in each arm.
        expected: People that the shares promise, for the same whole.
        p_value: How often chance alone strays as far; None when undefined.
        mismatch: True when `p_value` is under `threshold`; None when undefined.
        threshold: Of the p-value.
        method: Its name in words.
        message: The finding as a sentence for a reader.
        reason: Why the check is undefined; None when it is not.
    """

    counts: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float | None
    mismatch: bool | None
    threshold: float
    method: str
    message: str
    reason: str | None = None


def check_ratio(
    counts: Mapping[str, int],
    shares: Mapping[str, float],
    *,
    threshold: float = DEFAULT_THRESHOLD,
) -> RatioCheck:
    """Test arm sizes against their planned shares: exact binomial for two arms, chi-square for more.

    Args:
        counts: People in each arm.
        shares: Planned weight of each arm, above 0; they need not add up to 1.
        threshold: The p-value under which the arms are called mismatched. Small on purpose: the check is made for
            every campaign, and a false alarm discredits a good experiment.

    Raises:
        StatsError: Different arms in the two, fewer than two arms, a negative count or a share not above 0.
    """
    checked_share(threshold, name="threshold")
    _check_arms(counts, shares)
    counts = {arm: int(count) for arm, count in counts.items()}
    people, weight = sum(counts.values()), float(sum(shares.values()))
    expected = {arm: float(people * shares[arm] / weight) for arm in counts}
    method = "exact binomial test" if len(counts) == 2 else "chi-square test"
    reason = _undefined(expected, people)
    p_value = None if reason else _p_value(counts, expected, people)
    mismatch = None if p_value is None else p_value < threshold
    return RatioCheck(
        counts=counts,
        expected=expected,
        p_value=p_value,
        mismatch=mismatch,
        threshold=threshold,
        method=method,
        message=_message(counts, expected, p_value, mismatch=mismatch, reason=reason),
        reason=reason,
    )


def _check_arms(counts: Mapping[str, int], shares: Mapping[str, float]) -> None:
    if counts.keys() != shares.keys():
        raise StatsError(
            f"Counts are given for {sorted(counts)} and shares for {sorted(shares)}. Both need the same arms."
        )
    if len(counts) < 2:
        raise StatsError("A ratio needs at least two arms.")
    for arm, count in counts.items():
        if isinstance(count, bool) or int(count) != count or count < 0:
            raise StatsError(
                f"Arm '{arm}' has {count!r} people. A count is a whole number, 0 or more."
            )
    for arm, share in shares.items():
        if not 0.0 < share < float("inf"):
            raise StatsError(f"Arm '{arm}' has the share {share!r}. It must be above 0 and finite.")


def _undefined(expected: Mapping[str, float], people: int) -> str | None:
    if people == 0:
        return "nobody is in any arm"
    smallest = min(expected, key=lambda arm: expected[arm])
    if len(expected) > 2 and expected[smallest] < _EXPECTED_MIN:
        return (
            f"only {expected[smallest]:.1f} people are expected in arm '{smallest}'; "
            f"the test needs {_EXPECTED_MIN:g}"
        )
    return None


def _p_value(counts: Mapping[str, int], expected: Mapping[str, float], people: int) -> float:
    if len(counts) == 2:
        arm = next(iter(counts))
        # Imported here: all of scipy.stats for a test that only the smallest arms need.
        from scipy.stats import binomtest

        return float(binomtest(counts[arm], people, expected[arm] / people).pvalue)
    square = sum((counts[arm] - expected[arm]) ** 2 / expected[arm] for arm in counts)
    return float(chdtrc(len(counts) - 1, square))


def _message(
    counts: Mapping[str, int],
    expected: Mapping[str, float],
    p_value: float | None,
    *,
    mismatch: bool | None,
    reason: str | None,
) -> str:
    if p_value is None:
        return f"The sizes of the arms cannot be checked: {reason}."
    if not mismatch:
        return f"The arms are about as large as planned (p = {p_value:.3g})."
    worst = max(counts, key=lambda arm: abs(counts[arm] - expected[arm]) / expected[arm] ** 0.5)
    return (
        f"The arms are not as large as planned: '{worst}' has {counts[worst]:,} people where about "
        f"{expected[worst]:,.0f} were expected (p = {p_value:.2g}). Find out who is missing or counted twice "
        "before believing any result."
    )
