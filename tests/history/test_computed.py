"""Computed traits: each by hand, absent where undefined, the same for a few people as for all."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.definitions.data_kinds import DATA_KINDS
from aimwell.history.computed import COMPUTED, refresh_computed
from aimwell.history.computed_parts import COMPUTED_PARTS
from aimwell.history.current import bring_up_to_date
from aimwell.history.features import features
from aimwell.history.moment import open_moment
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from databases import shortly_on
from project_tree import ROOT
from shop import (
    add_events,
    add_orders,
    add_people,
    add_products,
    add_touches,
    append,
    day,
    make_stores,
    merge_people,
    origin,
)

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PROFILES = metadata.tables["profiles"]


@pytest.fixture
def stores(tmp_path: Path, control_url: str) -> Stores:
    return make_stores(tmp_path, control_url, timezone="Europe/London")


def state(stores: Stores) -> dict[str, Any]:
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(PROFILES.c.profile_id, PROFILES.c.computed))
        return {row.profile_id: row.computed for row in rows}


def of(stores: Stores, customer: str) -> dict[str, Any]:
    refresh_computed(stores, now=NOW)
    found = state(stores)[origin(stores, customer)]
    assert isinstance(found, dict)
    return found


def event(customer: str, name: str, days: float, **more: Any) -> dict[str, Any]:
    return {"customer": customer, "event": name, "occurred_at": day(days), **more}


def test_the_catalogue_says_of_each_trait_what_it_is() -> None:
    names = [trait.name for trait in COMPUTED]
    assert len(set(names)) == len(names)
    assert {trait.data for trait in COMPUTED} <= set(DATA_KINDS)
    for trait in COMPUTED:
        assert all((trait.formula, trait.window, trait.undefined)), trait.name
        assert set(trait.parts) <= COMPUTED_PARTS.keys(), trait.name


def test_buying_is_summed_up(stores: Stores) -> None:
    add_products(
        stores, [{"sku": "mug", "category": "kitchen"}, {"sku": "pen", "category": "office"}]
    )
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(3), "lines": [("mug", 2, 5)], "payment_method": "card"},
            {"customer": "ann", "order_id": "2", "ordered_at": day(9), "lines": [("mug", 1, 5)], "payment_method": "cash", "shop_id": "Leeds"},
            {
                "customer": "ann",
                "order_id": "3",
                "ordered_at": day(15),
                "payment_method": "card",
                "lines": [{"sku": "pen", "quantity": 1, "unit_price": 100, "discount": 40}],
            },
            {"customer": "ann", "order_id": "R", "ordered_at": day(16), "kind": "return", "original_order_id": "1", "lines": [("mug", 1, 5)]},
        ],
    )  # fmt: skip
    found = of(stores, "ann")
    assert (
        found
        | {
            "orders": 3,
            "total_spend": 70.0,
            "favourite_category": "kitchen",
            "payment_method": "card",
            "usual_shop": "Leeds",
            "first_order_at": "2026-01-04T00:00:00.000000Z",
            "last_order_at": "2026-01-16T00:00:00.000000Z",
            "gap_mean_days": 6.0,
        }
        == found
    )
    assert found["discount_share"] == pytest.approx(40 / 115)
    assert found["return_share"] == pytest.approx(5 / 75)


def test_what_is_undefined_is_absent_and_what_did_not_happen_is_none(stores: Stores) -> None:
    add_people(stores, [{"customer": "bob"}])
    assert of(stores, "bob") == {
        "orders": 0, "total_spend": 0.0, "products": 0, "visits": 0, "answers": 0,
    }  # fmt: skip


def test_a_figure_that_is_a_feature_is_that_feature(stores: Stores) -> None:
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": str(n), "ordered_at": day(n * n), "revenue": 10 + n, "coupon": "X" if n % 2 else None}
            for n in range(5)
        ],
    )  # fmt: skip
    found = of(stores, "ann")
    with open_moment(stores, as_of=NOW) as moment:
        [row] = features(moment).to_pylist()
    shared = [trait for trait in COMPUTED if trait.feature is not None]
    assert len(shared) >= 8
    for trait in shared:
        assert found[trait.name] == row[str(trait.feature)], trait.name


def test_a_cart_is_open_until_the_next_order(stores: Stores) -> None:
    add_products(stores, [{"sku": "pen", "price": 2}])
    add_orders(stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(5), "revenue": 10}])
    add_events(
        stores,
        [
            event("ann", "Product Added", 4, sku="old", properties={"price": 99}),
            event("ann", "Product Added", 6, sku="mug", quantity=2, properties={"price": "4.50"}),
            event("ann", "Product Added", 7, sku="pen", quantity=3),
            event("ann", "Product Removed", 8, sku="pen", quantity=1),
            event("ann", "Product Added", 8, sku="hat", properties={"price": 30}),
            event("ann", "Product Removed", 9, sku="hat"),
        ],
    )
    found = of(stores, "ann")
    assert (found["cart_units"], found["cart_value"]) == (4, 13.0)
    assert found["cart_since"] == "2026-01-07T00:00:00.000000Z"
    add_orders(stores, [{"customer": "ann", "order_id": "2", "ordered_at": day(9), "revenue": 10}])
    assert not {"cart_units", "cart_value", "cart_since"} & of(stores, "ann").keys()


def test_a_cart_with_a_price_that_nobody_told_has_no_value(stores: Stores) -> None:
    add_events(
        stores,
        [
            event("ann", "Product Added", 6, sku="mug", properties={"price": "dear"}),
            event("ann", "Product Added", 6, sku="pen", properties={"price": 1}),
        ],
    )
    found = of(stores, "ann")
    assert found["cart_units"] == 2
    assert "cart_value" not in found


def test_the_usual_hour_is_the_persons_own(stores: Stores) -> None:
    at = [event(who, "Login", n + 12 / 24) for who in ("ann", "yui") for n in (1, 2, 8)]
    add_events(stores, [*at, event("ann", "Login", 3.25), event("yui", "Login", 3.25)])
    add_people(stores, [{"customer": "yui", "timezone": "Asia/Tokyo", "first_seen_at": day(1)}])
    assert of(stores, "ann")["usual_hour"] == 12
    assert of(stores, "yui")["usual_hour"] == 21
    assert of(stores, "yui")["usual_weekday"] == 5  # 2 and 9 January 2026


def test_days_without_a_time_tell_no_hour(stores: Stores) -> None:
    noon = [event("ann", "Login", n + 12 / 24) for n in (1, 2)]
    days = [event(who, "Login", n) for who in ("ann", "zoe") for n in (3, 4, 5)]
    add_events(stores, [*noon, *days])
    assert of(stores, "ann")["usual_hour"] == 12
    found = of(stores, "zoe")
    assert "usual_hour" not in found
    assert (
        found["usual_weekday"] == 1
    )  # 4, 5 and 6 January 2026 are a Sunday, a Monday and a Tuesday


def test_visits_devices_and_interests_come_from_events(stores: Stores) -> None:
    phone = json.dumps({"context": {"userAgent": "Mozilla/5.0 (iPhone) Mobile/15E148"}})
    add_events(
        stores,
        [
            event("ann", "Page Viewed", 1, category="hats", envelope=phone),
            event("ann", "Page Viewed", 1 + 20 / 1440, category="shoes", envelope=phone),
            event("ann", "Page Viewed", 1 + 60 / 1440, category="shoes", properties={"device": {"type": "Desktop"}}),
            event("ann", "Page Viewed", 2, properties={"device": "tablet"}),
            event("bob", "Page Viewed", 2),
        ],
    )  # fmt: skip
    found = of(stores, "ann")
    assert (found["visits"], found["browsing_seconds"]) == (3, 1200.0)
    assert found["visit_mean_seconds"] == 400.0
    assert (found["usual_device"], found["viewed_category"]) == ("mobile", "shoes")
    assert not {"usual_device", "viewed_category"} & of(stores, "bob").keys()


def test_clicks_of_machines_are_no_preference(stores: Stores) -> None:
    add_touches(
        stores,
        [
            *[{"customer": "ann", "event": "Email Link Clicked", "occurred_at": day(n), "channel": "email", "machine": True} for n in range(3)],
            {"customer": "ann", "event": "SMS Link Clicked", "occurred_at": day(1), "channel": "sms"},
        ],
    )  # fmt: skip
    assert of(stores, "ann")["responsive_channel"] == "sms"


def test_nothing_from_the_moment_on_is_looked_at(stores: Stores) -> None:
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(1), "revenue": 10},
            {"customer": "ann", "order_id": "2", "ordered_at": day(5), "revenue": 20},
        ],
    )
    refresh_computed(stores, now=day(5))
    assert state(stores)[origin(stores, "ann")]["total_spend"] == 10.0


def test_only_rows_that_differ_are_written(stores: Stores) -> None:
    add_orders(
        stores, [{"customer": c, "order_id": c, "ordered_at": day(1), "revenue": 10} for c in "abc"]
    )
    assert refresh_computed(stores, now=NOW) == 3
    assert refresh_computed(stores, now=NOW) == 0
    add_orders(stores, [{"customer": "a", "order_id": "2", "ordered_at": day(2), "revenue": 5}])
    assert refresh_computed(stores, now=NOW) == 1


@shortly_on("sqlite")
def test_computing_a_few_gives_what_computing_all_gives(stores: Stores, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - examples, not secrets
    customers = [f"c{n}" for n in range(12)]
    add_products(
        stores, [{"sku": f"s{n}", "category": f"k{n % 3}", "price": n + 1} for n in range(6)]
    )
    for step in range(4):
        touched = {_live(stores, draw, draw.choice(customers), step) for _ in range(3)}
        if step == 2:
            pair = draw.sample(customers, 2)
            for customer in pair:
                _live(stores, draw, customer, step + 50)
            touched |= {origin(stores, customer) for customer in pair}
            merge_people(stores, pair)
        before = {k: v for k, v in state(stores).items() if k not in touched}
        refresh_computed(stores, now=NOW, profiles=touched)
        few = state(stores)
        assert {k: v for k, v in few.items() if k not in touched} == before
        assert refresh_computed(stores, now=NOW) == 0
    assert len([value for value in few.values() if value]) >= 5


def test_a_run_of_unify_leaves_both_done(stores: Stores) -> None:
    add_orders(stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(1), "revenue": 10}])
    bring_up_to_date(stores, now=NOW)
    assert state(stores)[origin(stores, "ann")]["total_spend"] == 10.0


def _live(stores: Stores, draw: random.Random, customer: str, step: int) -> str:
    when = step * 10 + draw.random() * 5
    sku = f"s{draw.randrange(6)}"
    add_orders(
        stores,
        [
            {
                "customer": customer,
                "order_id": f"{customer}-{step}-{draw.random()}",
                "ordered_at": day(when),
                "lines": [(sku, draw.randrange(1, 4), draw.choice([1.1, 2.35, 9.99]))],
                "payment_method": draw.choice(["card", "cash", None]),
                "coupon": draw.choice(["X", None]),
            }
        ],
    )
    add_events(
        stores,
        [
            event(
                customer,
                draw.choice(["Product Added", "Product Removed", "Product Viewed"]),
                when + n / 50,
                sku=f"s{draw.randrange(6)}",
                category=f"k{draw.randrange(3)}",
                properties={"price": draw.choice([1.15, 3]), "device": draw.choice(["a", "b"])},
            )
            for n in range(6)
        ],
    )
    add_touches(
        stores,
        [
            {
                "customer": customer,
                "event": "Email Link Clicked",
                "occurred_at": day(when) + timedelta(hours=1),
                "channel": draw.choice(["email", "sms"]),
            }
        ],
    )
    append(
        stores,
        "answers",
        [{"origin_id": origin(stores, customer), "survey": "s", "question": "nps", "number": 9.0, "answered_at": day(when)}],
    )  # fmt: skip
    with stores.read_control() as connection:
        overrides = metadata.tables["identity_overrides"]
        found = connection.execute(
            sa.select(overrides.c.profile_id).where(
                overrides.c.origin_id == origin(stores, customer)
            )
        ).scalar_one_or_none()
    return found or origin(stores, customer)


def test_the_documents_list_every_computed_trait_as_it_is() -> None:
    text = (ROOT / "docs" / "profile.md").read_text(encoding="utf-8")
    for trait in COMPUTED:
        row = (f"`{trait.name}`", trait.unit, trait.data, trait.formula, trait.window)
        assert f"| {' | '.join(row)} | {trait.undefined} |" in text
