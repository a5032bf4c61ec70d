"""Everybody's scores are the same whether DuckDB or Spark reads the people: features there, the model here, in Arrow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aimwell.cli.output import plain
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.fairness import fairness
from aimwell.predict.care.service import monitor, score
from aimwell.predict.registry import find_model
from aimwell.predict.scoring import stored_scores
from aimwell.store.stores import Stores, open_stores
from engines_alike import assert_near
from shop import add_events, add_touches, add_traits, append, day, make_stores
from spark_here import spark_here
from steady import add_steady
from subscribers import service

TRAINED, AS_OF = day(400), day(401)
LATER = day(419)
KINDS = ("propensity", "churn", "subscription-churn", "lifetime-value", "spend", "next-purchase")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, Path]]:
    """A shop with a model of each kind, learnt on DuckDB, and a copy of it."""
    stores = make_stores(tmp_path_factory.mktemp("shop"), margin_default=0.4)
    add_steady(stores, people=600, days=470)
    people = [f"c{one}" for one in range(0, 600, 3)]
    add_events(
        stores,
        [
            {
                "customer": one,
                "event": "Product Viewed",
                "sku": f"s{n}",
                "occurred_at": day(200 + n * 7),
            }
            for n in range(28)
            for one in people[n % 5 :: 5]
        ],
    )
    add_touches(
        stores,
        [
            {"customer": one, "event": event, "channel": "email", "occurred_at": day(300 + at)}
            for one in people
            for event, at in (("Email Sent", 1), ("Email Opened", 1.1))
        ],
    )
    append(stores, "subscriptions", service(stores, 1000, 3))
    genders = [(f"c{n}", "fm"[n % 2]) for n in range(600)]
    add_traits(
        stores,
        [
            {"customer": who, "name": "gender", "value": one, "set_at": day(0)}
            for who, one in genders
        ],
    )
    for asks in KINDS:
        told = {"kind": "prediction", "name": asks, "asks": asks, "horizon": "60d"}
        wanted = check({**told, **({"learners": ["boosted"]} if asks == "propensity" else {})})
        assert isinstance(wanted, Prediction)
        train_defined(stores, wanted, as_of=TRAINED, now=TRAINED)
    copy = tmp_path_factory.mktemp("copy") / "workspace"
    shutil.copytree(stores.root, copy)
    yield stores, copy
    stores.close()


@pytest.mark.long
@pytest.mark.parametrize("asks", KINDS)
def test_spark_scores_as_duckdb_does(shop: tuple[Stores, Path], asks: str) -> None:
    here, copy = shop
    there = replace(open_stores(copy), history_engine=spark_here())
    found = []
    for stores in (here, there):
        people = score(stores, asks, as_of=AS_OF, now=AS_OF)
        scores = stored_scores(stores, find_model(stores, asks), AS_OF)
        assert scores is not None
        assert scores.num_rows == people
        assert people > 100
        found.append(scores.to_pylist())
    there.close()
    assert_near(*found)


@pytest.mark.long
@pytest.mark.parametrize("asks", ["propensity", "churn", "spend", "lifetime-value"])
def test_spark_sees_the_same_shifts_and_the_same_groups(
    shop: tuple[Stores, Path], asks: str
) -> None:
    here, copy = shop
    there = replace(open_stores(copy), history_engine=spark_here())
    shifts = [monitor(stores, asks, as_of=LATER).to_dict() for stores in (here, there)]
    groups = [fairness(stores, asks, as_of=day(461)).to_dict() for stores in (here, there)]
    there.close()
    assert len(shifts[0]["shifts"]) >= 2
    assert len(groups[0]["groups"]) == 2
    assert_near(*map(plain, shifts))
    assert_near(*map(plain, groups))
