"""Real mail servers: one that is fine, and ones that refuse, put off, stall or die half way."""

from __future__ import annotations

import base64
import threading
import types
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import dkim
import httpx
import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aimwell.deliver import service as deliver
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.ledger import ATTEMPTS_MAX
from aimwell.privacy.permission import permissions
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from databases import shortly_on
from live_server import free_port, serving
from mail_catcher import catching
from shop import make_stores, origin
from smtp_server import CLOSE, STALL, scripted

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]
ALL = {"holdout": 0.0}


class _VerifyKey:
    """The one thing of PyNaCl that dkimpy needs, with the curve from `cryptography`."""

    def __init__(self, key: bytes, encoder: object) -> None:
        del encoder
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, digest: bytes, signature: bytes) -> None:
        self._key.verify(signature, digest)


_NACL = types.SimpleNamespace(
    signing=types.SimpleNamespace(VerifyKey=_VerifyKey),
    encoding=types.SimpleNamespace(Base64Encoder=None),
    exceptions=types.SimpleNamespace(ValueError=ValueError, BadSignatureError=InvalidSignature),
)


PUBLIC = "https://news.shop.example"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW + timedelta(minutes=5)

    def __call__(self) -> Any:
        return self.now


def _through(port: int, **more: Any) -> dict[str, Any]:
    smtp = {"host": "127.0.0.1", "port": port, "tls": "none", "connections": 1, **more}
    return {"sink": None, "smtp": smtp}


def _rows(stores: Stores) -> list[Any]:
    with stores.read_control() as connection:
        return list(connection.execute(sa.select(_messages)))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_the_good_path_signed_and_verified_and_unsubscribed(
    tmp_path: Path, kind: str, rsa_pem: str, ed25519_pem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = rsa_pem if kind == "rsa" else ed25519_pem
    monkeypatch.setenv("SHOP_DKIM_KEY", pem)
    if not hasattr(dkim, "nacl"):
        monkeypatch.setattr(dkim, "nacl", _NACL, raising=False)
    port = free_port()
    stores = make_stores(tmp_path, public_url=f"http://news.shop.example:{port}")
    signature = {
        "domain": "shop.example",
        "selector": "a1",
        "private_key": {"env": "SHOP_DKIM_KEY"},
    }
    with catching() as server:
        names = set_up(stores, 5, spring=ALL, email={**_through(server.port), "dkim": signature})
        plan = executed(stores)
        done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert (done.state, done.total("sent")) == ("sent", 5)
    assert sorted(server.recipients) == [f"{name}@example.com" for name in names]
    name, record = DkimSigner(
        domain="shop.example", selector="a1", private_key_pem=pem
    ).dns_record()
    assert name == "a1._domainkey.shop.example"
    for letter in server.letters:
        assert dkim.verify(letter, dnsfunc=lambda *_a, **_k: record.encode())
        parsed = message_from_bytes(letter, policy=policy.default)
        signed = str(parsed["DKIM-Signature"]).replace(" ", "").lower()
        covered = signed.partition("h=")[2].partition(";")[0].split(":")
        assert {"from", "to", "subject", "list-unsubscribe", "list-unsubscribe-post"} <= set(
            covered
        )
        assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = str(parsed["List-Unsubscribe"]).split("<http")[1].split(">")[0]
    with serving(stores) as base:
        path = "http" + address
        path = base + path.partition(f":{port}")[2]
        assert httpx.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    name = str(parsed["To"]).rpartition("<")[2].partition("@")[0]
    person = origin(stores, name)
    with stores.read_control() as connection:
        asked = permissions(connection, purpose="marketing", channel="email", profile_ids=[person])
    assert asked.refusal(person) == "suppressed"


def test_an_address_that_does_not_exist_is_not_written_to_again(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url, public_url=PUBLIC)

    def answer(address: str) -> str:
        return "550 5.1.1 no such user" if address.startswith("c00001") else "250 fine"

    with catching(answer) as server:
        set_up(stores, 3, spring=ALL, email=_through(server.port))
        plan = executed(stores)
        done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
        assert done.messages == {"sent": {"": 2}, "failed": {"bad_recipient": 1}}
        (failed,) = [row for row in _rows(stores) if row.state == "failed"]
        assert failed.reply.startswith("550 5.1.1")
        assert "c00001" not in failed.reply
        again = executed(stores, now=NOW + timedelta(days=1))
        assert again.summary["excluded"] == {"suppressed": 1}
    with stores.read_control() as connection:
        events = connection.execute(sa.select(_events.c.event)).scalars().all()
    assert sorted(events) == ["Email Bounced", "Email Sent", "Email Sent"]


@shortly_on("sqlite")
def test_a_server_that_puts_off_is_tried_later_and_later_and_then_given_up(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url, public_url=PUBLIC)
    with catching(lambda _address: "451 4.7.1 greylisted") as server:
        set_up(stores, 1, spring=ALL, email=_through(server.port))
        plan, clock = executed(stores), Clock()
        waits = []
        for number in range(1, ATTEMPTS_MAX + 1):
            found = deliver.run_sending(stores, plan.plan_id, clock=clock)
            (row,) = _rows(stores)
            assert row.attempts == number
            if number < ATTEMPTS_MAX:
                assert found.messages == {"queued": {"put off by the server": 1}}
                assert found.next_due_at is not None
                assert deliver.run_sending(stores, plan.plan_id, clock=clock).messages == (
                    found.messages
                ), "it was tried again too early"
                waits.append(found.next_due_at - clock.now)
                clock.now = found.next_due_at
    assert waits == sorted(waits)
    assert len(set(waits)) == len(waits)
    assert found.messages == {"failed": {"put off too often": 1}}
    assert found.state == "sent"
    attempts = metadata.tables["attempts"]
    with stores.read_control() as connection:
        outcomes = connection.execute(sa.select(attempts.c.outcome).order_by(attempts.c.number))
        assert list(outcomes.scalars()) == ["retry"] * (ATTEMPTS_MAX - 1) + ["refused"]


def test_a_server_that_is_away_ends_the_run_and_a_later_one_finishes(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url, public_url=PUBLIC)
    port = free_port()
    set_up(stores, 20, spring=ALL, email=_through(port))
    plan, clock = executed(stores), Clock()
    held = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert held.ended == "trouble"
    assert held.trouble is not None
    assert f"127.0.0.1 port {port}" in held.trouble
    assert held.state == "sending"
    assert held.total("queued") == 20
    assert max(row.attempts for row in _rows(stores)) == 0, "nothing was tried"
    with catching() as server:
        with stores.control.begin() as connection:  # the server has come back at another place
            plans = metadata.tables["plans"]
            document = dict(plan.document)
            document["channels"]["email"]["smtp"]["port"] = server.port
            connection.execute(sa.update(plans).values(document=document))
        clock.now += timedelta(minutes=2)
        done = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert (done.state, done.total("sent")) == ("sent", 20)
    assert set(server.times().values()) == {1}


def test_a_login_that_is_refused_says_what_to_check(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, public_url=PUBLIC)
    with scripted({"BANNER": ["554 5.7.1 you are on a list"] * 3}) as server:
        set_up(stores, 2, spring=ALL, email=_through(server.port))
        plan = executed(stores)
        held = deliver.run_sending(stores, plan.plan_id, clock=Clock())
    assert held.trouble is not None
    assert "refuses us (554" in held.trouble
    assert held.total("queued") == 2


def test_what_was_given_without_an_answer_is_unknown_and_is_not_sent_again(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url, public_url=PUBLIC)
    with scripted({"TEXT": [CLOSE, "250 ok", CLOSE]}) as server:
        set_up(stores, 6, spring=ALL, email=_through(server.port))
        plan = executed(stores)
        done = deliver.run_sending(stores, plan.plan_id, clock=Clock())
        assert done.messages == {"sent": {"": 4}, "unknown": {"no answer came": 2}}
        assert done.state == "sent"
        again = deliver.run_sending(stores, plan.plan_id, clock=Clock())
        assert again.messages == done.messages
        assert len(server.accepted) == 4


def test_a_server_that_dies_half_way_leaves_the_rest_for_later(
    tmp_path: Path, control_url: str
) -> None:
    stores = make_stores(tmp_path, control_url, public_url=PUBLIC)
    script = {"TEXT": ["250 ok"] * 3 + ["CLOSE 50"] * 3, "BANNER": ["220 hello"] * 6}
    with scripted(script) as server:
        set_up(stores, 30, spring=ALL, email=_through(server.port))
        plan, clock = executed(stores), Clock()
        held = deliver.run_sending(stores, plan.plan_id, clock=clock)
        assert held.trouble is not None
        assert "loses connections" in held.trouble
        assert held.messages["sent"] == {"": 3}
        assert held.total("unknown") == 3
        assert held.total("queued") == 24
        clock.now += timedelta(minutes=2)
        done = deliver.run_sending(stores, plan.plan_id, clock=clock)
        assert done.state == "sent"
        assert done.total("sent") == 27
        assert len(server.accepted) == 27


@pytest.mark.parametrize("step", ["BANNER", "RCPT", "TEXT"])
def test_a_server_that_stalls_does_not_hold_the_run_for_ever(tmp_path: Path, step: str) -> None:
    stores = make_stores(tmp_path, public_url=PUBLIC)
    with scripted({step: [STALL] * 4}) as server:
        set_up(stores, 2, spring=ALL, email=_through(server.port, timeout_seconds=0.3))
        plan, clock = executed(stores), Clock()
        held = deliver.run_sending(stores, plan.plan_id, clock=clock)
        for _ in range(6):
            clock.now += timedelta(hours=1)
            held = deliver.run_sending(stores, plan.plan_id, clock=clock)
    assert held.total("sending") == held.total("queued") == 0
    assert held.total("sent") + held.total("unknown") == 2
    assert held.total("unknown") == (2 if step == "TEXT" else 0)


def test_the_switch_holds_back_what_a_slow_server_has_not_taken(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, public_url=PUBLIC)
    arrived = threading.Event()

    def answer(_address: str) -> str:
        arrived.set()
        return "250 fine"

    with catching(answer) as server:
        slow = {**_through(server.port), "rate_per_second": 2}
        set_up(stores, 8, spring=ALL, email=slow)
        plan = executed(stores)

        def switch() -> None:
            arrived.wait(30)
            deliver.set_sending(stores, False, now=NOW, by="ann")

        thread = threading.Thread(target=switch)
        thread.start()
        held = deliver.run_sending(stores, plan.plan_id, clock=Clock())
        thread.join()
    # One handful holds all eight; at two a second it would take four seconds.
    assert held.ended == "all sending is switched off"
    assert 1 <= held.total("sent") <= 5
    assert held.total("queued") == 8 - held.total("sent")
    assert len(server.letters) == held.total("sent")
