"""Campaigns that cannot work, from the document to the report: refused in words, and nothing is sent."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import open_stores
from command import Run
from live_server import free_port
from smtp_server import CLOSE, STALL, scripted
from trial_shop import TAKE, documents, orders


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the workspace once its orders are collected."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def workspace(run: Run, made: Path, kept: Path, tmp_path: Path) -> Path:
    """A workspace `shop` with the orders of 59 people, who may be written to, taken once for all tests."""
    shop = tmp_path / "shop"
    if not (kept / "shop").exists():
        shutil.copytree(made, shop)
        Path("orders.csv").write_text(orders(0, 180, people=59), encoding="utf-8")
        run("collect", "orders", "orders.csv", *TAKE, "-w", "shop")
        shutil.copytree(shop, kept / "shop")
        return shop
    return shutil.copytree(kept / "shop", shop)


NOBODY = {
    "kind": "segment",
    "name": "nobody",
    "rule": {"event": "Order Completed", "count": {"at_least": 1_000}},
}

REFUSED: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "an empty segment": (
        {"nobody": NOBODY, "spring": {"audience": {"segment": "nobody"}}},
        "is empty",
    ),
    "an offer that has ended": (
        {"ten-percent": {"valid": {"end": "2026-01-31T00:00:00Z"}}},
        "ended on 2026-01-31",
    ),
    "an offer without stock": (
        {"ten-percent": {"stock": 0}},
        "× the offer's stock does not reach this far",
    ),
    "everybody held out": ({"spring": {"holdout": 1}}, "holds out everybody"),
    "a budget below one message": (
        {"spring": {"policy": {"budget": 0.01}}},
        "does not pay for one",
    ),
    "a budget of nothing": ({"spring": {"policy": {"budget": 0}}}, "does not pay for one"),
    "people without consent": ({"spring": {"trial": False}}, "no answer on consent is known"),
}


def prepare(run: Run, **changes: dict[str, Any]) -> None:
    Path("spring.yaml").write_text(documents(**changes), encoding="utf-8")
    run("apply", "spring.yaml", "-w", "shop")


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED)
def test_a_campaign_that_cannot_work_is_refused_when_it_is_planned(
    run: Run, workspace: Path, changes: dict[str, dict[str, Any]], words: str
) -> None:
    prepare(run, **changes)
    told = run("decide", "plan", "spring", "-w", "shop", "--json", code=1)
    assert words in told.err
    assert words in told.json["error"]["message"]
    assert "example.com" not in told.err
    assert run("decide", "plans", "-w", "shop", "--json").json == []
    assert "no plan of 'spring' yet" in run("decide", "plans", "spring", "-w", "shop").out
    assert not list(workspace.rglob("*.eml"))


ABSURD: dict[str, dict[str, Any]] = {
    "year 1 is no year to send in": {"spring": {"schedule": {"at": "0001-01-01T00:00"}}},
    "year 9999 is no year to send in": {"spring": {"schedule": {"at": "9999-12-31T23:59"}}},
    "'buyers' stands twice": {"spring": {"policy": {"segments": ["buyers", "buyers"]}}},
    "'winter' stands twice": {"spring": {"policy": {"learn_from": ["winter", "winter"]}}},
    "policy.budget: input should be less than": {"spring": {"policy": {"budget": 1e308}}},
    "cost: input should be less than": {"email": {"cost": 1e30}},
    "weight: input should be less than": {
        "spring": {"actions": [{"channel": "email", "template": "hello", "weight": 1e308}]}
    },
    "benefit.amount: input should be less": {"ten-percent": {"benefit": {"amount": 1e308}}},
    "share: input should be greater": {
        "few": {"kind": "holdout", "name": "few", "share": 0.00001, "starts": "2026-01-01"}
    },
    "points_per_unit: input should be less": {
        "club": {"kind": "loyalty", "name": "club", "points_per_unit": 1e308}
    },
}


def test_numbers_and_times_that_nothing_can_hold_are_refused_when_they_are_applied(
    run: Run, workspace: Path
) -> None:
    del workspace
    for words, changes in ABSURD.items():
        Path("absurd.yaml").write_text(documents(**changes), encoding="utf-8")
        assert words in run("apply", "absurd.yaml", "-w", "shop", code=1).err
    assert run("get", "-w", "shop", "--json").json == []


def start(run: Run, *, as_of: str | None = None) -> int:
    """Plan and approve `spring`; gives how many are to be contacted."""
    past = ["--as-of", as_of] if as_of is not None else []
    found = run("decide", "plan", "spring", *past, "-w", "shop", "--json").json
    run("decide", "approve", "latest:spring", "-w", "shop")
    treated: int = found["summary"]["treated"]
    return treated


def test_for_a_single_customer_a_plan_is_made_and_says_that_nothing_can_be_found_out(
    run: Run, made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path / "shop")
    Path("orders.csv").write_text(orders(0, 3, people=1), encoding="utf-8")
    run("collect", "orders", "orders.csv", *TAKE, "-w", "shop")
    prepare(run, spring={"holdout": 0.0001})
    told = run("decide", "plan", "spring", "-w", "shop")
    assert "No lift of the revenue per person can be detected: an arm has nobody in it." in told.out
    assert "Nobody is held out" in told.err


def test_a_template_with_a_field_that_nobody_has_sends_nothing_and_the_mended_one_goes_out(
    run: Run, workspace: Path
) -> None:
    text = "Dear {{ nosuch }}, {{ unsubscribe_url }}"
    prepare(run, hello={"variants": [{"subject": "Hello", "text": text}]})
    start(run)
    told = run("deliver", "run", "latest:spring", "-w", "shop", "--json", code=1)
    assert "The field 'nosuch' is missing" in told.err
    assert "Nothing was sent" in told.err
    assert "example.com" not in told.err
    assert not list(workspace.rglob("*.eml"))
    prepare(run)
    treated = start(run)
    run("deliver", "run", "latest:spring", "-w", "shop")
    assert len(list(workspace.rglob("*.eml"))) == treated > 0


WRONG_TEXTS = """\
kind: template
name: hello
variants:
  - name: a
    subject: "Hello {{ firstName }}"
    html: |
      <p>Dear {{ first_name | upcas }},</p>
      <p>{{ offer.percnt }} off in {{ shop.town }}.</p>
  - name: b
    subject: "Hello {{ email "
    text: |
      Dear {{ first_name }},
      {% if country == "GB" %}ten percent off.
"""


def test_texts_that_cannot_be_right_are_refused_when_they_are_applied_all_at_once(
    run: Run, workspace: Path
) -> None:
    del workspace
    Path("hello.yaml").write_text(WRONG_TEXTS, encoding="utf-8")
    told = run("apply", "hello.yaml", "-w", "shop", code=1).err
    for place, words in {
        "hello.yaml:5: variants[0].subject: line 1": "no field is called 'firstName'",
        "hello.yaml:6: variants[0].html: line 1": "unknown filter 'upcas'. Did you mean 'upcase'?",
        "hello.yaml:6: variants[0].html: line 2": "Did you mean 'offer.percent'?",
        "hello.yaml:10: variants[1].subject: line 1": "is not ended by '}}'",
        "hello.yaml:11: variants[1].text: line 2": "expected tag endif",
    }.items():
        assert any(place in line and words in line for line in told.splitlines()), told
    assert "there is no field 'shop.town'" in told
    assert run("get", "-w", "shop", "--json").json == []


def test_without_a_known_margin_the_plan_warns_and_the_report_speaks_of_revenue_and_says_why(
    run: Run, workspace: Path
) -> None:
    del workspace
    goal = {"event": "Order Completed", "value": "margin", "window": "30d"}
    prepare(run, spring={"goal": goal})
    treated = start(run, as_of="2026-04-01")
    plan = run("decide", "explain", "latest:spring", "-w", "shop", "--json").json
    assert any("margin of some sales is unknown" in one for one in plan["summary"]["warnings"])
    run("deliver", "run", "latest:spring", "-w", "shop")
    report = run("measure", "report", "latest:spring", "-w", "shop", "--json").json
    assert report["treated"]["people"] == treated
    assert report["lifts"]["revenue"]["treated"]["buyers"] > 0
    assert report["headline"] == "revenue"
    assert report["profit"]["estimate"] is None
    assert "margin" in report["profit"]["reason"]


def through(port: int) -> dict[str, Any]:
    """The channel `email` through a mail server of this machine."""
    smtp = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "connections": 1,
        "timeout_seconds": 0.5,
    }
    return {"sink": None, "smtp": smtp}


SERVERS: dict[str, tuple[dict[str, list[str]], str, dict[str, int]]] = {
    # What the server does first; what is said; and what became of messages, while all others wait.
    "refuses everybody": ({"BANNER": ["554 5.7.1 go away"] * 9}, "refuses us (554 go away)", {}),
    "refuses the sender": (
        {"MAIL": ["550 5.7.1 who are you"]},
        "does not take mail from this sender (550 5.7.1 who are you)",
        {},
    ),
    "refuses to relay": (
        {"RCPT": ["554 5.7.1 relaying denied"] * 10},
        "refuses one message after another (554 5.7.1 relaying denied)",
        {"failed": 10},
    ),
    "refuses to relay without a code": (
        {"RCPT": ["550 relaying denied"] * 10},
        "refuses one message after another (550 relaying denied)",
        {"failed": 10},
    ),
    "knows nobody": (
        {"RCPT": ["550 5.1.1 no such user"] * 20},
        "says of one address after another that there is nobody (550 5.1.1 no such user)",
        {},
    ),
    "stalls": ({"BANNER": [STALL] * 9}, "cannot be reached", {}),
    "stalls after every text": (
        {"TEXT": ["250 fine", *[STALL] * 9]},
        "loses connections",
        {"sent": 1, "unknown": 3},
    ),
    "dies half way": (
        {"TEXT": ["250 fine", "CLOSE 200"], "BANNER": ["220 hello", *[CLOSE] * 9]},
        "cannot be reached",
        {"sent": 1, "unknown": 1},
    ),
}


def standing(run: Run) -> dict[str, int]:
    """State → messages of the newest plan."""
    found = run("deliver", "status", "latest:spring", "-w", "shop", "--json").json
    return {state: sum(reasons.values()) for state, reasons in found["messages"].items()}


def a_minute_later(workspace: Path) -> None:
    """What waits is due, as it would be a minute later."""
    messages = metadata.tables["messages"]
    with closing(open_stores(workspace)) as stores, stores.control.begin() as connection:
        connection.execute(
            sa.update(messages)
            .where(messages.c.state == "queued")
            .values(due_at=datetime(2026, 1, 1, tzinfo=UTC))
        )


@pytest.mark.parametrize(
    ("script", "words", "ended"),
    [
        pytest.param(*server, id=name, marks=[pytest.mark.long] if place % 2 else [])
        for place, (name, server) in enumerate(SERVERS.items())
    ],
)
def test_a_mail_server_that_fails_loses_nobody_and_the_same_command_goes_on(
    run: Run, workspace: Path, script: dict[str, list[str]], words: str, ended: dict[str, int]
) -> None:
    send = ["deliver", "run", "latest:spring", "--through-smtp", "-w", "shop", "--json"]
    with scripted(script) as server:
        prepare(run, email=through(server.port))
        treated = start(run)
        told = run(*send, code=1)
        assert words in told.json["trouble"]
        assert "run this again: aimwell deliver run" in told.err
        assert "example.com" not in told.err
        stand = standing(run)
        assert {**stand, "queued": 0} == {"queued": 0, **ended}
        assert sum(stand.values()) == treated, "somebody was lost"
        assert len(server.accepted) == ended.get("sent", 0)
        server.mend()
        a_minute_later(workspace)
        run(*send)
        lost = sum(ended.values()) - ended.get("sent", 0)
        assert len(server.accepted) == treated - lost
    assert standing(run) == {**ended, "sent": treated - lost}


def test_a_mail_server_that_is_not_there_is_named(run: Run, workspace: Path) -> None:
    del workspace
    port = free_port()
    prepare(run, email=through(port))
    treated = start(run)
    told = run("deliver", "run", "latest:spring", "--through-smtp", "-w", "shop", code=1)
    assert f"127.0.0.1 port {port} cannot be reached" in told.err
    assert standing(run) == {"queued": treated}


HOSTILE = "<script>alert(1)</script>"


def test_names_in_documents_are_checked_and_texts_of_people_do_nothing(
    run: Run, workspace: Path
) -> None:
    for name in ("../x", "x\x1b[31m", "a b", "x" * 64, "'; DROP TABLE definitions; --", HOSTILE):
        Path("a.yaml").write_text(
            documents(**{name: {"kind": "offer", "name": name}}), encoding="utf-8"
        )
        told = run("apply", "a.yaml", "-w", "shop", code=1)
        assert "not a valid name" in told.err
        assert "\x1b" not in told.err
    assert run("get", "-w", "shop", "--json").json == []
    prepare(
        run,
        spring={"description": HOSTILE},
        email={"sender": {"address": "s@shop.example", "name": HOSTILE}},
    )
    run("decide", "plan", "spring", "--as-of", "2026-04-01", "-w", "shop")
    run("decide", "approve", "latest:spring", "-w", "shop")
    run("deliver", "run", "latest:spring", "-w", "shop")
    page = Path(run("measure", "report", "latest:spring", "-w", "shop", "--json").json["html"])
    assert HOSTILE not in page.read_text(encoding="utf-8")
