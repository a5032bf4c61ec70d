"""Own features as Python functions over Arrow: what they see, what they may give, and that none runs where it is not allowed."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.feature import Feature
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.service import apply
from aimwell.errors import DefinitionError, FunctionChangedError, PredictError
from aimwell.predict.care.caring import care_for, train_defined
from aimwell.predict.care.questions import question_of
from aimwell.predict.care.service import compare
from aimwell.predict.own_functions import own_function
from aimwell.predict.questions import Question
from aimwell.predict.registry import find_model
from aimwell.predict.service import score_propensity
from aimwell.predict.training import feature_table
from aimwell.store.stores import Stores
from child import eventually
from shop import add_orders, add_traits, day, make_stores, origin
from steady import add_steady

MONTH = timedelta(days=30)
BASKET = '''
"""Features of the shop."""
import fcntl
import os
import subprocess
import time
from os import getcwd

import pyarrow as pa
import pyarrow.compute as pc


def spend(tables, as_of):
    """Revenue and orders of each person."""
    found = tables["purchases"].group_by("profile_id").aggregate([("revenue", "sum"), ("revenue", "count")])
    return found.rename_columns(["profile_id", "money", "orders"])


def newest(tables, as_of):
    found = tables["orders"].group_by("profile_id").aggregate([("ordered_at", "max")])
    return pa.table({"profile_id": found["profile_id"],
                     "value": [(as_of - at).total_seconds() / 86400 for at in found["ordered_at_max"].to_pylist()]})


def traits(tables, as_of):
    names = tables["traits"]["name"].to_pylist()
    assert "religion" not in names, names
    found = tables["traits"].filter(pc.equal(tables["traits"]["name"], "age"))
    return pa.table({"profile_id": found["profile_id"], "value": pc.cast(found["value"], pa.float64())})


def environment(tables, as_of):
    assert not [name for name in os.environ if name.startswith("AIMWELL")]
    return pa.table({"profile_id": tables["profiles"]["profile_id"], "value": pa.nulls(tables["profiles"].num_rows)})


def forever(tables, as_of):
    held = open(__file__ + ".held", "w")
    fcntl.flock(held, fcntl.LOCK_EX)
    subprocess.Popen(["sleep", "60"], pass_fds=[held.fileno()])
    time.sleep(60)


def dies(tables, as_of):
    os._exit(9)


def leaves(tables, as_of):
    os._exit(0)


def fails(tables, as_of):
    return 1 / 0


def no_table(tables, as_of):
    return 7


def other_columns(tables, as_of):
    return pa.table({"profile_id": tables["profiles"]["profile_id"], "wrong": [1.0] * tables["profiles"].num_rows})


def words(tables, as_of):
    return pa.table({"profile_id": tables["profiles"]["profile_id"], "value": ["a"] * tables["profiles"].num_rows})


def infinite(tables, as_of):
    return pa.table({"profile_id": tables["profiles"]["profile_id"], "value": [float("inf")] * tables["profiles"].num_rows})


def twice(tables, as_of):
    ids = tables["profiles"]["profile_id"].to_pylist()
    return pa.table({"profile_id": ids + ids[:3], "value": [1.0] * (len(ids) + 3)})


def strangers(tables, as_of):
    return pa.table({"profile_id": ["nobody"], "value": [1.0]})


def nobody(tables, as_of):
    return pa.table({"profile_id": pa.array([], pa.string()), "value": pa.array([], pa.int64())})
'''


def feature(function: str, *tables: str, **more: Any) -> Feature:
    found = check(
        {
            "kind": "feature",
            "name": "x",
            "formula": "x",
            "function": function,
            "tables": list(tables or ("profiles",)),
            **more,
        }
    )
    assert isinstance(found, Feature)
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("shop"), own_functions=True)
    add_steady(stores, people=400, days=320)
    rows = [
        {"customer": f"c{n}", "name": name, "value": str(value), "set_at": day(1)}
        for n in range(20)
        for name, value in (("age", 20 + n), ("religion", n))
    ]
    add_traits(stores, rows)
    (stores.folder("features") / "basket.py").write_text(BASKET, encoding="utf-8")
    yield stores
    stores.close()


def values(
    stores: Stores, wanted: Feature, number: str | None = None, at: float = 300, **more: Any
) -> dict[str, float]:
    own = own_function(stores, wanted, number).settings()
    asked = Question(columns=("orders", "own:x"), own={"x": own})
    ids, table = feature_table(stores, as_of=day(at), horizon=MONTH, question=asked, **more)
    return dict(zip(ids.to_pylist(), table.values[:, 1].tolist(), strict=True))


SPEND = {"columns": ["money", "orders"]}


def test_numbers_are_those_of_the_catalogue_where_they_ask_the_same(shop: Stores) -> None:
    wanted = feature("basket:spend", "purchases", **SPEND)
    own = {name: own_function(shop, wanted, name).settings() for name in ("money", "orders")}
    own = {f"x.{name}": one for name, one in own.items()}
    asked = Question(columns=("revenue", "own:x.money", "orders", "own:x.orders"), own=own)
    for at in (100, 300):
        _, table = feature_table(shop, as_of=day(at), horizon=MONTH, question=asked)
        known = ~np.isnan(table.values[:, 1])
        assert known.any()
        assert not known.all()
        assert table.values[known, 1] == pytest.approx(table.values[known, 0])
        assert table.values[known, 3].tolist() == table.values[known, 2].tolist()
        # Whom it missed has no value, and not 0.
        assert table.values[~known, 2].tolist() == [0.0] * int((~known).sum())


def test_it_sees_nothing_later(shop: Stores) -> None:
    found = values(shop, feature("basket:newest", "orders"), at=200)
    assert min(one for one in found.values() if not np.isnan(one)) > 0
    before = values(shop, feature("basket:spend", "purchases", **SPEND), "money", at=310)
    add_orders(
        shop, [{"customer": "c1", "order_id": "late", "ordered_at": day(315), "revenue": 999}]
    )
    after = values(shop, feature("basket:spend", "purchases", **SPEND), "money", at=310)
    assert after == pytest.approx(before, nan_ok=True)


def test_in_buckets_and_of_a_few_people_it_gives_the_same(shop: Stores) -> None:
    whole = values(shop, feature("basket:newest", "orders"))
    parts = values(shop, feature("basket:newest", "orders", buckets=3))
    assert parts == pytest.approx(whole, nan_ok=True)
    some = sorted(whole)[:7]
    few = values(shop, feature("basket:newest", "orders"), people=some)
    assert few == pytest.approx({one: whole[one] for one in some}, nan_ok=True)


def test_traits_of_a_special_category_and_keys_are_not_seen(shop: Stores) -> None:
    ages = values(shop, feature("basket:traits", "traits"))
    assert ages[origin(shop, "c3")] == 23
    assert all(np.isnan(one) for one in values(shop, feature("basket:environment")).values())


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("fails", r"features/basket.py, line \d+\): ZeroDivisionError: division by zero"),
        ("dies", "ended its process"),
        ("leaves", r"ended its process \(0\) and gave nothing"),
        ("no_table", "must give a pyarrow.Table; it gave int"),
        ("other_columns", "gives the columns profile_id, wrong; it must give profile_id, value"),
        ("words", "it must be a number"),
        ("infinite", "people infinity or no number"),
        ("twice", "a row a person at most"),
        ("strangers", "1 people who are not known"),
        ("getcwd", "the module defines no function 'getcwd'"),
        ("nowhere", "the module defines no function 'nowhere'"),
    ],
)
def test_what_it_does_wrong_is_told_by_its_name(shop: Stores, function: str, told: str) -> None:
    with pytest.raises(PredictError, match=told) as error:
        values(shop, feature(f"basket:{function}"))
    assert f"basket:{function}" in str(error.value)


def test_whom_it_gives_nothing_is_missing(shop: Stores) -> None:
    assert all(np.isnan(one) for one in values(shop, feature("basket:nobody")).values())


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"function": "basket"}, "function"),
        ({"function": "../basket:spend"}, "function"),
        ({"function": "os.path:join"}, "function"),
        ({"function": "basket:_hidden"}, "function"),
        ({"function": "basket:spend", "tables": []}, "which `tables`"),
        ({"function": "basket:spend", "tables": ["raw_orders"]}, "no such table"),
        ({"function": "basket:spend", "tables": ["orders", "orders"]}, "twice"),
        ({"function": "basket:spend", "columns": ["profile_id"]}, "whose the numbers are"),
        (
            {"function": "basket:spend", "sql": "SELECT profile_id, 1 AS value FROM orders"},
            "say what computes",
        ),
        ({"tables": ["orders"]}, "say what computes"),
    ],
)
def test_definitions_that_say_no_function_of_the_folder_are_refused(
    more: dict[str, Any], told: str
) -> None:
    with pytest.raises(DefinitionError, match=told):
        check({"kind": "feature", "name": "x", "formula": "x", "tables": ["orders"], **more})


def test_none_runs_where_it_is_not_allowed_and_only_files_of_the_folder(
    shop: Stores, tmp_path: Any
) -> None:
    closed = make_stores(tmp_path)
    with pytest.raises(PredictError, match="own_functions = true"):
        own_function(closed, feature("basket:spend", "orders"), None)
    with pytest.raises(PredictError, match=r"no file features/other\.py"):
        own_function(shop, feature("other:spend", "orders"), None)
    (tmp_path / "outside.py").write_text(BASKET, encoding="utf-8")
    (shop.folder("features") / "linked.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(PredictError, match="points out of the folder"):
        own_function(shop, feature("linked:spend", "orders"), None)
    with pytest.raises(PredictError, match=r"name one: x\.money, x\.orders"):
        own_function(shop, feature("basket:spend", "orders", **SPEND), None)


def test_its_time_is_limited_also_for_what_it_has_started(tmp_path: Any) -> None:
    def is_free() -> bool:
        with held.open() as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    stores = make_stores(tmp_path, own_functions=True, own_code_seconds=6)
    add_orders(stores, [{"customer": "a", "order_id": "1", "ordered_at": day(1), "revenue": 5}])
    (stores.folder("features") / "basket.py").write_text(BASKET, encoding="utf-8")
    with pytest.raises(PredictError, match="longer than 6 seconds and was stopped"):
        values(stores, feature("basket:forever"), at=10)
    held = stores.folder("features") / "basket.py.held"
    eventually(is_free)


def test_a_function_that_changed_is_told_and_a_new_version_takes_its_place(shop: Stores) -> None:
    file = shop.folder("features") / "mine.py"
    file.write_text(BASKET, encoding="utf-8")
    documents = [
        {
            "kind": "feature",
            "name": "basket",
            "formula": "spend",
            "function": "mine:spend",
            "tables": ["purchases"],
            **SPEND,
        },
        {
            "kind": "prediction",
            "name": "buy-own",
            "horizon": "45d",
            "columns": ["recency_days"],
            "own": ["basket.money"],
        },
    ]
    apply(shop.control, [check(one) for one in documents], now=day(0), by="test")
    wanted = check(documents[1])
    assert isinstance(wanted, Prediction)
    first = train_defined(shop, wanted, as_of=day(300), now=day(300))
    learnt = first.settings["own"]["basket.money"]
    assert (learnt["function"], learnt["number"]) == ("mine:spend", "money")
    assert score_propensity(shop, "buy-own", as_of=day(300), now=day(300)).num_rows
    assert question_of(shop, wanted).own["basket.money"]["source"] == learnt["source"]
    file.write_text(BASKET + "\n# Another way.\n", encoding="utf-8")
    with pytest.raises(FunctionChangedError, match="mine:spend has changed"):
        score_propensity(shop, "buy-own", as_of=day(301), now=day(301))
    cared = care_for(shop, wanted, now=day(302))
    assert (cared.outcome, cared.model) == ("promoted", "buy-own@2")
    assert find_model(shop, "buy-own").settings["own"]["basket.money"]["source"] != learnt["source"]
    assert score_propensity(shop, "buy-own", as_of=day(302), now=day(302)).num_rows


@pytest.mark.long
def test_a_version_whose_function_changed_cannot_be_compared(shop: Stores) -> None:
    file = shop.folder("features") / "theirs.py"
    documents = [
        {
            "kind": "feature",
            "name": "newest",
            "formula": "days since",
            "function": "theirs:newest",
            "tables": ["orders"],
        },
        {
            "kind": "prediction",
            "name": "buy-newest",
            "horizon": "45d",
            "columns": ["orders_90d"],
            "own": ["newest"],
        },
    ]
    apply(shop.control, [check(one) for one in documents], now=day(0), by="test")
    wanted = check(documents[1])
    assert isinstance(wanted, Prediction)
    labels = []
    for text in (BASKET, BASKET + "\n# Another way.\n"):
        file.write_text(text, encoding="utf-8")
        labels.append(train_defined(shop, wanted, as_of=day(200), now=day(300)).label)
    assert labels == ["buy-newest@1", "buy-newest@2"]
    with pytest.raises(FunctionChangedError, match="theirs:newest has changed"):
        compare(shop, *labels[::-1], as_of=day(300))
