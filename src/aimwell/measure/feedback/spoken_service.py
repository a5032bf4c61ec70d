"""What segments, personas' groups and the arms of a campaign speak of, from the texts in the vault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import MeasureError
from aimwell.history.moment import Moment, open_moment
from aimwell.measure.feedback.joined_service import ARMS_DRAWN, arms_of
from aimwell.measure.feedback.spoken import Spoken, spoken
from aimwell.measure.feedback.texts import texts_before
from aimwell.measure.feedback.topics import learn_topics, sounds_satisfied
from aimwell.segment.divisions import divide
from aimwell.store.stores import Stores

__all__ = ["spoken_by", "spoken_of_campaign"]

_WHO = "Of each writer the newest text counts; topics are learnt from all texts, also of unknown writers."


def spoken_by(
    stores: Stores,
    by: str,
    *,
    until: datetime,
    since: datetime | None = None,
    topics: int = 8,
) -> Spoken:
    """What the groups of a division speak of; without rows, and with the reason, where there are too few texts.

    Args:
        stores: The workspace.
        by: As `segment.divisions.divide` takes it.
        until: Up to when; people are in their groups as of then.
        since: Only texts from then on.
        topics: How many to look for.

    Raises:
        SegmentError: There is no such division.
    """
    with open_moment(stores, as_of=until) as moment:
        division = divide(moment, by)
        notes = [_WHO, *([division.note] if division.note else [])]
        return _spoken(moment, division.groups, division.title, notes, since=since, topics=topics)


def spoken_of_campaign(stores: Stores, plan_id: str, *, now: datetime, topics: int = 8) -> Spoken:
    """What those whom a plan contacted wrote in its window, against those it held out.

    Raises:
        DecideError: There is no such plan.
        MeasureError: It has not begun, or is a trial.
    """
    with arms_of(stores, plan_id, now=now) as (moment, groups, title, since):
        return _spoken(moment, groups, title, [_WHO, ARMS_DRAWN], since=since, topics=topics)


def _spoken(
    moment: Moment,
    groups: pa.Table,
    by: str,
    notes: Sequence[str],
    *,
    since: datetime | None,
    topics: int,
) -> Spoken:
    texts = texts_before(moment)
    try:
        learnt = learn_topics(texts.words, topics=topics)
    except MeasureError as error:
        return Spoken(by=by, topics=(), sounds=(), notes=(str(error),))
    sound = sounds_satisfied(learnt.weights, texts.marks)
    places = pc.index_in(texts.profiles, value_set=groups.column("profile_id").combine_chunks())
    chosen = np.asarray(pc.is_valid(places).to_numpy(zero_copy_only=False), dtype=bool)
    chosen &= np.asarray(pc.is_valid(texts.profiles).to_numpy(zero_copy_only=False), dtype=bool)
    if since is not None:
        chosen &= texts.at >= int(since.timestamp() * 1e6)
    rows = texts.one_each(np.flatnonzero(chosen), newest=True)
    return spoken(
        groups.column("group").combine_chunks().take(places.take(pa.array(rows))).to_pylist(),
        learnt.belongs[rows],
        learnt.names,
        sound if isinstance(sound, str) else sound[rows],
        by=by,
        notes=notes,
    )
