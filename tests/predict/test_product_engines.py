"""Recommendations, next purchases, best times, demand and what networks read: the same on DuckDB and on Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from aimwell.cli.output import plain
from aimwell.history.moment import TIME_COLUMNS
from aimwell.predict.deep.reading import learning_rows
from aimwell.predict.demand.service import forecast_demand
from aimwell.predict.recommend.rules import Rules
from aimwell.predict.recommend.service import newest_recommender, recommend, train_recommender
from aimwell.predict.recommend.training import learn
from aimwell.predict.timing.best_time import best_times
from aimwell.predict.timing.next_purchase import next_purchases
from aimwell.store.stores import Stores
from engines_alike import assert_near
from shop import add_events, day, make_stores
from spark_here import spark_here
from tastes import LAST_DAY, TASTES, add_tastes

AS_OF = day(LAST_DAY)


def recommenders(stores: Stores) -> Any:
    return learn(stores, as_of=AS_OF, horizon_days=40, k=5).metrics


def lists(stores: Stores) -> Any:
    rules = Rules(kind="next-best", k=4, least_margin=0.2, most_per_category=2)
    found = recommend(stores, newest_recommender(stores), as_of=AS_OF, rules=rules)
    return [found.exclusions.to_dict(), found.table.to_pylist()]


def people(stores: Stores) -> Any:
    found = next_purchases(stores, as_of=AS_OF)
    return [found.to_dict(), found.people.to_pylist()]


def products(stores: Stores) -> Any:
    found = next_purchases(stores, as_of=AS_OF, by="product")
    return [found.to_dict(), found.people.to_pylist()]


def times(stores: Stores) -> Any:
    found = best_times(stores, as_of=AS_OF)
    return [found.to_dict(), found.people.to_pylist()]


def demand(stores: Stores) -> Any:
    found = forecast_demand(stores, as_of=AS_OF, level="category", horizon_days=14)
    return [found.to_dict(), found.series.to_pylist(), found.periods.to_pylist()]


def sequences(stores: Stores) -> Any:
    read = learning_rows(
        stores,
        AS_OF,
        horizon_days=30,
        moments=3,
        snapshot=stores.lake.pin(*TIME_COLUMNS),
        seed=0,
    )
    rows = [getattr(read.rows, field.name) for field in fields(read.rows)]
    return [
        [one.tolist() for one in rows if isinstance(one, np.ndarray)],
        read.watched.days.tolist(),
        read.watched.bought.tolist(),
        list(read.how.names),
    ]


QUESTIONS: list[Callable[[Stores], Any]] = [
    recommenders,
    lists,
    people,
    products,
    times,
    demand,
    sequences,
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("engines"), timezone="Europe/Berlin")
    add_tastes(opened, 240, stock=True)
    rng = np.random.default_rng(3)
    add_events(
        opened,
        [
            {
                "customer": f"buyer {int(rng.integers(240))}",
                "event": ("Product Viewed", "Product Added")[number % 2],
                "occurred_at": day(float(rng.uniform(0, 199))),
                "sku": f"{TASTES[number % 3]}-{number % 12:02}",
            }
            for number in range(600)
        ],
    )
    train_recommender(opened, as_of=AS_OF, horizon_days=40, k=5, now=AS_OF)
    yield opened
    opened.close()


@pytest.mark.long
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_spark_finds_what_duckdb_finds(stores: Stores, question: Callable[[Stores], Any]) -> None:
    on_spark = replace(stores, history_engine=spark_here())
    one, other = (plain(question(on)) for on in (stores, on_spark))
    assert len(str(one)) > 500
    assert_near(one, other)
