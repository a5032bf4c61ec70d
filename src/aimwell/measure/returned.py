"""Goods that were sold in a campaign's window and came back after it: what the lift of revenue is with them off.

The window's figures count what came back within it, in both groups alike. Later returns are seen when the plan is measured again, and since
people who were talked into buying may return more, they are compared as everything else is: by person, contacted against held-out.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from aimwell.history.moment import open_moment
from aimwell.measure.formatting import date_words, money, money_interval
from aimwell.measure.lifts import lift_of_values
from aimwell.measure.model import Revision, Span
from aimwell.measure.people import People
from aimwell.measure.queries import RETURNED
from aimwell.measure.reading import Reading
from aimwell.stats.samples import FloatArray
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["read_returned", "revision_of"]

_SEEN = 0.005
"""A penny a person, rounded; less would read as nothing."""


def read_returned(stores: Stores, reading: Reading, span: Span, *, now: datetime) -> FloatArray:
    """Of each person, what was sold in the window and came back since its end; revenue, 0 or more."""
    found = np.zeros(len(reading.people))
    with open_moment(stores, as_of=span.starts_at, horizon=now - span.starts_at) as moment:
        moment.session.bind(
            "members",
            pa.table(
                {
                    "profile_id": reading.profiles,
                    "position": pa.array(range(len(reading.profiles)), pa.int64()),
                }
            ),
        )
        for position, revenue in moment.session.rows(sql(RETURNED, ends=span.ends_at)):
            found[position] = round(revenue, 4)
    return found


def revision_of(
    people: People,
    returned: FloatArray,
    *,
    now: datetime,
    seed: int,
    permutations: int,
    currency: str,
    timezone: str,
) -> Revision | None:
    """What later returns change; None where nothing came back or nobody was held out.

    Args:
        people: All assigned people.
        returned: As `read_returned` gives it.
        now: Up to when returns were looked for.
        seed, permutations: Of the randomisation test.
        currency, timezone: In which a reader sees it.
    """
    if not returned.any() or people.treated.all():
        return None
    treated = people.treated
    before, after, gone = (
        lift_of_values(people, values, seed=seed, permutations=permutations)
        for values in (people.revenue, people.revenue - returned, returned)
    )
    total = float(returned.sum())
    each = float(returned[treated].mean()), float(returned[~treated].mean())
    start = f"Since the window closed {money(total, currency)} of what was sold in it came back (up to {date_words(now, timezone)}"
    if max(each) >= _SEEN:
        start = f"{start}: {money(each[0], currency, 2)} a contacted person, {money(each[1], currency, 2)} a held-out one"
    first, second = before.total, after.total
    if first.estimate is None or second.estimate is None:
        changed = f"with that off, what sending added is not known: {second.reason or first.reason}"
    elif gone.difference.covers(0.0):
        changed = "that contacted people returned more or less than held-out ones is within chance, so the figures stand"
    else:
        change = second.estimate - first.estimate
        changed = (
            f"with that off sending added {money(second.estimate, currency)} of revenue ({money_interval(second, currency)}), "
            f"{money(abs(change), currency)} {'less' if change < 0 else 'more'} than in the window alone. The other figures are those of the "
            "window; of profit, the margin of what came back goes too"
        )
    return Revision(
        until=now,
        returned_treated=float(returned[treated].sum()),
        returned_control=float(returned[~treated].sum()),
        difference=after.difference,
        total=second,
        sentence=f"{start}); {changed}.",
    )
