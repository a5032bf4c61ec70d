"""Processes that send are killed (SIGKILL) in the middle: nobody is lost, and nobody gets two messages unasked."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.deliver import service as deliver
from aimwell.deliver.touches import flush_touches
from aimwell.history.moment import open_moment
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from campaigns import NOW, executed, set_up
from child import Child, child
from databases import on, shortly_on
from mail_catcher import catching
from shop import day, make_stores

_messages = metadata.tables["messages"]
_events = metadata.tables["message_events"]

SENDER = """
import sys
from pathlib import Path
from aimwell.deliver.service import run_sending
from aimwell.store.stores import open_stores

stores = open_stores(Path(sys.argv[1]))
print("ready", flush=True)
def step(done, total):
    print(f"{done} {total}", flush=True)
found = run_sending(stores, sys.argv[2], progress=step)
print("ended", flush=True)
stores.close()
"""


def _prepared(
    tmp_path: Path, control_url: str, people: int, *, port: int | None, after_crash: str
) -> tuple[Stores, str]:
    stores = make_stores(tmp_path, control_url, public_url="https://news.shop.example")
    way = {"sink": {}} if port is None else {"sink": None, "smtp": _smtp(port)}
    set_up(stores, people, email=way, spring={"holdout": 0.0, "after_crash": after_crash})
    return stores, executed(stores).plan_id


def _smtp(port: int) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": port, "tls": "none", "connections": 3}


def _kill_and_finish(stores: Stores, plan_id: str, *, kills: int, draw: random.Random) -> int:
    """Start a sender again and again, kill it `kills` times at any moment, let the last one finish.

    Returns how many kills hit a sender at work.
    """
    hit = 0
    for _ in range(kills):
        with child(SENDER, stores.root, plan_id) as sender:
            assert sender.line() == "ready"
            handfuls = draw.randrange(4)
            ended = any(_line(sender) == "ended" for _ in range(handfuls))
            time.sleep(draw.random() * 0.05)
            sender.kill()
            if ended:
                break
            hit += 1
    for _ in range(2):  # the second finds nothing to do
        with child(SENDER, stores.root, plan_id) as sender:
            while _line(sender) != "ended":
                pass
            assert sender.end() == 0
    return hit


def _line(sender: Child) -> str:
    return sender.line()


def _states(stores: Stores) -> dict[str, str]:
    with stores.read_control() as connection:
        rows = connection.execute(sa.select(_messages.c.message_id, _messages.c.state)).all()
    return {row[0]: row[1] for row in rows}


def _sent_events(stores: Stores) -> Counter[str]:
    with stores.read_control() as connection:
        rows = connection.execute(
            sa.select(_events.c.message_id).where(_events.c.event == "Email Sent")
        )
        return Counter(rows.scalars())


def _touches(stores: Stores) -> Counter[str]:
    with open_moment(stores, as_of=day(3650)) as moment:
        rows = moment.session.rows(sql("SELECT message_id FROM touches WHERE event = 'Email Sent'"))
    return Counter(row[0] for row in rows)


def _into_the_sink(tmp_path: Path, control_url: str, *, people: int, kills: int, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    stores, plan_id = _prepared(tmp_path, control_url, people, port=None, after_crash="unknown")
    hit = _kill_and_finish(stores, plan_id, kills=kills, draw=draw)
    states = _states(stores)
    assert hit > 0
    assert len(states) == people
    # A folder tells by its names what it has, so nothing need stay unknown.
    assert set(states.values()) == {"sent"}
    files = {file.stem for file in (stores.root / "outbox" / plan_id).glob("*.eml")}
    assert files == set(states)
    assert not list((stores.root / "outbox").rglob("*.part")), (
        "a killed sender's addresses lie about"
    )
    assert _sent_events(stores) == Counter(dict.fromkeys(states, 1))
    assert _touches(stores) == Counter(dict.fromkeys(states, 1))
    assert deliver.status(stores, plan_id).state == "sent"
    stores.close()


def _into_a_server(
    tmp_path: Path, control_url: str, *, people: int, kills: int, seed: int, after_crash: str
) -> None:
    draw = random.Random(seed)  # noqa: S311 - moments to kill at
    with catching() as server:
        stores, plan_id = _prepared(
            tmp_path, control_url, people, port=server.port, after_crash=after_crash
        )
        hit = _kill_and_finish(stores, plan_id, kills=kills, draw=draw)
        arrived = server.times()
    states = _states(stores)
    assert hit > 0
    assert len(states) == people
    assert set(states.values()) <= {"sent", "unknown"}
    sent = {key for key, state in states.items() if state == "sent"}
    assert sent <= set(arrived)
    assert set(arrived) <= set(states)
    if after_crash == "resend":
        assert sent == set(states)
        assert sum(arrived.values()) - people <= 24 * kills
    else:
        assert set(arrived.values()) == {1}, "somebody got two messages"
        assert len(states) - len(sent) <= 24 * kills, "more is in doubt than was in flight"
    assert _sent_events(stores) == Counter(dict.fromkeys(sent, 1))
    assert _touches(stores) == Counter(dict.fromkeys(sent, 1))
    assert deliver.status(stores, plan_id).state == "sent"
    stores.close()


@pytest.mark.long
def test_killed_senders_lose_nobody_into_a_folder(
    tmp_path: Path, control_url: str, seed: int
) -> None:
    _into_the_sink(tmp_path, control_url, people=800, kills=2, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("control_url", "after_crash"),
    [
        on("postgresql", "resend"),
        on("sqlite", "unknown", long=True),
        on("sqlite", "resend", long=True),
        on("postgresql", "unknown", long=True),
    ],
    indirect=["control_url"],
)
def test_killed_senders_lose_nobody_to_a_real_mail_server(
    tmp_path: Path, control_url: str, seed: int, after_crash: str
) -> None:
    _into_a_server(tmp_path, control_url, people=250, kills=2, seed=seed, after_crash=after_crash)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_killed_senders_lose_nobody_of_10_000_into_a_folder(
    tmp_path: Path, control_url: str, seed: int
) -> None:
    _into_the_sink(tmp_path, control_url, people=10_000, kills=100, seed=seed)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("after_crash", ["unknown", "resend"])
def test_a_hundred_killed_senders_lose_nobody_of_10_000_to_a_real_mail_server(
    tmp_path: Path, control_url: str, seed: int, after_crash: str
) -> None:
    _into_a_server(
        tmp_path, control_url, people=10_000, kills=100, seed=seed, after_crash=after_crash
    )


@pytest.mark.slow
@shortly_on("postgresql")
def test_several_senders_at_once_send_everybody_once_though_one_is_killed(
    tmp_path: Path, control_url: str
) -> None:
    with catching() as server:
        stores, plan_id = _prepared(
            tmp_path, control_url, 400, port=server.port, after_crash="unknown"
        )
        with (
            # The victim begins first, so that it has begun to send before the others are done.
            child(SENDER, stores.root, plan_id) as victim,
            child(SENDER, stores.root, plan_id) as one,
            child(SENDER, stores.root, plan_id) as two,
        ):
            for _ in range(3):
                assert _line(victim) != "ended"
            victim.kill()
            for sender in (one, two):
                while _line(sender) != "ended":
                    pass
                assert sender.end() == 0
        deliver.run_sending(stores, plan_id)
        arrived = server.times()
    states = _states(stores)
    assert set(arrived.values()) == {1}
    assert set(states.values()) <= {"sent", "unknown"}
    assert {key for key, state in states.items() if state == "sent"} <= set(arrived)
    assert sum(state == "unknown" for state in states.values()) <= 24
    assert deliver.status(stores, plan_id).state == "sent"
    assert flush_touches(stores, now=NOW) == 0
    stores.close()
