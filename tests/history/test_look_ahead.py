"""Nothing from a moment on changes what is known at it: no feature, no table that own features read, whenever the rows arrive."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from aimwell.definitions.feature_sql import FEATURE_TABLES
from aimwell.history import moment as moments
from aimwell.history.features import feature_names, features
from aimwell.history.moment import TIME_COLUMNS, Moment, open_moment
from aimwell.history.subscription_lives import subscription_lives, subscription_months
from aimwell.predict.own_features import join_own
from aimwell.store.stores import Stores
from any_rows import PEOPLE, add_rows, row
from shop import add_people, append, day, make_stores

OWN = {
    "orders": "SELECT profile_id, sum(revenue) AS value FROM order_lines GROUP BY profile_id",
    "newest": "SELECT profile_id, max(date_diff('day', ordered_at, :as_of)) AS value FROM purchases GROUP BY profile_id",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("look-ahead"))
    add_people(stores, [{"customer": name, "first_seen_at": day(0)} for name in PEOPLE])
    for seed in range(4):
        add_rows(stores, list(TIME_COLUMNS), seed, 0, 900)
    yield stores
    stores.close()


def known(stores: Stores, as_of: datetime) -> dict[str, list[Any]]:
    """All features, own ones, subscriptions and their months, and all rows of every table that own features may read."""
    with open_moment(stores, as_of=as_of) as moment:
        found = {"features": features(moment).to_pylist()}
        found["subscriptions"] = subscription_lives(moment).to_pylist()
        found["months"] = subscription_months(moment).to_pylist()
        query = join_own(moment, exp.select("f.profile_id").from_("profiles AS f"), OWN)
        found["own"] = moment.session.table(query.order_by("f.profile_id")).to_pylist()
        for table in FEATURE_TABLES:
            found[f"table {table}"] = _rows(moment, table)
    return found


def _rows(moment: Moment, table: str) -> list[str]:
    everything = moment.session.table(
        exp.select("*").from_(exp.Table(this=exp.to_identifier(table)))
    )
    return sorted(map(str, everything.to_pylist()))


def changed(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> list[str]:
    """What is not as it was: a part, or of people the column."""
    found = [name for name in before if name != "features" and before[name] != after[name]]
    for one, other in zip(before["features"], after["features"], strict=True):
        found += [f"feature {name}" for name in one if one[name] != other[name]]
    return sorted(set(found))


def _holds(stores: Stores, tables: list[str], seed: int, at: float) -> None:
    as_of = day(at)
    before = known(stores, as_of)
    add_rows(stores, tables, seed, at, at + 600)
    # The very moment is not before it.
    draw = random.Random(seed)  # noqa: S311
    for table in tables:
        append(stores, table, [row(table, stores, draw, as_of, [])])
    add_people(
        stores, [{"customer": f"new {seed} {at}", "first_seen_at": as_of + timedelta(hours=1)}]
    )
    assert changed(before, known(stores, as_of)) == []


some = st.lists(st.sampled_from(list(TIME_COLUMNS)), min_size=1, max_size=6, unique=True)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=some, seed=st.integers(10, 10**6), at=st.floats(50, 900))
def test_rows_from_the_moment_on_change_nothing_whenever_they_arrive(
    shop: Stores, tables: list[str], seed: int, at: float
) -> None:
    _holds(shop, tables, seed, at)


def test_rows_of_all_tables_at_once_change_nothing(shop: Stores) -> None:
    _holds(shop, list(TIME_COLUMNS), 7, 600)


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=some, seed=st.integers(10, 10**6), at=st.floats(50, 900))
def test_of_many_shops(shop: Stores, tables: list[str], seed: int, at: float) -> None:
    _holds(shop, tables, seed, at)


def test_rows_before_the_moment_do_change_features(shop: Stores) -> None:
    """Else the tests above would hold whatever was computed."""
    as_of = day(1000)
    before = known(shop, as_of)
    for seed in range(20, 24):
        add_rows(shop, list(TIME_COLUMNS), seed, 915, 999)
    found = changed(before, known(shop, as_of))
    same = set(feature_names()) - {one.removeprefix("feature ") for one in found}
    # A first time, and what was written long before the moment, need not hang on what came just before it.
    assert len(same) <= 10, same


# All but what only decisions read; a few of them each time, all of them in the long run.
QUICK = ("events", "order_lines", "usage")
READ = [
    pytest.param(table, marks=[] if table in QUICK else pytest.mark.long)
    for table in TIME_COLUMNS
    if table != "assignments"
]


@pytest.mark.parametrize("table", READ)
def test_a_cut_that_is_taken_away_is_noticed(
    shop: Stores, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    cut = moments._cut

    def uncut(
        name: str, whose: Callable[[], exp.Select], start: datetime | None, end: datetime
    ) -> exp.Expr:
        return whose() if name == table else cut(name, whose, start, end)

    monkeypatch.setattr(moments, "_cut", uncut)
    with pytest.raises(AssertionError, match=r"feature|table"):
        _holds(shop, [table], 11, 500)
