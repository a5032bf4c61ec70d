"""What a propensity asks: an event as rules mean it, of whom, behind a moment and in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.definitions.catalogue import check
from aimwell.definitions.leaves.acts import Acts
from aimwell.definitions.service import apply
from aimwell.errors import PredictError
from aimwell.history.moment import open_moment
from aimwell.history.outcomes import outcomes
from aimwell.predict.questions import Question, doers_ahead, members_among, recorded
from aimwell.predict.training import feature_table
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_products, day, make_stores, origin

MONTH = timedelta(days=30)
ORDERS = [
    ("ann", "o1", 5, [("wine", 1, 30)]),
    ("ann", "o2", 40, [("wine", 2, 60), ("tea", 1, 5)]),
    ("bob", "o3", 8, [("tea", 1, 5)]),
    ("bob", "o4", 45, [("tea", 3, 15)]),
    ("cat", "o5", 41, [("wine", 1, 30)]),  # wholly returned
    ("dan", "o6", 9, [("tea", 1, 5)]),
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    add_orders(
        stores,
        [
            {"customer": who, "order_id": number, "ordered_at": day(at), "lines": lines}
            for who, number, at, lines in ORDERS
        ]
        + [
            {
                "customer": "cat",
                "order_id": "r5",
                "ordered_at": day(43),
                "kind": "return",
                "original_order_id": "o5",
                "lines": [("wine", 1, 30)],
            }
        ],
    )
    add_products(
        stores,
        [
            {"sku": "wine", "category": "Drinks", "set_at": day(0)},
            {"sku": "tea", "category": "Food", "set_at": day(0)},
        ],
    )
    add_events(
        stores,
        [
            {"customer": "cat", "event": "Login", "occurred_at": day(2)},
            {"customer": "cat", "event": "Login", "occurred_at": day(50), "revenue": 3},
            {"customer": "dan", "event": "Login", "occurred_at": day(50), "machine": "user_agent"},
        ],
    )
    found = check(
        {
            "kind": "segment",
            "name": "tea",
            "rule": {"event": "Order Completed", "where": {"sku": {"is": "tea"}}},
        }
    )
    apply(stores.control, [found], now=day(0), by="test")
    yield stores
    stores.close()


def question(event: str = "Order Completed", among: str = "everybody", **where: Any) -> Question:
    asked = {"event": event, **({"where": where} if where else {})}
    return Question(Acts.model_validate(asked), among)


def names(stores: Stores, found: Any) -> set[str]:
    known = {origin(stores, name): name for name in ("ann", "bob", "cat", "dan")}
    return {known[one] for one in found}


@pytest.mark.parametrize(
    ("asked", "doers"),
    [
        (question(), {"ann", "bob"}),  # what was wholly returned is no order
        (question(category={"is": "Drinks"}), {"ann"}),
        (question(category={"is": "Food"}), {"ann", "bob"}),
        (question(category={"is": "Food"}, revenue={"above": 10}), {"bob"}),
        (question("Login"), {"cat"}),  # not the machine's
        (question("Login", revenue={"above": 5}), set()),
    ],
)
def test_who_does_it_is_told_as_rules_tell_it(
    stores: Stores, asked: Question, doers: set[str]
) -> None:
    with open_moment(stores, as_of=day(30), horizon=MONTH) as moment:
        assert names(stores, doers_ahead(moment, asked)) == doers


@settings(max_examples=10)
@given(
    at=st.floats(1, 60),
    days=st.integers(1, 40),
    event=st.sampled_from(["Order Completed", "Login"]),
)
def test_without_conditions_it_is_the_outcome_that_lifts_are_measured_by(
    stores: Stores, at: float, days: int, event: str
) -> None:
    with open_moment(stores, as_of=day(at), horizon=timedelta(days=days)) as moment:
        table = outcomes(moment, event)
        expected = {
            who
            for who, did in zip(
                *(table.column(c).to_pylist() for c in ("profile_id", "bought")), strict=True
            )
            if did
        }
        known = set(table.column("profile_id").to_pylist())
        assert doers_ahead(moment, question(event)) & known == expected


@pytest.mark.parametrize(
    ("among", "people"),
    [
        ("everybody", {"ann", "bob", "cat", "dan"}),
        ("buyers", {"ann", "bob", "dan"}),
        ("tea", {"bob", "dan"}),
    ],
)
def test_of_whom_is_asked_is_told_as_of_the_moment(
    stores: Stores, among: str, people: set[str]
) -> None:
    asked = question(among=among)
    ids, table = feature_table(stores, as_of=day(30), horizon=MONTH, question=asked, outcome=True)
    assert names(stores, ids.to_pylist()) == people
    assert table.happened.sum() == len(people & {"ann", "bob"})
    with open_moment(stores, as_of=day(30)) as moment:
        whom = members_among(moment, asked)
        assert (whom is None) == (among == "everybody")
        if whom is not None:
            rows = moment.session.rows(sql("SELECT DISTINCT profile_id FROM :whom AS w", whom=whom))
            assert names(stores, (row[0] for row in rows)) == people


def test_features_are_those_that_were_named(stores: Stores) -> None:
    asked = Question(columns=("orders", "recency_days"))
    ids, table = feature_table(stores, as_of=day(30), horizon=MONTH, question=asked)
    assert isinstance(ids, pa.Array)
    assert table.names == ("orders", "recency_days")


def test_what_nobody_did_is_refused_with_what_they_did(stores: Stores) -> None:
    with open_moment(stores, as_of=day(60)) as moment:
        assert recorded(moment, question(category={"is": "Drinks"})).last_at == day(40)
        with pytest.raises(PredictError, match=r"Nobody did .*category Beer.* from 2026-01-06"):
            recorded(moment, question(category={"is": "Beer"}))
        with pytest.raises(PredictError, match="Did you mean 'Login'"):
            recorded(moment, question("Logon"))


@pytest.mark.parametrize(
    "asked",
    [
        question(),
        question("Login", among="buyers"),
        question(category={"in": ["Food", "Drinks"]}, revenue={"at_least": 2.5}),
        Question(columns=("orders",)),
    ],
)
def test_settings_give_the_question_back(asked: Question) -> None:
    found = Question.from_settings(asked.settings())
    assert found == asked
    assert found.settings() == asked.settings()


def test_it_is_said_in_words() -> None:
    asked = question(among="vip", category={"is": "Wine"})
    assert (asked.whose, asked.does) == (
        "a person of the segment 'vip'",
        "buys (counting only those with category Wine)",
    )
    with pytest.raises(PredictError, match="question cannot be read"):
        Question.from_settings({"event": "Login", "where": {"nothing": {"is": 1}}})
