"""Who of a campaign's people was in which segment when it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from aimwell.decide.strata import combined
from aimwell.history.moment import Moment
from aimwell.measure.people import BoolArray, People
from aimwell.measure.queries import IN_SEGMENTS
from aimwell.segment.membership.computing import compute
from aimwell.segment.membership.defined import Defined
from aimwell.store.sql import sql

__all__ = ["InSegments", "members_at", "within_strata"]


@dataclass(frozen=True, eq=False)
class InSegments:
    """Segments as they are written down now, looked at as of the start.

    Attributes:
        members: Segment → whether each of the people was in it.
        failures: Segment → why it could not be computed.
    """

    members: Mapping[str, BoolArray]
    failures: Mapping[str, str]


def members_at(moment: Moment, segments: Defined, *, people: int) -> InSegments:
    """Compute segments in a session in which `members` (profile_id, position) is bound; all of them in one pass.

    Args:
        moment: Cut at the start.
        segments: Which.
        people: How many positions there are.
    """
    computed = compute(moment, segments.closures, segments.revisions)
    found = {name: np.zeros(people, dtype=np.bool_) for name in sorted(computed.places)}
    for segment, position in moment.session.rows(sql(IN_SEGMENTS)) if found else ():
        found[segment][position] = True
    return InSegments(found, {**segments.broken, **computed.failures})


def within_strata(people: People, found: InSegments) -> People:
    """The people with their strata, one for each combination of these segments, so that arms are compared within them."""
    code = combined(list(found.members.values()), len(people))
    if not code.any():
        return people
    marks = code[:, None] == np.arange(1, int(code.max()) + 1)[None, :]
    return replace(people, strata=marks.astype(np.float64))
