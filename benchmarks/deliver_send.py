"""Messages a second and core through the whole of sending: stop-rules, rendering, signing and the ledger, into nothing.

`benchmarks/deliver_send.py [--messages N] [--rounds N] [--quick]`

People with an address, consent and traits, a contact policy with a cap and quiet hours, a letter of 8 kB, the control
database on SQLite. Yardsticks of the same run and the same people, which take turns with it: composing and signing
alone, and the ledger alone (claim, record, one attempt and one event for each). What the parts need together is the
least that the whole could need. The bare signature is measured too: with RSA it takes two thirds of the whole, so on a
machine that signs fewer than 4,500 times a second 3,000 cannot be reached. Figures are messages a second of processor
time of the best round. Then two processes send one plan together, by the clock and by their processor time: any number
may.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.model import Plan
from aimwell.decide.service import approve, plan
from aimwell.decide.stored import load_plan
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.deliver import ledger
from aimwell.deliver.ledger import Result
from aimwell.deliver.model import Outgoing, Recipient
from aimwell.deliver.null import NullTransport
from aimwell.deliver.outfit import outfit
from aimwell.deliver.sending import Batch, send_plan
from aimwell.deliver.service import execute
from aimwell.privacy.hashing import identifier_hash
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores, create_stores, open_stores

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
LEAST_PER_SECOND = {"RSA 2048": 3_000, "Ed25519": 3_000}
LEAST_OF_PARTS = 0.5

_PARAGRAPH = "<p>Everything for the garden is in, from seeds to sheds, at last year's prices.</p>\n"
_LETTER = (
    "<html><body><h1>Hello {{ first_name }}</h1><p>It is a while since you came by in {{ city }}.</p>"
    "<p><a href='https://shop.example/spring'>{{ offer.percent }} % with {{ offer.code }}</a></p>"
    + _PARAGRAPH * 40
    + "<p><a href='{{ unsubscribe_url }}'>Unsubscribe</a></p></body></html>"
)


def main() -> int:
    """Measure and print figures with their yardsticks; 1 where one is missed or a result is wrong."""
    asked = _arguments()
    if asked.send:
        return _send_as_child(Path(asked.send[0]), asked.send[1])
    people, rounds = (500, 1) if asked.quick else (asked.messages, asked.rounds)
    met = True
    for kind in ("RSA 2048", "Ed25519"):
        os.environ["AIMWELL_BENCH_KEY"] = _pem(kind)
        with tempfile.TemporaryDirectory() as folder:
            stores = create_stores(Path(folder) / "workspace", identity_key=bytes(32))
            _people(stores, people)
            _definitions(stores)
            best: dict[str, float] = {}
            for _ in range(rounds):
                for what, work in _work(stores).items():
                    best[what] = min(best.get(what, float("inf")), work())
            together = _together(stores)
            stores.close()
        met &= _print(kind, {what: people / seconds for what, seconds in best.items()})
        clock, used = (people / seconds for seconds in together)
        print(f"  two processes, one plan {clock:8,.0f}/s by the clock, {used:,.0f}/s a core")
    return 0 if met or asked.quick else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Send a plan into nothing.")
    parser.add_argument("--messages", type=int, default=6_000, help="messages in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few messages: does it run at all?")
    parser.add_argument("--send", nargs=2, metavar=("FOLDER", "PLAN"), help=argparse.SUPPRESS)
    return parser.parse_args()


def _pem(kind: str) -> str:
    key = Ed25519PrivateKey.generate() if kind == "Ed25519" else generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _people(stores: Stores, count: int) -> None:
    key = stores.identity_key
    names = [f"p{number:07}" for number in range(count)]
    ids = {name: identifier_hash(key, "customer_id", name) for name in names}
    tables: dict[str, list[dict[str, Any]]] = {
        "profiles": [
            {
                "profile_id": ids[name],
                "first_seen_at": NOW - timedelta(days=90),
                "last_seen_at": NOW - timedelta(days=9),
                "orders": 1,
                "traits": {"city": "Leeds"},
                "updated_at": NOW,
            }
            for name in names
        ],
        "identifiers": [
            {
                "kind": "email",
                "value_hash": identifier_hash(key, "email", f"{name}@example.com"),
                "origin_id": ids[name],
                "source": "bench",
                "first_seen_at": NOW,
            }
            for name in names
        ],
        "vault_people": [
            {
                "origin_id": ids[name],
                "email": f"{name}@example.com",
                "first_name": "Anna",
                "last_name": "Smith",
                "source": "bench",
                "set_at": NOW,
            }
            for name in names
        ],
        "consents": [
            {
                "origin_id": ids[name],
                "purpose": "marketing",
                "channel": "email",
                "state": "granted",
                "occurred_at": NOW - timedelta(days=30),
                "basis": "opt_in",
                "source": "bench",
            }
            for name in names
        ],
    }
    with stores.control.begin() as connection:
        for table, rows in tables.items():
            connection.execute(sa.insert(metadata.tables[table]), rows)


def _definitions(stores: Stores) -> None:
    documents = [
        {"kind": "offer", "name": "ten", "benefit": {"percent": 10}, "code": "TEN"},
        {
            "kind": "channel",
            "name": "email",
            "sender": {"address": "hello@shop.example", "name": "The Shop"},
            "sink": {},
            "dkim": {
                "domain": "shop.example",
                "selector": "a1",
                "private_key": {"env": "AIMWELL_BENCH_KEY"},
            },
        },
        {
            "kind": "template",
            "name": "letter",
            "variants": [{"subject": "{{ first_name }}, the garden is waiting", "html": _LETTER}],
        },
        {
            "kind": "contact_policy",
            "name": "default",
            "caps": [{"count": 1_000, "days": 7}],
            "quiet_hours": {"start": "22:00", "end": "07:00"},
        },
        {
            "kind": "campaign",
            "name": "spring",
            "audience": {"everyone": True},
            "actions": [{"offer": "ten", "channel": "email", "template": "letter"}],
            "holdout": 0.0,
        },
    ]
    definitions.apply(stores.control, [check(body) for body in documents], now=NOW, by="bench")


def _executed(stores: Stores) -> Plan:
    made = plan(stores, "spring", now=NOW, by="bench")
    approve(stores, made.plan_id, now=NOW, by="bench")
    return execute(stores, made.plan_id, now=NOW, by="bench")


def _work(stores: Stores) -> dict[str, Callable[[], float]]:
    """What is measured: each gives the seconds of processor time that one plan took."""
    return {
        "whole": lambda: _whole(stores),
        "compose and sign": lambda: _compose(stores),
        "ledger": lambda: _ledger(stores),
        "signature": lambda: _signatures(stores),
    }


def _whole(stores: Stores) -> float:
    made = _executed(stores)
    parts = parts_of_plan(made.document)
    way = NullTransport()
    batch = Batch(stores, made, parts, outfit(stores, parts), {"email": way}, lambda: LATER)
    began = time.process_time()
    run = asyncio.run(send_plan(batch))
    seconds = time.process_time() - began
    treated = made.summary["treated"]
    assert run.done == {"sent": treated}, run
    assert way.messages == treated
    return seconds


def _together(stores: Stores) -> tuple[float, float]:
    """Seconds by the clock, and of processor time, that two processes need for one plan."""
    made = _executed(stores)
    call = [sys.executable, __file__, "--send", str(stores.root), made.plan_id]
    children = [
        subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate()[0].split() for child in children]
    clock = time.perf_counter() - began
    assert sum(int(sent) for sent, _ in answers) == made.summary["treated"]
    return clock, sum(float(seconds) for _, seconds in answers)


def _send_as_child(root: Path, plan_id: str) -> int:
    """Send a plan together with others, from a word on; tell how many messages and how many seconds it was."""
    stores = open_stores(root)
    made = load_plan(stores.control, plan_id)
    parts = parts_of_plan(made.document)
    batch = Batch(
        stores, made, parts, outfit(stores, parts), {"email": NullTransport()}, lambda: LATER
    )
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.process_time()
    run = asyncio.run(send_plan(batch))
    print(run.done["sent"], time.process_time() - began)
    stores.close()
    return 0


def _signatures(stores: Stores) -> float:
    """The bare signature of as many messages, with nothing around it."""
    made = _executed(stores)
    key = load_pem_private_key(os.environ["AIMWELL_BENCH_KEY"].encode(), None)
    padding, algorithm, data = PKCS1v15(), SHA256(), bytes(700)
    began = time.process_time()
    for _ in range(made.summary["treated"]):
        if isinstance(key, RSAPrivateKey):
            key.sign(data, padding, algorithm)
        else:
            assert isinstance(key, Ed25519PrivateKey)
            key.sign(hashlib.sha256(data).digest())
    return time.process_time() - began


def _compose(stores: Stores) -> float:
    made = _executed(stores)
    parts = parts_of_plan(made.document)
    (composer,) = outfit(stores, parts).composers.values()
    fields = {"first_name": "Anna", "last_name": "Smith", "city": "Leeds"}
    people = [
        Recipient(f"m{number:08}", f"p{number}@example.com", fields, name="Anna Smith", variant="a")
        for number in range(made.summary["treated"])
    ]
    began = time.process_time()
    composed = composer.compose(people, now=LATER)
    seconds = time.process_time() - began
    assert all(isinstance(one, Outgoing) for one in composed)
    return seconds


def _ledger(stores: Stores) -> float:
    made = _executed(stores)
    began, done = time.process_time(), 0
    claimed: list[ledger.Claimed] = []
    while True:
        with stores.control.begin() as connection:
            results = [
                Result(one.message_id, "sent", reply="250", event="Email Sent") for one in claimed
            ]
            done += len(ledger.record(connection, claimed, results, now=LATER))
            claimed = ledger.claim(connection, made.plan_id, now=LATER, limit=500, lease_seconds=60)
        if not claimed:
            break
    seconds = time.process_time() - began
    assert done == made.summary["treated"]
    return seconds


def _print(kind: str, found: dict[str, float]) -> bool:
    least = 1 / (1 / found["compose and sign"] + 1 / found["ledger"])
    ratio = found["whole"] / least
    wanted = LEAST_PER_SECOND[kind]
    fast, near = found["whole"] >= wanted, ratio >= LEAST_OF_PARTS
    asked = f"  (at least {wanted:,}{'' if fast else ', MISSED'})" if wanted else ""
    print(f"signed by {kind}")
    print(f"  the signature alone     {found['signature']:8,.0f}/s")
    print(f"  compose and sign alone  {found['compose and sign']:8,.0f}/s")
    print(f"  ledger alone            {found['ledger']:8,.0f}/s")
    print(f"  the whole               {found['whole']:8,.0f}/s{asked}")
    beside = 1e6 / found["whole"] - 1e6 / found["signature"]
    print(
        f"  {beside:.0f} µs a message beside its signature, {found['whole'] / found['signature']:.2f} x of it"
    )
    print(
        f"  {ratio:.2f} x the parts alone, {least:,.0f}/s  (at least {LEAST_OF_PARTS:g}"
        f"{'' if near else ', MISSED'})"
    )
    return fast and near


if __name__ == "__main__":
    sys.exit(main())
