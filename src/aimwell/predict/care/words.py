"""What care has found of a version, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aimwell.predict.care.model import Monitored, RealisedLoss
from aimwell.stats.estimate import Estimate

__all__ = ["realised_words", "totals"]

_LARGE = 1_000
"""From so much on, sums are told without decimals."""


def realised_words(found: Monitored, day: Callable[[datetime], str]) -> str:
    """How good it has been since, in a sentence or two; `day` tells a moment as people read it."""
    done = found.realised
    if done is None:
        return f"How good it has been since: {found.realised_reason}"
    if isinstance(done, RealisedLoss):
        return _loss_words(done, day)
    change, level = done.auc_change, done.level
    return (
        f"On {done.judgement.people:,} people of {day(done.as_of)}, whose outcomes it had not seen: AUC "
        f"{done.judgement.auc.estimate:.3f}, {change.estimate:+.3f} ({change.lower:+.3f} to {change.upper:+.3f}) against its card; "
        f"{done.judgement.base_rate.estimate:.1%} did it, {done.judgement.mean_predicted:.1%} were predicted "
        f"({level.estimate:+.1%}, {level.lower:+.1%} to {level.upper:+.1%}). Intervals of 99 %."
    )


def totals(expected: float, came: float) -> tuple[str, str]:
    """What was expected of all together and what came, large sums without decimals."""
    places = 0 if expected >= _LARGE else 1
    return f"{expected:,.{places}f}", f"{came:,.{places}f}"


def _loss_words(done: RealisedLoss, day: Callable[[datetime], str]) -> str:
    gain, change = done.gain, done.gain_change
    told = [
        f"On {done.people:,} {done.units} of {day(done.as_of)}, whose outcomes it had not seen: {done.measure} {done.loss:,.4f}, "
        f"{_against(gain, done.dull)}."
    ]
    if change.estimate is not None:
        told.append(
            f"When it was judged first it gained {(gain.estimate or 0) - change.estimate:+.4f} (change {change.estimate:+.4f}, "
            f"{change.lower:+.4f} to {change.upper:+.4f})."
        )
    if done.expected is not None and done.came is not None:
        told.append("Expected altogether {}, came {}.".format(*totals(done.expected, done.came)))
    if done.stand_in is not None:
        told.append(f"That first figure is of a stand-in: {done.stand_in}.")
    return " ".join([*told, "Intervals of 99 %."])


def _against(gain: Estimate, dull: str) -> str:
    """How a version stands to the dull rule, chance counted."""
    told = f"{gain.estimate:+.4f}"
    interval = f"{gain.lower:+.4f} to {gain.upper:+.4f}"
    if gain.lower is not None and gain.lower > 0:
        return f"better than {dull} by {told} ({interval})"
    if gain.upper is not None and gain.upper < 0:
        return f"worse than {dull} (a gain of {told}, {interval})"
    return f"no better than {dull} by more than chance (a gain of {told}, {interval})"
