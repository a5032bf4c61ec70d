"""The same rules and tables on two engines, compared value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aimwell.history.moment import Moment, open_moment
from aimwell.segment.service import compiled, members_query
from aimwell.store.engine import Engine
from aimwell.store.sql import sql, union_all
from aimwell.store.stores import Stores
from town import segment

__all__ = ["alike", "assert_alike", "at_both", "batched", "drawn", "people_of"]


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal, a fraction but for its last digit."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-14) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def assert_alike(one: pa.Table, other: pa.Table) -> None:
    """The tables have the same columns, rows and values."""
    assert one.num_rows > 0
    assert one.column_names == other.column_names
    for name in one.column_names:
        pairs = zip(one[name].to_pylist(), other[name].to_pylist(), strict=True)
        assert [pair for pair in pairs if not alike(*pair)] == [], name


@contextmanager
def at_both(
    stores: Stores, engine: Engine, as_of: datetime, **more: Any
) -> Iterator[tuple[Moment, Moment]]:
    """The same moment on this machine's engine and on another."""
    with (
        open_moment(stores, as_of=as_of, **more) as one,
        open_moment(stores, as_of=as_of, engine=engine, **more) as other,
    ):
        yield one, other


def people_of(moment: Moment, rules: Sequence[Any]) -> dict[int, list[str]]:
    """Number of each rule that anybody fulfils → who does. One query, because each costs Spark a second."""
    parts = [
        sql(
            "SELECT profile_id, CAST(:number AS integer) AS rule FROM :members AS m",
            number=number,
            members=members_query(compiled(moment, segment(rule).rule)),
        )
        for number, rule in enumerate(rules)
    ]
    found: dict[int, list[str]] = {}
    for profile_id, number in sorted(moment.session.rows(union_all(parts))):
        found.setdefault(number, []).append(profile_id)
    return found


def drawn(strategy: st.SearchStrategy[Any], number: int) -> list[Any]:
    """So many examples of a strategy, to be tried together; the later ones are less simple."""
    found: list[Any] = []

    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(example: Any) -> None:
        found.append(example)

    keep()
    return found


def batched(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """The values in lists of so many."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
