"""For whom an occasion is, who buys for it, and which one is next for each person."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.occasion import Occasion
from aimwell.definitions.leaves.occasion import OccasionRule
from aimwell.errors import SegmentError
from aimwell.history.moment import Moment
from aimwell.segment.occasions.buyers import buyers_query
from aimwell.segment.occasions.people import matching, occasion_days
from aimwell.store.sql import sql, union_all

__all__ = ["next_occasions", "occasion_people", "stored_occasions"]


def occasion_people(moment: Moment, rule: OccasionRule) -> exp.Expr:
    """The people of a leaf: profile_id.

    Raises:
        UnknownDefinitionError: There is no such occasion.
        SegmentError: People would be singled out by what tells of a religion.
    """
    occasion = definitions.find(moment.stores.control, Occasion, rule.occasion)
    found = matching(moment, occasion, within=rule.within, past=rule.past)
    if rule.buys is None:
        return found
    if occasion.religious:
        raise SegmentError(
            f"Who buys for '{occasion.name}' tells of a religion; nobody is singled out by it. Ask for the occasion "
            "without `buys`."
        )
    return sql(
        "SELECT profile_id FROM :found AS f WHERE profile_id IN (SELECT profile_id FROM :buyers AS b WHERE probability >= :least)",
        found=found,
        buyers=buyers_query(moment, occasion),
        least=rule.buys,
    )


def stored_occasions(moment: Moment, names: Sequence[str] | None = None) -> tuple[Occasion, ...]:
    """The definitions of these names, or all. Raises UnknownDefinitionError."""
    control = moment.stores.control
    wanted = names or [name for _kind, name in definitions.names(control, "occasion")]
    return tuple(definitions.find(control, Occasion, name) for name in wanted)


def next_occasions(moment: Moment, occasions: Sequence[Occasion]) -> pa.Table:
    """The next occasion of each person who has one: profile_id, occasion, on, days (from the person's today on).

    Of several on one day the first by name.
    """
    queries = [
        sql(
            """
            SELECT profile_id, CAST(:name AS varchar) AS occasion, next_on, today FROM :days AS d
            WHERE next_on IS NOT NULL
            """,
            name=one.name,
            days=occasion_days(moment, one),
        )
        for one in occasions
        if one.when.way not in ("life_event", "trigger")
    ]
    if not queries:
        queries = [
            sql(
                "SELECT profile_id, '' AS occasion, CAST(NULL AS date) AS next_on, CAST(NULL AS date) AS today FROM known WHERE FALSE"
            )
        ]
        moment.bind_known()
    return moment.session.table(
        sql(
            """
            SELECT profile_id, occasion, next_on AS "on", date_diff('day', today, next_on) AS days
            FROM (
              SELECT *, row_number() OVER (PARTITION BY profile_id ORDER BY next_on, occasion) AS place FROM :all_of AS a
            ) AS p WHERE place = 1 ORDER BY profile_id
            """,
            all_of=exp.paren(union_all(queries)),
        )
    )
