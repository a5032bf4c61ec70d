"""Answers, discounts, prices and firms on DuckDB and on Spark: the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from aimwell.cli.output import plain
from aimwell.predict.leads.firms import read_firms
from aimwell.predict.pricing.discounts import discount_seekers
from aimwell.predict.pricing.elasticities import price_elasticities
from aimwell.predict.questions import Question
from aimwell.predict.responding.channels import channel_preferences
from aimwell.store.stores import Stores
from engines_alike import assert_near
from shop import add_events, add_orders, add_products, add_touches, append, day, make_stores, origin
from spark_here import spark_here

AS_OF, NOW = day(200), day(201)


def answers(stores: Stores, answer: str) -> Any:
    found = channel_preferences(stores, as_of=AS_OF, answer=answer, now=NOW, keep=False)  # type: ignore[arg-type]
    return [found.to_dict(), found.rates.to_pylist()]


def clicks(stores: Stores) -> Any:
    return answers(stores, "click")


def orders(stores: Stores) -> Any:
    return answers(stores, "order")


def seekers(stores: Stores) -> Any:
    found = discount_seekers(stores, as_of=AS_OF, now=NOW, keep=False)
    return [found.to_dict(), found.people.to_pylist()]


def prices(stores: Stores) -> Any:
    found = price_elasticities(stores, as_of=AS_OF)
    return [found.to_dict(), found.products.to_pylist()]


def firms(stores: Stores) -> Any:
    read = read_firms(
        stores, as_of=day(12), horizon=timedelta(days=30), question=Question(), outcome=True
    )
    return [read.facts.to_pylist(), read.table.values.tolist(), read.table.happened.tolist()]


QUESTIONS: list[Callable[[Stores], Any]] = [clicks, orders, seekers, prices, firms]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("engines"))
    rng = np.random.default_rng(12)
    touches: list[dict[str, Any]] = []
    bought: list[dict[str, Any]] = []
    for person in range(60):
        for at in range(person % 9, 195, 9):
            row = {
                "customer": f"c{person}",
                "channel": ("email", None)[at % 2],
                "campaign": f"k{at % 3}",
                "occurred_at": day(at),
            }
            touches.append({**row, "event": ("Email Sent", "SMS Sent")[at % 2]})
            if rng.random() < 0.3:
                touches.append({**row, "event": "Email Link Clicked", "occurred_at": day(at + 0.2)})
            if person < 55 and rng.random() < 0.4:
                lines = [
                    {
                        "sku": f"s{int(rng.integers(12)):02d}",
                        "quantity": int(rng.integers(1, 4)),
                        "unit_price": round(9 + 2 * float(rng.normal()), 2),
                        "discount": int(rng.random() < 0.4),
                    }
                    for _ in range(4)
                ]
                bought.append(
                    {
                        "customer": f"c{person}",
                        "order_id": f"{person}-{at}",
                        "ordered_at": day(at + 0.6),
                        "lines": lines,
                    }
                )
    add_touches(opened, touches)
    add_orders(opened, bought)
    add_products(opened, [{"sku": f"s{one:02d}", "category": f"k{one % 2}"} for one in range(12)])
    add_events(
        opened,
        [
            {"customer": f"c{n % 60}", "event": "Page Viewed", "occurred_at": day(n / 2)}
            for n in range(390)
        ],
    )
    append(
        opened,
        "accounts",
        [
            {"account_id": f"f{n}", "industry": f"i{n % 3}", "size": n, "set_at": day(0)}
            for n in range(20)
        ],
    )
    append(
        opened,
        "account_members",
        [
            {
                "account_id": f"f{59 - n if n > 40 else n // 3}",
                "origin_id": origin(opened, f"c{n}"),
                "state": "member",
                "set_at": day(0),
            }
            for n in range(60)
        ],
    )
    yield opened
    opened.close()


@pytest.mark.long
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_spark_finds_what_duckdb_finds(stores: Stores, question: Callable[[Stores], Any]) -> None:
    on_spark = replace(stores, history_engine=spark_here())
    one, other = (plain(question(on)) for on in (stores, on_spark))
    assert len(str(one)) > 500
    assert_near(one, other)
