"""What groups of people say, as the lines of a table."""

from __future__ import annotations

from aimwell.measure.feedback.joined import GroupFeedback
from aimwell.measure.formatting import count, percent, signed_number
from aimwell.stats.estimate import Estimate

__all__ = ["figures", "said_row"]

_SURE = 0.05


def said_row(one: GroupFeedback) -> dict[str, str]:
    """One question in one group."""
    nps = one.kind == "nps"
    return {
        "question": one.question,
        "what": "net promoter score" if nps else "satisfied",
        "group": one.group,
        "answered": count(one.answered),
        **figures(one.value, one.against_others, one.q_value, points_alone=nps),
    }


def figures(
    value: Estimate, against: Estimate, q_value: float | None, *, points_alone: bool = False
) -> dict[str, str]:
    """A figure and what it differs by from all others: a share and points, or points alone."""

    def points(figure: float | None) -> str:
        return "–" if figure is None else signed_number(figure * (1 if points_alone else 100), 0)

    def plain(figure: float | None) -> str:
        if points_alone:
            return points(figure)
        return "–" if figure is None else percent(100.0 * figure)

    sure = q_value is not None and q_value <= _SURE
    return {
        "value": plain(value.estimate),
        "range": value.reason or f"{plain(value.lower)} to {plain(value.upper)}",
        "against": points(against.estimate) + ("*" if sure else ""),
        "against_range": against.reason or f"{points(against.lower)} to {points(against.upper)}",
    }
