"""What was known of people before they were assigned, each of them before a moment of their own.

Waves of a campaign draw the same people again, and who is held out stays held out. What people did since the first wave that drew them is
in part an effect of it: a learner that compares those who spent alike since then compares people of unlike taste, and takes off a part of what each
wave added. So what is known of a person ends at the first wave of the campaign that drew them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from aimwell.decide.stored import list_plans
from aimwell.decide.uplift.coding import Coding, coding_of
from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.definitions.special_data import Asks
from aimwell.errors import DecideError
from aimwell.history.features import feature_names
from aimwell.history.moment import Moment, open_moment
from aimwell.segment.attributes.people_table import (
    EVERYBODY,
    is_special,
    is_trait,
    nobody_has,
    people_table,
    plain_name,
    refuse_special,
)
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["MOMENT", "drawn_before", "features_known", "moments_of", "plain_traits"]

MOMENT = pa.timestamp("us", tz="UTC")
"""Of a column of moments."""

_DRAWN = """
SELECT profile_id, min(assigned_at) AS drawn_at FROM assignments
WHERE experiment = :experiment AND profile_id IS NOT NULL AND assigned_at < :as_of AND :wave
GROUP BY profile_id ORDER BY profile_id
"""


def drawn_before(
    stores: Stores, campaign: str, profiles: pa.Array, as_of: datetime, *, now: datetime
) -> pa.Array:
    """When an earlier wave of the campaign drew each of these people first; null where none did.

    Trials contact nobody, so nothing comes of them and they do not count.

    Args:
        stores: The workspace.
        campaign: Its name.
        profiles: Whom.
        as_of: When the wave that is looked at drew them.
        now: By whose identity people are told apart.
    """
    trials = [one.plan_id for one in list_plans(stores.control, campaign) if one.trial]
    wave = (
        sql("(plan_id IS NULL OR plan_id NOT IN :trials)", trials=trials) if trials else sql("TRUE")
    )
    with open_moment(stores, as_of=now) as moment:
        drawn = moment.session.table(sql(_DRAWN, experiment=campaign, as_of=as_of, wave=wave))
    places = pc.index_in(profiles, value_set=drawn.column("profile_id").combine_chunks())
    return drawn.column("drawn_at").combine_chunks().take(places).cast(MOMENT)


def moments_of(
    known_at: pa.Array | None, as_of: datetime, people: int
) -> Iterator[tuple[datetime, NDArray[np.intp]]]:
    """Each moment with the rows of those whose it is, the newest first.

    Args:
        known_at: Of each of the people; null, and None of all: `as_of`.
        as_of: The moment of the assignment.
        people: How many.
    """
    if known_at is None or known_at.null_count == people:
        yield as_of, np.arange(people)
        return
    moments = known_at.fill_null(pa.scalar(as_of, known_at.type))
    for moment in sorted(pc.unique(moments).to_pylist(), reverse=True):
        rows = pc.equal(moments, pa.scalar(moment, moments.type))
        yield moment.astimezone(UTC), np.flatnonzero(rows.to_numpy(zero_copy_only=False))


def features_known(
    stores: Stores,
    as_of: datetime,
    profiles: pa.Array,
    columns: Sequence[str],
    coding: Coding | None = None,
    *,
    known_at: pa.Array | None = None,
) -> tuple[pa.Table, Coding]:
    """What was known of these people before a moment, in their order, and its coding.

    Args:
        stores: The workspace.
        as_of: Nothing from this moment on is looked at.
        profiles: Whom.
        columns: Features and `trait:NAME`; none: all that are known.
        coding: As another experiment had it; default: learnt from these people.
        known_at: Another moment for some, as `moments_of` takes it. A trait of which nobody knew by then is unknown of them.

    Raises:
        DecideError: Nothing that differs between them was known.
        SegmentError: Nobody has a trait of `columns`, or it tells of a special category of data.
    """
    parts = list(moments_of(known_at, as_of, len(profiles)))
    with open_moment(stores, as_of=max(as_of, parts[0][0])) as newest:
        traits = plain_traits(newest)
        if coding is None:
            _refuse_unknown(newest, columns, traits)
    given = columns if coding is None else coding.columns
    wanted = list(given) or [*feature_names(), *(f"{TRAIT_PREFIX}{name}" for name in traits)]
    found: list[pa.Table] = []
    rows: list[NDArray[np.intp]] = []
    for until, mine in parts:
        with open_moment(stores, as_of=until) as moment:
            found.append(_known(moment, profiles.take(pa.array(mine)), wanted))
        rows.append(mine)
    table = _one_table(found, wanted)
    if len(rows) > 1:
        table = table.take(pa.array(np.argsort(np.concatenate(rows))))
    coding = coding or coding_of(table, wanted)
    if not coding.columns:
        raise DecideError(
            f"Nothing that differs between people was known of them before {as_of:%Y-%m-%d %H:%M %Z}, so nobody can be told from "
            "anybody. Collect their history or traits; what is dated at or after the assignment is not looked at."
        )
    return table, coding


def plain_traits(moment: Moment) -> list[str]:
    """Names of the traits that are known of anybody, without those of special categories."""
    rows = moment.session.rows(sql("SELECT DISTINCT name FROM traits ORDER BY name"))
    return [name for (name,) in rows if not is_special(moment, Asks("trait", name, "columns"))]


def _refuse_unknown(moment: Moment, columns: Sequence[str], traits: Sequence[str]) -> None:
    """Raise SegmentError for a trait of a special category, or that nobody has."""
    for name in map(plain_name, filter(is_trait, columns)):
        refuse_special(moment, Asks("trait", name, "columns"))
        if name not in traits:
            raise nobody_has(moment, name)


def _known(moment: Moment, profiles: pa.Array, wanted: Sequence[str]) -> pa.Table:
    """The wanted columns of these people; without the traits that nobody had by then."""
    there = set(plain_traits(moment))
    asked = [name for name in wanted if not is_trait(name) or plain_name(name) in there]
    known = people_table(moment, asked, among=EVERYBODY, visitors=True)
    places = pc.index_in(profiles, value_set=known.column("profile_id").combine_chunks())
    return known.take(places).select(asked)


def _one_table(tables: Sequence[pa.Table], wanted: Sequence[str]) -> pa.Table:
    """One below the other: a column that one of them lacks is null there, and one that is a number here and a text there is a text."""
    columns = {}
    for name in wanted:
        kinds = {one.column(name).type for one in tables if name in one.column_names}
        # Of what nobody had by then nothing says what it is.
        kind = kinds.pop() if len(kinds) == 1 else pa.string()
        columns[name] = pa.chunked_array(
            [
                one.column(name).cast(kind).combine_chunks()
                if name in one.column_names
                else pa.nulls(one.num_rows, kind)
                for one in tables
            ],
            kind,
        )
    return pa.table(columns)
