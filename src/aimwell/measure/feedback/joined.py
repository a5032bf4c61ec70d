"""What groups of people say: how satisfied they are and whether they would recommend, each group against all others. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from aimwell.measure.model import plain_fields
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import newcombe, wilson
from aimwell.stats.multiplicity import benjamini_hochberg
from aimwell.stats.net_score import net_score, net_score_change

__all__ = ["Counted", "GroupFeedback", "Joined", "joined"]

Kind = Literal["csat", "nps"]


@dataclass(frozen=True)
class Counted:
    """Newest answers of a group's people: good, middling and bad ones. Of marks (CSAT) nothing is middling."""

    good: int
    middling: int
    bad: int

    @property
    def all(self) -> int:
        """How many answered."""
        return self.good + self.middling + self.bad

    @property
    def three(self) -> tuple[int, int, int]:
        """As `stats.net_score` takes them."""
        return self.good, self.middling, self.bad


@dataclass(frozen=True, kw_only=True)
class GroupFeedback:
    """One question in one group.

    Attributes:
        question: 'reviews', or survey and question. kind: csat: a share 0-1; nps: points from -100 to 100.
        group: Of people. answered: How many of it, each by the newest answer.
        value: Satisfied, or net promoter score.
        against_others: Difference from all other people who answered, in probability points or points.
        q_value: Of that difference, after Benjamini and Hochberg over all questions and groups.
    """

    question: str
    kind: Kind
    group: str
    answered: int
    value: Estimate
    against_others: Estimate
    q_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Joined:
    """What all groups say.

    Attributes:
        by: How people were divided.
        rows: One a question and group that anybody answered.
        notes: What a reader must know.
    """

    by: str
    rows: tuple[GroupFeedback, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_fields(self)


def joined(
    counted: Mapping[tuple[str, Kind, str], Counted], *, by: str, notes: Sequence[str] = ()
) -> Joined:
    """Each group against all others.

    Args:
        counted: Question, kind and group → answers; groups of one question share nobody.
        by: How people were divided.
        notes: To be told.
    """
    rows = []
    for (question, kind, group), mine in sorted(counted.items()):
        others = [one for key, one in counted.items() if key[:2] == (question, kind) and key[2] != group]  # fmt: skip
        rest = Counted(
            sum(one.good for one in others),
            sum(one.middling for one in others),
            sum(one.bad for one in others),
        )
        rows.append(_row(question, kind, group, mine, rest))
    q_values = benjamini_hochberg([one.against_others.p_value for one in rows])
    return Joined(
        by=by,
        rows=tuple(replace(one, q_value=q) for one, q in zip(rows, q_values, strict=True)),
        notes=tuple(notes),
    )


def _row(question: str, kind: Kind, group: str, mine: Counted, rest: Counted) -> GroupFeedback:
    if kind == "nps":
        value = net_score(*mine.three)
        against = net_score_change(rest.three, mine.three)
    else:
        value = wilson(mine.good, mine.all)
        against = newcombe(
            treated_successes=mine.good,
            treated_n=mine.all,
            control_successes=rest.good,
            control_n=rest.all,
        )
    return GroupFeedback(
        question=question,
        kind=kind,
        group=group,
        answered=mine.all,
        value=value,
        against_others=against,
    )
