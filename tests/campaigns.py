"""Campaigns for tests: the definitions around one, people who may be contacted, and the way to a plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aimwell.decide.model import Plan
from aimwell.decide.service import approve, plan
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.deliver import service as deliver
from aimwell.privacy.consent import record
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.vault import keep_people
from aimwell.store.control import insert_missing
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from shop import add_orders, day, origin

__all__ = [
    "DOCUMENTS",
    "NOW",
    "add_customers",
    "add_sent",
    "apply",
    "executed",
    "planned",
    "set_up",
    "text_of",
]

NOW = day(60)

DOCUMENTS: dict[str, dict[str, Any]] = {
    "ten": {"kind": "offer", "name": "ten", "benefit": {"percent": 10}, "code": "TEN"},
    "email": {
        "kind": "channel",
        "name": "email",
        "sender": {"address": "shop@shop.example", "name": "The Shop"},
        "sink": {},
        "cost": 0.02,
    },
    "hello": {
        "kind": "template",
        "name": "hello",
        "defaults": {"first_name": "friend"},
        "variants": [
            {
                "subject": "Hello {{ first_name }}",
                "html": "<p>Dear {{ first_name }}, <a href='https://shop.example/sale?a=1'>look</a>: "
                "{{ offer.percent }} % with {{ offer.code }}. <a href='{{ unsubscribe_url }}'>No more</a></p>",
            }
        ],
    },
    "spring": {
        "kind": "campaign",
        "name": "spring",
        "audience": {"everyone": True},
        "actions": [{"offer": "ten", "channel": "email", "template": "hello"}],
        "holdout": 0.2,
    },
}


def apply(stores: Stores, **changes: Mapping[str, Any]) -> None:
    """Apply the documents above; `changes` are by name, on top."""
    bodies = [{**body, **changes.get(name, {})} for name, body in DOCUMENTS.items()]
    bodies += [dict(body) for name, body in changes.items() if name not in DOCUMENTS]
    definitions.apply(stores.control, [check(body) for body in bodies], now=NOW, by="ann")


def add_customers(
    stores: Stores, names: Iterable[str], *, consent: str | None = "granted", email: bool = True
) -> None:
    """People with one order each, an address, and an answer on e-mail (None: no answer is known)."""
    names = list(names)
    add_orders(
        stores,
        [
            {
                "customer": name,
                "order_id": name,
                "ordered_at": day(50 + number % 9),
                "revenue": 10 + number % 7,
            }
            for number, name in enumerate(names)
        ],
    )
    if email:
        rows = [
            {
                "origin_id": origin(stores, n),
                "email": f"{n}@example.com",
                "first_name": n.title(),
                "customer_id": n,
            }
            for n in names
        ]
        keep_people(stores, pa.Table.from_pylist(rows), source="crm", set_at=day(1))
        addresses = [
            {
                "kind": "email",
                "value_hash": identifier_hash(stores.identity_key, "email", f"{name}@example.com"),
                "origin_id": origin(stores, name),
                "source": "crm",
                "first_seen_at": day(1),
            }
            for name in names
        ]
        with stores.control.begin() as connection:
            insert_missing(connection, metadata.tables["identifiers"], addresses)
    if consent is not None:
        record(
            stores,
            pa.Table.from_pylist(
                [
                    {
                        "origin_id": origin(stores, name),
                        "purpose": "marketing",
                        "channel": "email",
                        "state": consent,
                        "occurred_at": day(2),
                        "basis": "opt_in",
                        "source": "crm",
                        "wording": "Yes please",
                    }
                    for name in names
                ]
            ),
        )


def set_up(stores: Stores, people: int = 50, **changes: Mapping[str, Any]) -> list[str]:
    """People who may be contacted and the documents of a campaign; returns the names of the people."""
    names = [f"c{number:05}" for number in range(people)]
    add_customers(stores, names)
    apply(stores, **changes)
    return names


def planned(stores: Stores, *, now: datetime = NOW, **more: Any) -> Plan:
    """A plan of the campaign `spring`."""
    return plan(stores, "spring", now=now, by="ann", **more)


def executed(stores: Stores, *, now: datetime = NOW, **more: Any) -> Plan:
    """A plan of the campaign `spring`, approved and executed, nothing sent yet."""
    made = planned(stores, now=now, **more)
    approve(stores, made.plan_id, now=now, by="ann")
    return deliver.execute(stores, made.plan_id, now=now + timedelta(seconds=1), by="ann")


def text_of(value: Any) -> str:
    """Any value as text, to look for what must not stand in it."""
    return json.dumps(value, default=str)


def add_sent(stores: Stores, profiles: Iterable[str], *, at: datetime) -> None:
    """A mail of another campaign that each of these people got at that moment."""
    rows = [
        {
            "message_id": f"m{number}",
            "campaign": "earlier",
            "plan_id": "earlier-1",
            "step": "main",
            "profile_id": profile,
            "occurrence": "1",
            "channel": "email",
            "action": "x",
            "state": "sent",
            "due_at": at,
            "sent_at": at,
        }
        for number, profile in enumerate(profiles)
    ]
    with stores.control.begin() as connection:
        connection.execute(metadata.tables["messages"].insert(), rows)
