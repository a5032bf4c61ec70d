"""Counts what people said before a day and since, and tells what has shifted by the way that all troubles go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import numpy as np
from sqlglot import exp

from aimwell.errors import MeasureError
from aimwell.history.moment import Moment, open_moment
from aimwell.jobs.alerts import Alerts
from aimwell.measure.feedback.joined import Counted, Kind
from aimwell.measure.feedback.joined_service import said_in_numbers
from aimwell.measure.feedback.shifts import ALERTS, Shift, ShiftKind, shifts
from aimwell.measure.feedback.texts import Texts, texts_before
from aimwell.measure.feedback.topics import learn_topics
from aimwell.measure.model import plain_fields
from aimwell.segment.flows import month_starts
from aimwell.store.sql import sql, union_all
from aimwell.store.stores import Stores

__all__ = ["Shifts", "feedback_shifts", "tell_shifts"]

_BEFORE = timedelta(days=365)
_QUARTER = 3
_ELSE = "none of the topics"
_NAMED = 4
_LEARNT_MOST = 50_000

# Before the day each person's newest answer counts; since then the first, so that nothing that was counted is taken back.
_COUNTED = """
SELECT question, kind, later, count(*) FILTER (WHERE said > 0) AS good, count(*) FILTER (WHERE said = 0) AS middling,
       count(*) FILTER (WHERE said < 0) AS bad
FROM (
  SELECT question, kind, said, at >= :start AS later,
         row_number() OVER (PARTITION BY profile_id, question, at >= :start
                            ORDER BY CASE WHEN at >= :start THEN epoch_us(at) ELSE -epoch_us(at) END, said) AS place
  FROM :said AS s WHERE at >= :earliest
) AS n
WHERE place = 1
GROUP BY question, kind, later
"""


@dataclass(frozen=True, kw_only=True)
class Shifts:
    """All that is watched of feedback.

    Attributes:
        since: The day from which on answers are held against those of the year before it.
        found: One a figure.
        notes: What a reader must know.
    """

    since: datetime
    found: tuple[Shift, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return plain_fields(self)


def feedback_shifts(
    stores: Stores, *, now: datetime, since: datetime | None = None, topics: int = 8
) -> Shifts:
    """What marks, answers by numbers and topics of texts were in the year before a day, and are since.

    Args:
        stores: The workspace.
        now: Nothing from this moment on is seen.
        since: The day; default: the start of the present quarter.
        topics: How many to look for in the texts of before; 0: texts are not read.

    Raises:
        MeasureError: The day is to come.
    """
    start = since or _quarter(now, stores.settings.timezone)
    if start >= now:
        raise MeasureError(
            f"{start:%Y-%m-%d} is to come, so nothing has been said since. Name an earlier day."
        )
    with open_moment(stores, as_of=now) as moment:
        counted = _answers(moment, start)
        spoken, notes = (
            _topics(texts_before(moment, since=start - _BEFORE), start, topics)
            if topics
            else ({}, [])
        )
    return Shifts(since=start, found=shifts({**counted, **spoken}), notes=tuple(notes))


def tell_shifts(stores: Stores, found: Iterable[Shift], *, now: datetime) -> tuple[str, ...]:
    """Raise an alert for each shift for the worse and each topic that is spoken of more, and resolve those that are over."""
    alarms = {one.alert_key: one.words for one in found if one.alarm}
    return Alerts(stores.control, clock=lambda: now).keep(ALERTS, alarms)


def _quarter(now: datetime, timezone: str) -> datetime:
    """The start of the quarter in which the moment before this one lies."""
    starts = month_starts(now, _QUARTER, timezone)[:-1]
    local = [one.astimezone(ZoneInfo(timezone)) for one in starts]
    return next(
        one for one, at in zip(starts[::-1], local[::-1], strict=True) if at.month % _QUARTER == 1
    )


def _answers(
    moment: Moment, start: datetime
) -> dict[tuple[str, ShiftKind], tuple[Counted, Counted]]:
    rows = moment.session.rows(
        sql(
            _COUNTED,
            said=exp.Subquery(this=union_all(said_in_numbers(moment.stores))),
            start=start,
            earliest=start - _BEFORE,
        )
    )
    found: dict[tuple[str, ShiftKind], list[Counted]] = {}
    for question, kind, later, good, middling, bad in rows:
        assert kind in get_args(Kind)  # noqa: S101 - the queries name them
        pair = found.setdefault((question, kind), [Counted(0, 0, 0), Counted(0, 0, 0)])
        pair[later] = Counted(good, middling, bad)
    return {key: (before, after) for key, (before, after) in found.items()}


def _topics(
    texts: Texts, start: datetime, topics: int
) -> tuple[dict[tuple[str, ShiftKind], tuple[Counted, Counted]], list[str]]:
    """Topics are learnt from two of three texts of before; the third of them and the new ones are told by them, and so are alike to them."""
    at = int(start.timestamp() * 1e6)
    before = texts.one_each(np.flatnonzero(texts.at < at), newest=True)
    since = texts.one_each(np.flatnonzero(texts.at >= at), newest=False)
    held = np.arange(len(before)) % 3 == 2
    if not texts.words:
        return {}, []
    some = before[~held]
    some = some[:: len(some) // _LEARNT_MOST + 1]
    try:
        learnt = learn_topics([texts.words[row] for row in some], topics=topics)
    except MeasureError as error:
        return {}, [f"Topics are not watched: {error}"]
    old, new = (learnt.of([texts.words[row] for row in rows]) for rows in (before[held], since))
    names = {place: " ".join(words[:_NAMED]) for place, words in enumerate(learnt.names)}
    names[-1] = _ELSE
    found: dict[tuple[str, ShiftKind], tuple[Counted, Counted]] = {}
    for place, name in names.items():
        counts = [int((one == place).sum()) for one in (old, new)]
        found[name, "topic"] = (
            Counted(len(old) - counts[0], 0, counts[0]),
            Counted(len(new) - counts[1], 0, counts[1]),
        )
    return found, [
        f"Topics are learnt from two of three texts of before; of what nobody spoke of then, “{_ELSE}” rises.",
    ]
