"""Whether what people say has shifted since a day, by tests that may be looked at daily.

Before the day a figure is known with an interval. Since then each person's first answer is held against the far end of that interval on
either side (`stats.rate_evidence`): the evidence is a supermartingale as long as the figure lies within, however often one looks. Marks and topics are
yes or no; of a net promoter score a promoter counts 0, a passive ½ and a detractor 1: the bet is convex in each answer, so for values between
0 and 1 it grows by no more than for yes and no of the same mean.

`ALPHA` is shared evenly by all figures that are watched at once (Bonferroni), half of each share goes to the interval of before, a quarter to
each side of the test: so all of it together cries wolf with a probability of `ALPHA` at most.

Source of the bound for bounded answers: Hoeffding (1963), Probability inequalities for sums of bounded random variables, equation 4.1;
Ville (1939) for all looks together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from aimwell.measure.feedback.joined import Counted
from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.net_score import net_score
from aimwell.stats.rate_evidence import always_valid_p, log_evidence

__all__ = ["ALERTS", "ALPHA", "FEWEST_BEFORE", "Shift", "ShiftKind", "shifts"]

ALERTS = "feedback:"
"""Keys of alerts about feedback begin so."""

ALPHA = 0.01
"""Of false alarms of all that is watched of feedback together, over all looks of a period."""

FEWEST_BEFORE = 50
"""Answers of before that are needed to hold new ones against them."""

ShiftKind = Literal["csat", "nps", "topic"]


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One figure before and since.

    Attributes:
        figure: 'reviews', survey and question, or the words of a topic. kind: csat and topic: a share 0-1; nps: points.
        before, since: Satisfied, net promoter score, or the topic's share, with plain intervals.
        answered_before, answered_since: People.
        direction: Where it went; None: no shift is shown.
        p_value: Of "it lies where it lay", both sides; holds at all looks together. None where it cannot be told.
        alarm: It got worse, or a topic is spoken of more.
        words: For a reader.
    """

    figure: str
    kind: ShiftKind
    before: Estimate
    since: Estimate
    answered_before: int
    answered_since: int
    direction: Literal["rose", "fell"] | None
    p_value: float | None
    alarm: bool
    words: str

    @property
    def alert_key(self) -> str:
        """Of its alert."""
        return f"{ALERTS}{self.kind}:{self.figure}"


def shifts(
    counted: Mapping[tuple[str, ShiftKind], tuple[Counted, Counted]], *, alpha: float = ALPHA
) -> tuple[Shift, ...]:
    """Each figure since a day against itself before.

    Args:
        counted: Figure and kind → answers before and since, one a person in each; of a topic `bad` are those who speak of it.
        alpha: For all of them together.
    """
    watched = sum(before.all >= FEWEST_BEFORE for before, _ in counted.values())
    return tuple(
        _shift(figure, kind, before, since, alpha / max(watched, 1))
        for (figure, kind), (before, since) in sorted(
            counted.items(), key=lambda one: (one[0][1], one[0][0])
        )
    )


def _shift(figure: str, kind: ShiftKind, before: Counted, since: Counted, alpha: float) -> Shift:
    known, new = _value(kind, before), _value(kind, since)
    direction: Literal["rose", "fell"] | None = None
    p_value, more_bad = None, False
    if before.all >= FEWEST_BEFORE and since.all:
        low, high = _bounds(kind, before, alpha / 2.0)
        bad = since.bad + since.middling / 2.0
        up = _evidence(bad, since.all, high)
        down = _evidence(since.all - bad, since.all, 1.0 - low)
        p_value = min(2.0 * always_valid_p(max(up, down)), 1.0)
        if p_value <= alpha / 2.0:
            more_bad = up > down
            direction = "rose" if more_bad == (kind == "topic") else "fell"
    return Shift(
        figure=figure,
        kind=kind,
        before=known,
        since=new,
        answered_before=before.all,
        answered_since=since.all,
        direction=direction,
        p_value=p_value,
        alarm=more_bad,
        words=_words(figure, kind, known, new, (before.all, since.all), direction),
    )


def _value(kind: ShiftKind, counts: Counted) -> Estimate:
    if kind == "nps":
        return net_score(*counts.three)
    return wilson(counts.bad if kind == "topic" else counts.good, counts.all)


def _bounds(kind: ShiftKind, before: Counted, alpha: float) -> tuple[float, float]:
    """How much of bad answers may have been usual: the ends of an interval of before."""
    if kind == "nps":
        one = net_score(*before.three, confidence=1.0 - alpha)
        assert one.lower is not None and one.upper is not None  # noqa: S101, PT018 - somebody answered
        return (1.0 - one.upper / 100.0) / 2.0, (1.0 - one.lower / 100.0) / 2.0
    one = wilson(before.bad, before.all, confidence=1.0 - alpha)
    assert one.lower is not None and one.upper is not None  # noqa: S101, PT018 - somebody answered
    return one.lower, one.upper


def _evidence(bad: float, n: int, limit: float) -> float:
    """Of "more than the limit"; nothing is more than all."""
    return float(log_evidence(bad, n, limit=limit)) if 0.0 < limit < 1.0 else -math.inf


def _words(
    figure: str,
    kind: ShiftKind,
    known: Estimate,
    new: Estimate,
    counts: tuple[int, int],
    direction: str | None,
) -> str:
    what = {
        "csat": f"Satisfied ({figure})",
        "nps": f"Net promoter score ({figure})",
        "topic": f"Texts that speak of “{figure}”",
    }[kind]

    def told(one: Estimate) -> str:
        if one.estimate is None:
            return "nobody"
        return f"{one.estimate:+.0f}" if kind == "nps" else f"{100 * one.estimate:.1f}%"

    figures = f"{told(new)} of {counts[1]:,}, before {told(known)} of {counts[0]:,}"
    if counts[0] < FEWEST_BEFORE:
        return f"{what}: {figures}; under {FEWEST_BEFORE} of before are too few to hold it against."
    if not counts[1]:
        return f"{what}: nobody has answered since; before {told(known)} of {counts[0]:,}."
    if direction is None:
        return f"{what}: {figures}; no shift is shown."
    return f"{what} {direction}: {figures}."
