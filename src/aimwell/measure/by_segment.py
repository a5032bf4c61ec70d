"""What sending added in each segment, many segments and metrics at once, corrected for their number.

By sums (`stats.group_sums`) with CUPED (and within the strata in which arms were dealt out) and Welch's interval; where a segment has few buyers or very skewed outcomes, the rule of
`stats.lift` takes over for that row, as in a campaign's report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aimwell.decide.model import Plan
from aimwell.errors import MeasureError
from aimwell.measure.formatting import count, count_of, percent
from aimwell.measure.lifts import NO_CONTROL, lift_of
from aimwell.measure.members import InSegments
from aimwell.measure.model import Metric, Span, plain_fields
from aimwell.measure.people import BoolArray, People
from aimwell.stats.estimate import Estimate
from aimwell.stats.group_sums import (
    GROUPS_A_WORD,
    GroupLift,
    GroupSums,
    corrected,
    lifts_of_groups,
)
from aimwell.stats.stratified_sums import StratifiedSums

__all__ = ["SURE", "SegmentLifts", "segment_lifts"]

SURE = 0.05
"""Corrected p-values up to this are findings: at most this share of them is expected to be false."""

_BY_GROUP = "arms were drawn by group, and a group may lie in a segment and outside of it, so who is not in it is no other sample"


@dataclass(frozen=True, kw_only=True)
class SegmentLifts:
    """The lift of each metric in each segment.

    Attributes:
        plan_id, campaign: What was measured.
        currency: Of money.
        span: When outcomes count.
        everyone: One row a metric, of all assigned people.
        rows: One row a segment and metric, with p-values corrected for their number.
        sentence: What a reader should take from it.
        notes: What to know before believing it.
    """

    plan_id: str
    campaign: str
    currency: str
    span: Span
    everyone: tuple[GroupLift, ...]
    rows: tuple[GroupLift, ...]
    sentence: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: plain values, times in ISO 8601."""
        body = plain_fields(self)
        body["span"]["finished"] = self.span.finished
        return body


def segment_lifts(
    people: People,
    in_segments: InSegments | None,
    *,
    plan: Plan,
    span: Span,
    currency: str,
    metrics: Sequence[Metric] | None = None,
    seed: int,
    reached_nobody: bool = False,
) -> SegmentLifts:
    """Treated against held-out in every segment, and where the effect differs from that on all who are not in it.

    Args:
        people: All assigned people.
        in_segments: Who was in which segment at the start.
        plan: What is measured.
        span: When outcomes count; while it is open, intervals hold at all looks together.
        currency: Of money.
        metrics: Default: all that are known.
        seed: Of the randomisation test.
        reached_nobody: Nobody was really contacted, so that every difference is chance.

    Raises:
        MeasureError: Margin is asked for and unknown.
    """
    known: list[Metric] = ["revenue", "orders", "conversion"]
    if not people.margin_unknown:
        known.insert(1, "margin")
    asked = list(metrics) if metrics is not None else known
    if "margin" in asked and "margin" not in known:
        raise MeasureError(
            f"The margin of what {count_of(people.margin_unknown, 'person', 'people')} bought is unknown. Set margin_default, or ask for another metric."
        )
    members = {} if in_segments is None else in_segments.members
    sums = _added_up(people, members, asked)
    found = lifts_of_groups(sums, fraction=span.fraction)
    everyone = tuple(_by_the_rule(row, people, span, seed) for row in found[: len(asked)])
    rows = corrected(
        [
            _by_the_rule(row, people.take(members[row.group]), span, seed)
            for row in found[len(asked) :]
        ]
    )
    return SegmentLifts(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        currency=currency,
        span=span,
        everyone=everyone,
        rows=rows,
        sentence=_sentence(rows, people, reached_nobody=reached_nobody),
        notes=_notes(
            rows,
            span,
            {} if in_segments is None else in_segments.failures,
            reached_nobody=reached_nobody,
        ),
    )


def _added_up(
    people: People, in_segment: Mapping[str, BoolArray], metrics: Sequence[Metric]
) -> GroupSums:
    strata = people.strata
    stratified = (
        None
        if strata is None
        else StratifiedSums(groups=list(in_segment), metrics=metrics, strata=strata.shape[1] + 1)
    )
    sums = stratified or GroupSums(groups=list(in_segment), metrics=metrics)
    bits = np.zeros((len(people), sums.words), dtype=np.int64)
    for group, members in enumerate(in_segment.values()):
        word, bit = divmod(group, GROUPS_A_WORD)
        bits[:, word] |= members.astype(np.int64) << bit
    outcomes = np.column_stack([people.outcome(metric) for metric in metrics])
    before = np.repeat(people.spend_before[:, None], len(metrics), axis=1)
    if stratified is None or strata is None:
        sums.add(treated=people.treated, bits=bits, outcomes=outcomes, before=before)
        return sums
    number = np.asarray(strata @ np.arange(1, strata.shape[1] + 1), dtype=np.int64)
    stratified.add_within(
        number, treated=people.treated, bits=bits, outcomes=outcomes, before=before
    )
    return stratified


def _by_the_rule(row: GroupLift, people: People, span: Span, seed: int) -> GroupLift:
    """The row as a campaign's report would measure these people, where Welch's interval is not to be trusted."""
    if row.caution is None and people.cluster is None:
        return row
    metric: Metric = row.metric  # type: ignore[assignment]
    lift = lift_of(people, metric, seed=seed, fraction=span.fraction)
    found = replace(row, difference=lift.difference, relative=lift.relative)
    if people.cluster is None or not row.against_others.defined:
        return found
    return replace(
        found, against_others=Estimate.missing(_BY_GROUP, method=row.against_others.method)
    )


def _sentence(rows: Sequence[GroupLift], people: People, *, reached_nobody: bool) -> str:
    if people.treated.all():
        return f"No lift of any segment can be given: {NO_CONTROL}."
    if not rows:
        return "There is no segment to look at."
    segments = len({row.group for row in rows})
    lifted = {r.group for r in rows if r.p_adjusted is not None and r.p_adjusted <= SURE}
    differ = {
        r.group for r in rows if r.p_adjusted_others is not None and r.p_adjusted_others <= SURE
    }
    made = (
        "the groups differ by more than chance usually leaves, though nobody was contacted"
        if reached_nobody
        else "sending made a difference"
    )
    first = (
        f"In {count(len(lifted))} of {count(segments)} segments {made}"
        if lifted
        else f"In none of {count(segments)} segments can a difference be told from chance"
    )
    second = (
        f"the effect differs from that on everybody else in {count(len(differ))}: {', '.join(sorted(differ))}"
        if differ
        else "that the effect differs between segments cannot be told either"
        if not lifted
        else "that the effect differs between segments cannot be told"
    )
    return f"{first}; {second}."


def _notes(
    rows: Sequence[GroupLift], span: Span, failures: Mapping[str, str], *, reached_nobody: bool
) -> tuple[str, ...]:
    found = [
        f"Segments as they were at the start. Each interval holds by itself; of the findings (corrected p up to {SURE:g}) at most "
        f"{percent(100 * SURE, 0)} are expected to be false (Benjamini and Hochberg over {count(len(rows))} rows)."
    ]
    if reached_nobody:
        found.insert(0, "Nobody was contacted: this was a trial, so every difference is chance.")
    if not span.finished:
        found.append("The window is not over; the intervals hold at all looks together.")
    empty = sorted({r.group for r in rows if r.treated_n + r.control_n == 0})
    if empty:
        found.append(f"Nobody of the campaign was in {', '.join(empty)} when it began.")
    found.extend(
        f"{name} could not be computed: {reason}" for name, reason in sorted(failures.items())
    )
    return tuple(found)
