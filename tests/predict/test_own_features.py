"""Own features: SQL that can neither see the future nor anything but the tables of the moment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.feature_sql import faults_of
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.definitions.service import apply
from aimwell.errors import DefinitionError, PredictError, UnknownDefinitionError
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.questions import question_of
from aimwell.predict.care.service import compare
from aimwell.predict.effects import effects
from aimwell.predict.explaining import why
from aimwell.predict.questions import Question
from aimwell.predict.registry import find_model
from aimwell.predict.service import score_propensity
from aimwell.predict.training import feature_table
from aimwell.store.stores import Stores
from shop import add_orders, add_traits, day, make_stores, origin
from steady import add_steady

MONTH = timedelta(days=30)
SPEND = "SELECT profile_id, sum(revenue) AS value FROM purchases GROUP BY profile_id"
ALLOWED = [
    SPEND,
    "WITH a AS (SELECT profile_id, revenue FROM orders) SELECT profile_id, sum(revenue) AS value FROM a GROUP BY 1",
    "SELECT l.profile_id, sum(l.revenue) / nullif(count(*), 0) AS value FROM order_lines AS l "
    "LEFT JOIN product_facts f ON f.sku = l.sku WHERE l.kind = 'sale' GROUP BY l.profile_id",
    "SELECT profile_id, median(revenue) AS value FROM purchases WHERE ordered_at > :as_of - INTERVAL 90 DAY GROUP BY ALL",
    "SELECT profile_id, arg_max(TRY_CAST(value AS double), set_at) AS value FROM traits WHERE name = 'age' GROUP BY profile_id",
    "SELECT profile_id, 1 AS value FROM profiles WHERE profile_id IN (SELECT profile_id FROM events)",
]
REFUSED = [
    ("SELECT 1", "must select profile_id and value"),
    ("SELECT * FROM orders", "must select profile_id and value"),
    ("DROP TABLE orders", "one SELECT"),
    ("SELECT profile_id, 1 AS value FROM orders; DROP TABLE x", "one SELECT"),
    ("COPY orders TO 'x'", "one SELECT"),
    ("SELECT profile_id, 1 AS value FROM", "cannot be parsed"),
    ("SELECT profile_id, 1 AS value FROM raw_orders", "may not read raw_orders"),
    ("SELECT profile_id, 1 AS value FROM orders_ahead", "may not read orders_ahead"),
    ("SELECT profile_id, 1 AS value FROM main.orders", "may not read main.orders"),
    ("SELECT profile_id, 1 AS value FROM control_births", "may not read control_births"),
    (
        "WITH orders AS (SELECT * FROM raw_orders) SELECT profile_id, 1 AS value FROM orders",
        "raw_orders",
    ),
    ("SELECT profile_id, 1 AS value FROM read_csv('/etc/passwd')", "may not read"),
    ("SELECT profile_id, 1 AS value FROM '/etc/passwd'", "may not read"),
    (
        "SELECT profile_id, (SELECT count(*) FROM read_text('/x')) AS value FROM orders",
        "may not read",
    ),
    ("SELECT profile_id, 1 AS value FROM orders, glob('/*')", "may not read"),
    (
        "SELECT profile_id, 1 AS value FROM orders WHERE EXISTS (FROM duckdb_settings())",
        "may not read",
    ),
    ("SELECT profile_id, random() AS value FROM orders", "rand is not allowed"),
    ("SELECT profile_id, now() AS value FROM orders", "now is not allowed"),
    ("SELECT profile_id, today() AS value FROM orders", "not allowed"),
    ("SELECT profile_id, current_timestamp AS value FROM orders", "not allowed"),
    ("SELECT profile_id, getenv('HOME') AS value FROM orders", "getenv is not allowed"),
    ("SELECT profile_id, nextval('s') AS value FROM orders", "nextval is not allowed"),
    ("SELECT profile_id, 1 AS value FROM orders TABLESAMPLE 10%", "tablesample is not allowed"),
    ("SELECT profile_id, :now AS value FROM orders", "only :as_of"),
    ("SELECT a.profile_id, 1 AS value FROM orders AS a, orders AS b", "a join needs ON"),
    ("SELECT a.profile_id, 1 AS value FROM orders AS a CROSS JOIN events AS b", "a join needs ON"),
    (
        "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n FROM a) SELECT profile_id, 1 AS value FROM orders, a",
        "RECURSIVE",
    ),
    ("SELECT profile_id, 1 AS value FROM orders WHERE " + "(" * 3_000 + "TRUE" + ")" * 3_000, ""),
    ("SELECT profile_id, 1 AS value FROM orders --" + "x" * 10_000, "at most 10,000"),
]


@pytest.mark.parametrize("text", ALLOWED)
def test_queries_of_the_tables_of_the_moment_are_allowed(text: str) -> None:
    assert faults_of(text) == []
    check({"kind": "feature", "name": "x", "formula": "x", "sql": text})


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_all_others_are_refused_in_words(text: str, told: str) -> None:
    faults = faults_of(text)
    assert faults
    assert any(told in one for one in faults), faults
    with pytest.raises(DefinitionError):
        check({"kind": "feature", "name": "x", "formula": "x", "sql": text})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    add_steady(stores, people=400, days=320)
    rows = [
        {"customer": f"c{n}", "name": name, "value": str(value), "set_at": day(1)}
        for n in range(50)
        for name, value in (("age", 20 + n), ("religion", n))
    ]
    add_traits(stores, rows)
    apply(
        stores.control,
        [
            check(
                {
                    "kind": "feature",
                    "name": "spend",
                    "unit": "money",
                    "formula": "all revenue",
                    "sql": SPEND,
                }
            )
        ],
        now=day(0),
        by="test",
    )
    yield stores
    stores.close()


def values(stores: Stores, text: str, at: float = 300) -> dict[str, float]:
    asked = Question(columns=("orders", "own:x"), own={"x": text})
    ids, table = feature_table(stores, as_of=day(at), horizon=MONTH, question=asked)
    assert table.names == ("orders", "own:x")
    return dict(zip(ids.to_pylist(), table.values[:, 1].tolist(), strict=True))


def test_values_are_those_of_the_catalogue_where_they_ask_the_same(shop: Stores) -> None:
    asked = Question(columns=("revenue", "own:x"), own={"x": SPEND})
    for at in (100, 200, 300):
        _, table = feature_table(shop, as_of=day(at), horizon=MONTH, question=asked)
        known = ~np.isnan(table.values[:, 1])
        assert known.any()
        assert table.values[known, 1] == pytest.approx(table.values[known, 0])


def test_nothing_later_changes_them_and_the_moment_is_theirs(shop: Stores) -> None:
    recent = "SELECT profile_id, count(*) AS value FROM orders WHERE ordered_at >= :as_of - INTERVAL 30 DAY GROUP BY profile_id"
    asked = Question(columns=("orders_30d", "own:x"), own={"x": recent})
    _, table = feature_table(shop, as_of=day(200), horizon=MONTH, question=asked)
    counted = np.nan_to_num(table.values[:, 1])
    assert counted.tolist() == table.values[:, 0].tolist()
    before = values(shop, SPEND, 310)
    add_orders(
        shop, [{"customer": "c1", "order_id": "late", "ordered_at": day(315), "revenue": 999}]
    )
    assert values(shop, SPEND, 310) == pytest.approx(before, nan_ok=True)


def test_traits_of_a_special_category_are_not_seen(shop: Stores) -> None:
    text = "SELECT profile_id, max(TRY_CAST(value AS double)) AS value FROM traits AS t WHERE t.name = '{}' GROUP BY profile_id"
    ages = values(shop, text.format("age"))
    assert sorted(one for one in ages.values() if not np.isnan(one)) == [20 + n for n in range(50)]
    assert all(np.isnan(one) for one in values(shop, text.format("religion")).values())
    assert ages[origin(shop, "c3")] == 23


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT profile_id, revenue AS value FROM orders", "must give a row a person at most"),
        (
            "SELECT profile_id, sum(revenue) / 0.0 AS value FROM orders GROUP BY profile_id",
            "infinity",
        ),
        ("SELECT profile_id, max(colour) AS value FROM orders GROUP BY profile_id", "fails"),
        (
            "SELECT profile_id, max(order_id) AS value FROM orders GROUP BY profile_id",
            r"[^.]\. Its value must be a number",
        ),
    ],
)
def test_what_fails_is_told_with_what_to_do(shop: Stores, text: str, told: str) -> None:
    with pytest.raises(PredictError, match=told):
        values(shop, text)


def test_sql_that_takes_too_long_is_stopped_with_what_to_do(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, own_code_seconds=1)
    rows = [
        {"customer": f"c{n % 50}", "order_id": str(n), "ordered_at": day(n / 100), "revenue": 5}
        for n in range(3_000)
    ]
    add_orders(stores, rows)
    # 3,000 cubed pairs of which none can be left out.
    heavy = (
        "SELECT a.profile_id, count(*) AS value FROM orders AS a JOIN orders AS b ON a.order_id <> b.order_id "
        "JOIN orders AS c ON c.order_id <> b.order_id AND c.order_id <> a.order_id GROUP BY a.profile_id"
    )
    with pytest.raises(PredictError, match="longer than 1 seconds and was stopped"):
        values(stores, heavy, 40)


def test_a_prediction_learns_from_them_and_keeps_the_words_that_it_learnt_by(shop: Stores) -> None:
    wanted = check(
        {
            "kind": "prediction",
            "name": "buy",
            "horizon": "45d",
            "columns": ["recency_days"],
            "own": ["spend"],
        }
    )
    assert isinstance(wanted, Prediction)
    entry = train_defined(shop, wanted, as_of=day(300), now=day(300))
    assert entry.settings["own"] == {"spend": SPEND}
    first = score_propensity(shop, "buy", as_of=day(300), now=day(300))
    # The definition changes; the version in use answers by what it learnt.
    other = SPEND.replace("sum(revenue)", "count(*)")
    changed = check({"kind": "feature", "name": "spend", "formula": "orders", "sql": other})
    apply(shop.control, [changed], now=day(301), by="test")
    assert question_of(shop, wanted).own == {"spend": other}
    assert find_model(shop, "buy").settings["own"] == {"spend": SPEND}
    found = why(shop, "buy", first.column("profile_id")[0].as_py(), as_of=day(300))
    assert found.probability == pytest.approx(first.column("score")[0].as_py())
    assert {one.name for one in effects(shop, "buy", as_of=day(300))} <= {
        "own:spend",
        "recency_days",
    }
    (bare,) = effects(shop, "buy", as_of=day(300), names=["spend"])
    assert (bare.name, bare.words) == ("own:spend", "a feature of your own")
    missing = check({"kind": "prediction", "name": "y", "own": ["nope"]})
    assert isinstance(missing, Prediction)
    with pytest.raises(UnknownDefinitionError):
        question_of(shop, missing)


def test_versions_that_learnt_by_other_words_are_each_compared_by_their_own(
    tmp_path: Path,
) -> None:
    shop = make_stores(tmp_path)
    add_steady(shop, people=1_500, days=320)
    document = {
        "kind": "prediction",
        "name": "buy-twice",
        "horizon": "45d",
        "columns": ["recency_days"],
        "own": ["spend"],
    }
    wanted = check(document)
    assert isinstance(wanted, Prediction)
    labels = []
    for text in (SPEND, SPEND.replace("sum(revenue)", "-sum(revenue)")):
        feature = check({"kind": "feature", "name": "spend", "formula": "money", "sql": text})
        apply(shop.control, [feature], now=day(301), by="test")
        entry = train_defined(shop, wanted, as_of=day(200), now=day(301))
        assert entry.metrics["learner"] != "base rate by recency", "else own words would not matter"
        labels.append(entry.label)
    found = compare(shop, labels[1], labels[0], as_of=day(300))
    # By the other's words, which are its own turned round, either would be worse than a coin (2.0).
    assert max(found.one_loss, found.other_loss) < math.log(2)
    assert found.one != found.other
    shop.close()
