"""What outside data say of the region, the category or whatever else a person's traits name: climate, urban or rural,
prices of competitors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from aimwell.people.model import OutsideFact
from aimwell.store.engine import Session
from aimwell.store.sql import sql
from aimwell.unify.recency import Ageing, recency

__all__ = ["surroundings"]

# Of each series the newest statement before the moment; what was set at the same moment counts as received last.
_FACTS = """
    SELECT name, dimension, key, latest.text, latest.value, latest.set_at, latest.source FROM (
      SELECT m.name, m.dimension, m.key,
             arg_max(struct_pack(text := m.text, value := m.value, set_at := m.set_at, source := m.source),
                     (m.set_at, m.received_at)) AS latest
      FROM market AS m JOIN own AS o ON o.dimension = m.dimension AND o.key = lower(trim(m.key))
      WHERE CAST(m.set_at AS timestamptz) < :now
      GROUP BY m.name, m.dimension, m.key
    ) AS f
    ORDER BY dimension, name, key
    """


def surroundings(
    session: Session, own: Mapping[str, str], ages: Ageing, now: datetime
) -> tuple[OutsideFact, ...]:
    """The newest facts of `market` whose dimension is a name in `own` and whose key is its value, whatever its case."""
    session.bind(
        "own",
        pa.table(
            {
                "dimension": pa.array(list(own), pa.string()),
                "key": pa.array([value.strip().lower() for value in own.values()], pa.string()),
            }
        ),
    )
    half_life = ages.half_life("external")
    return tuple(
        OutsideFact(
            name,
            dimension,
            key,
            f"{value:,.6g}" if text is None else text,
            set_at,
            source,
            recency(now - set_at, half_life),
        )
        for name, dimension, key, text, value, set_at, source in session.rows(sql(_FACTS, now=now))
    )
