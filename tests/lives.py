"""Random lives of people, in every table that rules read, and the places of their town."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa

from aimwell.privacy.consent import record
from aimwell.store.stores import Stores
from rule_reference import Life
from shop import ALWAYS, add_events, add_orders, add_products, add_touches, add_traits, append, day

__all__ = ["ACCOUNTS", "CITIES", "PRODUCTS", "SHOPS", "add_places", "live", "store"]

Row = dict[str, Any]
PRODUCTS = {f"sku {n}": {"category": f"category {n % 3}"} for n in range(5)}
ACCOUNTS: dict[str, Row] = {
    "f1": {"industry": "Retail", "size": 7},
    "f2": {"industry": "x", "size": 1},
    "f3": {"industry": None, "size": None},
}
SHOPS: dict[str, Row] = {"1": {"city": "Leeds"}}
CITIES = {"Leeds": (53.8, -1.55), "London": (51.5, -0.13)}


def add_places(stores: Stores) -> None:
    """Products, firms, shops and cities, as they have always been."""
    add_products(stores, [{"sku": sku, **facts} for sku, facts in PRODUCTS.items()])
    append(
        stores,
        "accounts",
        [{"account_id": one, **facts, "set_at": ALWAYS} for one, facts in ACCOUNTS.items()],
    )
    append(
        stores,
        "shops",
        [{"shop_id": one, **facts, "set_at": ALWAYS} for one, facts in SHOPS.items()],
    )
    append(
        stores,
        "market",
        [
            {"name": name, "dimension": "city", "key": city, "value": value, "set_at": ALWAYS}
            for city, point in CITIES.items()
            for name, value in zip(("latitude", "longitude"), point, strict=True)
        ],
    )


def live(profile_id: str, name: str, draw: random.Random) -> Life:
    """A life of some eighty days from START on, drawn at random."""

    # Whole and quarter hours, so that boundaries of windows are met exactly now and then.
    def moment() -> datetime:
        return day(draw.choice([draw.randrange(0, 80), draw.randrange(0, 80 * 96) / 96]))

    life = Life(profile_id, day(draw.randrange(-5, 50)))
    values = ["GB", "IE", "7", "7.0", " 8", "true", "nan", "2026-02-03", "infinity", "", None]
    for trait in ("country", "size"):
        for when in [ALWAYS, moment()][: draw.randrange(3)]:
            life.traits.append({"name": trait, "value": draw.choice(values), "set_at": when})
    for number in range(draw.randrange(5)):
        order = {
            "order_id": f"{name}/{number}",
            "occurred_at": moment(),
            "kind": draw.choice(["sale", "sale", "return"]),
            "coupon": draw.choice([None, "SPRING"]),
            "shop_id": draw.choice([None, "1", "2"]),
            "properties": draw.choice([None, {"a": {"b": draw.choice([1, "1", "x", None, True])}}]),
            "lines": [
                {
                    "sku": draw.choice([*PRODUCTS, "other"]),
                    "quantity": draw.randrange(1, 4),
                    "price": draw.choice(["5", "10.25", "0"]),
                    "discount": draw.choice(["0", "0", "1.5"]),
                }
                for _ in range(draw.randrange(1, 3))
            ],
        }
        life.orders.append(order)
    for _ in range(draw.randrange(8)):
        what = draw.choice(["Login", "Email Opened", "Seen"])
        touch = what == "Email Opened" or (what == "Seen" and draw.random() < 0.5)
        life.events.append(
            {
                "event": what,
                "occurred_at": moment(),
                "touch": touch,
                "machine": touch and draw.random() < 0.4,
                "revenue": None if touch else draw.choice([None, "3", "4.5"]),
                "campaign": draw.choice([None, "spring"]) if touch else None,
                "properties": draw.choice([None, {"n": draw.choice([1, 2.5, "2.5", "x", [1]])}]),
            }
        )
    _live_elsewhere(life, name, draw, moment)
    seen = [row["occurred_at"] for row in [*life.orders, *life.events]]
    seen += [row["set_at"] for row in life.traits if row["set_at"] > ALWAYS]
    life.first_seen_at = min([life.first_seen_at, *seen])
    return life


def _live_elsewhere(
    life: Life, name: str, draw: random.Random, moment: Callable[[], datetime]
) -> None:
    """What of a life lies in further tables; each a few rows, at times of which some are equal."""
    for when in [ALWAYS, moment()][: draw.randrange(3)]:
        city = draw.choice(["Leeds", "London", "Atlantis"])
        life.traits.append({"name": "city", "value": city, "set_at": when})
    for _ in range(draw.randrange(4)):
        life.events.append(
            {
                "event": "Email Link Clicked",
                "occurred_at": moment(),
                "touch": True,
                "machine": draw.random() < 0.2,
                "revenue": None,
                "campaign": None,
                "channel": draw.choice(["email", "sms", None]),
                "properties": None,
            }
        )
    for _ in range(draw.randrange(4)):
        life.firms.append(
            {
                "account_id": draw.choice(list(ACCOUNTS)),
                "role": draw.choice([None, "yes", "x"]),
                "state": draw.choice(["member", "member", "left"]),
                "set_at": moment(),
            }
        )
    for number in range(draw.randrange(3)):
        start = draw.choice([None, day(draw.randrange(-400, 90))])
        for _ in range(draw.randrange(1, 3)):
            life.subscriptions.append(
                {
                    "subscription_id": f"{name}/{number}",
                    "plan": draw.choice(["Pro", "Basic", None]),
                    "state": draw.choice(["active", "trial", "paused", "ended"]),
                    "price": draw.choice([None, "5.0000", "10.2500"]),
                    "period_months": draw.choice([1, 3, 12, None]),
                    "started_at": start,
                    "ended_at": draw.choice([None, None, day(draw.randrange(0, 120))]),
                    "set_at": moment(),
                }
            )
        for _ in range(draw.randrange(1, 3)):
            life.payments.append(
                {
                    "payment_id": f"{name}/{number}",
                    "kind": draw.choice(["payment", "repayment"]),
                    "state": draw.choice(["due", "paid", "paid", "late", "failed", "refunded"]),
                    "amount": "5",
                    "due_at": draw.choice([None, moment(), moment()]),
                    "set_at": moment(),
                }
            )
    for _ in range(draw.randrange(4)):
        life.usage.append(
            {
                "name": draw.choice(["gb", "gb", "calls"]),
                "amount": draw.choice([0.0, 0.1, 0.2, 2.5, 7.0]),
                "occurred_at": moment(),
            }
        )
        life.consents.append(
            {
                "channel": draw.choice(["email", "sms"]),
                "state": draw.choice(["granted", "denied", "revoked"]),
                "occurred_at": moment(),
            }
        )
        life.answers.append(
            {
                "survey": "nps",
                "question": draw.choice(["recommend", "why"]),
                "value": draw.choice(["7", "yes", "x", None]),
                "number": draw.choice([None, 1.0, 7.0]),
                "applicable": draw.choice([None, True, False]),
                "answered_at": day(draw.randrange(0, 60, 5)),
            }
        )
        life.scores.append(
            {
                "model": "churn",
                "version": draw.randrange(3),
                "score": draw.choice([0.1, 0.25, 0.5, 0.9]),
                "as_of": moment(),
            }
        )


def _store_elsewhere(stores: Stores, lives: dict[str, Life]) -> None:
    for table in ("subscriptions", "usage", "payments", "answers", "scores"):
        append(
            stores,
            table,
            [
                {**row, "origin_id": life.profile_id}
                for life in lives.values()
                for row in getattr(life, table)
            ],
        )
    append(
        stores,
        "account_members",
        [{**row, "origin_id": life.profile_id} for life in lives.values() for row in life.firms],
    )
    answers = [
        {
            **row,
            "origin_id": life.profile_id,
            "purpose": "marketing",
            "basis": "opt_in",
            "source": "test",
            "wording": None,
        }
        for life in lives.values()
        for row in life.consents
    ]
    if answers:
        record(stores, pa.Table.from_pylist(answers))


def store(stores: Stores, lives: dict[str, Life]) -> None:
    """Put lives into the lake, by the customer's name, and their answers on consent into the control database."""
    # All at once: every leaf of every rule reads every file, so a file a person would take minutes.
    add_traits(
        stores, [{"customer": name, **row} for name, life in lives.items() for row in life.traits]
    )
    add_orders(
        stores,
        [
            {
                **{
                    key: row.get(key)
                    for key in ("order_id", "kind", "coupon", "shop_id", "properties")
                },
                "customer": name,
                "ordered_at": row["occurred_at"],
                "lines": [
                    {**line, "unit_price": line["price"], "discount": line.get("discount", 0)}
                    for line in row["lines"]
                ],
            }
            for name, life in lives.items()
            for row in life.orders
        ],
    )
    _store_elsewhere(stores, lives)
    acts = [{"customer": name, **row} for name, life in lives.items() for row in life.events]
    keys = ("customer", "event", "occurred_at", "properties")
    add_events(
        stores,
        [
            {"revenue": row["revenue"], **{key: row[key] for key in keys}}
            for row in acts
            if not row["touch"]
        ],
    )
    add_touches(
        stores,
        [
            {
                "channel": row.get("channel"),
                **{key: row[key] for key in (*keys, "machine", "campaign")},
            }
            for row in acts
            if row["touch"]
        ],
    )
