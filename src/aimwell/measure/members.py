"""Who of a campaign's people was in which segment when it began."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aimwell.decide.strata import combined
from aimwell.history.moment import Moment
from aimwell.measure.people import BoolArray, People
from aimwell.measure.queries import IN_GROUPS, IN_SEGMENTS
from aimwell.segment.membership.computing import compute
from aimwell.segment.membership.defined import Defined
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Grouping", "InSegments", "micro_groups", "of_segments", "within_strata"]


@dataclass(frozen=True, eq=False)
class InSegments:
    """Segments as they are written down now, looked at as of the start.

    Attributes:
        members: Segment → whether each of the people was in it.
        failures: Segment → why it could not be computed.
    """

    members: Mapping[str, BoolArray]
    failures: Mapping[str, str]


Grouping = Callable[[Moment, int], InSegments]
"""Who is in which segment, asked in a session at the start in which `members` (profile_id, position) of so many people is bound."""


def of_segments(segments: Defined) -> Grouping:
    """These segments, all of them in one pass."""

    def members(moment: Moment, people: int) -> InSegments:
        computed = compute(moment, segments.closures, segments.revisions)
        found = _nobody(sorted(computed.places), people)
        for segment, position in moment.session.rows(sql(IN_SEGMENTS)) if found else ():
            found[segment][position] = True
        return InSegments(found, {**segments.broken, **computed.failures})

    return members


def micro_groups(stores: Stores, name: str) -> Grouping:
    """The micro-segments of a kept model, by its rules.

    Raises:
        SegmentError: There is no such model.
    """
    from aimwell.segment.micro.model import MicroModel
    from aimwell.segment.models.files import read_model

    model, _version = read_model(stores, name, kind="micro_segments", read=MicroModel.from_json)

    def members(moment: Moment, people: int) -> InSegments:
        if moment.as_of < model.as_of:
            return InSegments(
                {},
                {
                    name: f"it was learnt of data up to {model.as_of:%Y-%m-%d}, after the campaign began, so it would know what came of it"
                },
            )
        moment.session.bind("grouped", model.people(moment))
        found = _nobody(sorted(model.rules), people)
        for group, position in moment.session.rows(sql(IN_GROUPS)):
            found[group][position] = True
        return InSegments(found, {})

    return members


def within_strata(people: People, found: InSegments) -> People:
    """The people with their strata, one for each combination of these segments, so that arms are compared within them."""
    code = combined(list(found.members.values()), len(people))
    if not code.any():
        return people
    marks = code[:, None] == np.arange(1, int(code.max()) + 1)[None, :]
    return replace(people, strata=marks.astype(np.float64))


def _nobody(names: Sequence[str], people: int) -> dict[str, BoolArray]:
    return {name: np.zeros(people, dtype=np.bool_) for name in names}
