"""What care has found of a version, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aimwell.predict.care.model import Monitored, RealisedLoss

__all__ = ["realised_words"]


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


def _loss_words(done: RealisedLoss, day: Callable[[datetime], str]) -> str:
    gain, change = done.gain, done.gain_change
    told = [
        f"On {done.people:,} of {day(done.as_of)}, whose outcomes it had not seen: {done.measure} {done.loss:.4f}, better than "
        f"{done.dull} by {gain.estimate:+.4f} ({gain.lower:+.4f} to {gain.upper:+.4f})."
    ]
    if change.estimate is not None:
        told.append(
            f"When it was judged first it gained {(gain.estimate or 0) - change.estimate:+.4f} (change {change.estimate:+.4f}, "
            f"{change.lower:+.4f} to {change.upper:+.4f})."
        )
    if done.expected is not None and done.came is not None:
        told.append(f"Expected altogether {done.expected:,.1f}, came {done.came:,.1f}.")
    if done.stand_in is not None:
        told.append(f"As for then: {done.stand_in}.")
    return " ".join([*told, "Intervals of 99 %."])
