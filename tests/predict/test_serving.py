"""Scores of the models in use: what is held, let go, worked out, owed and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import StoreError
from aimwell.predict import serving
from aimwell.predict import touched as touched_module
from aimwell.predict.bgnbd import BgNbd
from aimwell.predict.kept_scores import Figure
from aimwell.predict.questions import Question
from aimwell.predict.registry import (
    RegisteredModel,
    find_model,
    models_in_use,
    promote,
    register_model,
)
from aimwell.predict.scoring import keep_scores, scores_table
from aimwell.predict.service import score_propensity, train_propensity
from aimwell.predict.serving import ServedScores
from aimwell.store.stores import Stores
from shop import add_orders, day, make_stores, merge_people, origin
from steady import steady_orders

AS_OF, NOW = day(300), day(301)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    orders = steady_orders(people=300, days=299)
    add_orders(stores, [{**one, "received_at": one["ordered_at"]} for one in orders])
    entry = in_use(stores, "buy")
    score_propensity(stores, entry, as_of=AS_OF, now=AS_OF)
    yield stores
    stores.close()


def in_use(stores: Stores, name: str, seed: int = 0) -> RegisteredModel:
    question = Question(columns=("recency_days", "orders_90d"))
    entry = train_propensity(
        stores,
        as_of=AS_OF,
        horizon_days=45,
        question=question,
        name=name,
        learners=("logistic",),
        seed=seed,
        now=AS_OF,
    ).entry
    promote(stores, entry, by="test", reason="a test", now=AS_OF + timedelta(seconds=seed))
    return entry


def served(shop: Stores, *, clock: Clock | None = None, bytes_max: int = 1 << 30) -> ServedScores:
    made = ServedScores(shop, bytes_max, now=lambda: NOW, clock=clock or Clock())
    made.look()
    return made


def order(shop: Stores, customer: str, number: int) -> None:
    row: dict[str, Any] = {
        "customer": customer,
        "order_id": f"new-{number}",
        "ordered_at": day(300),
    }
    add_orders(shop, [{**row, "revenue": 20, "received_at": day(300.5)}])


def test_models_in_use_are_those_that_were_promoted_last(shop: Stores) -> None:
    in_use(shop, "again", seed=1)
    second = in_use(shop, "again", seed=2)
    promote(shop, find_model(shop, "again@1"), by="t", reason="back", now=NOW)
    assert {one.label for one in models_in_use(shop)} == {"again@1", "buy@1"}
    promote(shop, second, by="t", reason="forth", now=NOW + timedelta(seconds=1))
    assert {one.label for one in models_in_use(shop)} == {"again@2", "buy@1"}
    assert {one.label for one in models_in_use(shop)} == {
        find_model(shop, name).label for name in ("again", "buy")
    }


def test_nothing_is_read_before_it_is_asked_for_and_the_eldest_is_let_go(shop: Stores) -> None:
    clock = Clock()
    kept = served(shop, clock=clock, bytes_max=300 * 40)
    person = origin(shop, "c1")
    assert kept.models == ("again", "buy")
    assert kept.size_bytes == 0
    assert kept.of(person, "buy") is None
    kept.work({person: {"buy"}})
    found = kept.of(person, "buy")
    assert found is not None
    assert found.figure is not None
    assert (found.figure.as_of, found.horizon_days, found.reason) == (AS_OF, 45, None)
    assert 0 < kept.size_bytes <= 300 * 40
    again = find_model(shop, "again")
    score_propensity(shop, again, as_of=AS_OF, now=AS_OF)
    clock.now = 1.0
    kept.work({person: {"again"}})
    assert kept.of(person, "again") is not None
    assert kept.of(person, "buy") is None  # both together would have been too much


def test_whom_something_happened_to_is_worked_out_and_whom_it_cannot_be_is_owed(
    shop: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    kept = served(shop, clock=clock)
    one, other = origin(shop, "c5"), origin(shop, "c6")
    kept.work({one: {"buy"}})
    before = {person: kept.of(person, "buy") for person in (one, other)}

    def away(*_: object, **__: object) -> None:
        raise StoreError("The disk is away.")

    order(shop, "c5", 1)
    with monkeypatch.context() as patch:
        patch.setattr(serving.CurrentScores, "refresh", away)
        kept.look()
    told = kept.of(one, "buy")
    assert told is not None
    assert before[one] is not None
    assert told.figure == before[one].figure
    assert "The disk is away." in str(told.reason)
    kept.look()
    assert kept.of(one, "buy") == told  # not tried again at once
    clock.now = 31.0
    kept.look()
    fresh = kept.of(one, "buy")
    assert fresh is not None
    assert fresh.figure is not None
    assert (fresh.figure.as_of, fresh.reason) == (NOW, None)
    assert kept.of(other, "buy") == before[other]
    late = served(shop)  # another process, begun afterwards
    late.work({one: {"buy"}})
    assert late.of(one, "buy") == fresh
    assert late.of(other, "buy") == before[other]


def test_where_too_many_changed_the_old_score_says_so(
    shop: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = served(shop)
    person = origin(shop, "c9")
    kept.work({person: {"buy"}})
    monkeypatch.setattr(touched_module, "TOUCHED_MAX", 2)
    for number, customer in enumerate(("c9", "c10", "c11")):
        order(shop, customer, 10 + number)
    kept.look()
    told = kept.of(person, "buy")
    assert told is not None
    assert told.figure is not None
    assert told.figure.as_of == AS_OF
    assert "have changed since everybody was scored" in str(told.reason)
    late = served(shop)
    late.work({person: {"buy"}})
    assert late.of(person, "buy") == told


def test_who_was_merged_into_another_is_nobody(shop: Stores) -> None:
    merge_people(shop, ["c20", "c21"])
    kept = served(shop)
    two = [origin(shop, customer) for customer in ("c20", "c21")]
    kept.work({one: {"buy"} for one in two})
    found = [kept.of(one, "buy") for one in two]
    assert sum(one is not None and one.figure is not None for one in found) == 1


def test_other_kinds_say_what_they_said_last(shop: Stores) -> None:
    model = BgNbd(r_=0.243, alpha_=4.414, a_=0.793, b_=2.426)
    entry = register_model(
        shop,
        {"buying": model},
        name="worth",
        kind="lifetime_value",
        as_of=AS_OF,
        settings={"horizon_days": 365},
        metrics={},
        lake_versions={},
        trained_at=AS_OF,
    )
    promote(shop, entry, by="test", reason="a test", now=AS_OF)
    one, other = origin(shop, "c1"), origin(shop, "c2")
    kept = served(shop)
    kept.work({one: {"worth"}})
    never = kept.of(one, "worth")
    assert never is not None
    assert never.figure is None
    assert "worth@1 has scored nobody yet" in str(never.reason)
    scores = scores_table(pa.array([one]), np.array([31.5]))
    ends = scores.set_column(2, "lower", pa.array([3.0])).set_column(3, "upper", pa.array([80.0]))
    keep_scores(shop, entry, ends, as_of=AS_OF, now=AS_OF)
    kept.look()
    told, silent = kept.of(one, "worth"), kept.of(other, "worth")
    assert told is not None
    assert told.figure == Figure(31.5, 3.0, 80.0, AS_OF)
    assert silent is not None
    assert silent.figure is None
    assert "said nothing of this person" in str(silent.reason)
