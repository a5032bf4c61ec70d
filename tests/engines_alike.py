"""The same rules and tables on two engines, compared value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aimwell.history.moment import Moment, open_moment
from aimwell.segment.service import compiled, members_query
from aimwell.store.engine import Engine
from aimwell.store.sql import sql, union_all
from aimwell.store.stores import Stores
from town import segment

__all__ = [
    "alike",
    "assert_alike",
    "assert_near",
    "at_both",
    "batched",
    "drawn",
    "kind_of",
    "people_of",
]


def alike(one: Any, other: Any) -> bool:
    """Whether two values are equal, a fraction but for its last digit."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-14) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def kind_of(type_: pa.DataType) -> pa.DataType:
    """A column's type; decimals are of one kind, however many digits an engine gives them."""
    return pa.decimal128(38, 4) if pa.types.is_decimal(type_) else type_


def assert_alike(one: pa.Table, other: pa.Table) -> None:
    """The tables have the same columns, rows and values."""
    assert one.num_rows > 0
    assert [(field.name, kind_of(field.type)) for field in one.schema] == [
        (field.name, kind_of(field.type)) for field in other.schema
    ]
    for name in one.column_names:
        pairs = zip(one[name].to_pylist(), other[name].to_pylist(), strict=True)
        assert [pair for pair in pairs if not alike(*pair)] == [], name


def assert_near(one: Any, other: Any) -> None:
    """The documents are the same, numbers within what comes of adding in another order again and again."""
    if isinstance(other, Mapping):
        assert one.keys() == other.keys()
        pairs = [(one[key], other[key]) for key in other]
    elif isinstance(other, list | tuple):
        pairs = list(zip(one, other, strict=True))
    elif isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-9, nan_ok=True)
        return
    else:
        assert one == other
        return
    for first, second in pairs:
        assert_near(first, second)


@contextmanager
def at_both(
    stores: Stores, engine: Engine, as_of: datetime, **more: Any
) -> Iterator[tuple[Moment, Moment]]:
    """The same moment on this machine's engine and on another."""
    with (
        open_moment(stores, as_of=as_of, engine=stores.engine, **more) as one,
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
