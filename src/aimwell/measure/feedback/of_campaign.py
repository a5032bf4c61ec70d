"""What people said in a campaign's window, for its report: those contacted against those held out, and everybody against the year before."""

from __future__ import annotations

from dataclasses import dataclass

from aimwell.decide.model import Plan
from aimwell.measure.feedback.joined import Joined
from aimwell.measure.feedback.joined_service import feedback_of_campaign
from aimwell.measure.feedback.shifts import Shift
from aimwell.measure.feedback.shifts_service import feedback_shifts
from aimwell.measure.model import Span
from aimwell.store.stores import Stores

__all__ = ["SaidInWindow", "said_in_window"]


@dataclass(frozen=True, kw_only=True)
class SaidInWindow:
    """Marks and answers by numbers; what texts speak of takes a model, and has a command of its own.

    Attributes:
        answers: By question, the contacted and the held-out.
        shifts: Of all people, since the campaign began, of what can be told.
    """

    answers: Joined
    shifts: tuple[Shift, ...]


def said_in_window(stores: Stores, plan: Plan, span: Span) -> SaidInWindow | None:
    """What was said up to where the campaign is measured; None where nobody said anything, or of a trial."""
    if plan.trial:
        return None
    answers = feedback_of_campaign(stores, plan.plan_id, now=span.measured_until)
    moved = feedback_shifts(stores, now=span.measured_until, since=span.starts_at, topics=0).found
    told = tuple(one for one in moved if one.p_value is not None)
    return SaidInWindow(answers=answers, shifts=told) if answers.rows or told else None
