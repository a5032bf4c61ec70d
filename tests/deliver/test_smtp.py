"""Sending to a server that refuses, stalls, or dies half way: what is known of each message afterwards."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.deliver.model import Outcome, Outgoing
from aimwell.deliver.smtp import SmtpSettings, SmtpTransport
from aimwell.errors import (
    DeliverError,
    RecipientsRefusedError,
    ServerRefusedError,
    ServerUnreachableError,
)
from smtp_server import CLOSE, STALL, ScriptedServer

QUICK: dict[str, Any] = {
    "host": "127.0.0.1",
    "tls": "none",
    "connections": 1,
    "connect_seconds": 0.3,
    "command_seconds": 0.3,
    "answer_seconds": 0.3,
}


def message(number: int, *, international: bool = False) -> Outgoing:
    to = "zoë@example.com" if international else f"person{number}@example.com"
    text = f"Subject: {number}\r\n\r\n.{number}\r\n..\r\nend\r\n"
    return Outgoing(f"m-{number}", f"b-{number}@bounces.example", to, text.encode(), international)


def messages(count: int) -> list[Outgoing]:
    return [message(number) for number in range(count)]


class Pulled:
    """Messages that remember how many were pulled, and cannot say how many they are."""

    def __init__(self, items: Iterable[Outgoing]) -> None:
        self._items = iter(items)
        self.ids: list[str] = []

    def __iter__(self) -> Iterator[Outgoing]:
        for item in self._items:
            self.ids.append(item.message_id)
            yield item


async def collect(
    transport: SmtpTransport, items: Iterable[Outgoing]
) -> tuple[list[Outcome], Exception | None]:
    outcomes: list[Outcome] = []
    try:
        async for outcome in transport.send(items):
            outcomes.append(outcome)
    except DeliverError as err:
        return outcomes, err
    return outcomes, None


def run(
    script: dict[str, list[str]], items: Iterable[Outgoing], **settings_: Any
) -> tuple[list[Outcome], Exception | None, ScriptedServer]:
    async def scenario() -> tuple[list[Outcome], Exception | None, ScriptedServer]:
        async with ScriptedServer(script) as server:
            transport = SmtpTransport(SmtpSettings(**{**QUICK, "port": server.port, **settings_}))
            try:
                outcomes, error = await collect(transport, items)
            finally:
                await transport.close()
            return outcomes, error, server

    return asyncio.run(scenario())


def one(script: dict[str, list[str]], **settings_: Any) -> Outcome:
    outcomes, error, _ = run(script, [message(1)], **settings_)
    assert error is None
    (outcome,) = outcomes
    return outcome


def test_one_connection_carries_many_messages() -> None:
    outcomes, error, server = run({}, messages(20))
    assert error is None
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 20
    assert {outcome.message_id for outcome in outcomes} == {f"m-{n}" for n in range(20)}
    assert server.connections == 1
    assert server.lines[0].startswith("EHLO")
    assert server.lines[1:4] == [
        "MAIL FROM:<b-0@bounces.example>",
        "RCPT TO:<person0@example.com>",
        "DATA",
    ]
    assert server.lines[-1] == "QUIT"


def test_text_arrives_byte_for_byte_with_dots_doubled_on_the_way_only() -> None:
    _, _, server = run({}, [message(7)])
    assert server.accepted == [b"Subject: 7\r\n\r\n..7\r\n...\r\nend\r\n"]


def test_a_pool_uses_several_connections_and_no_more_than_there_are_messages() -> None:
    _, _, server = run({}, messages(30), connections=3)
    assert (server.connections, server.most_at_once) == (3, 3)
    _, _, server = run({}, messages(2), connections=8)
    assert server.connections == 2
    _, _, server = run({}, [], connections=8)
    assert server.connections == 0


def test_a_connection_is_replaced_after_its_share_of_messages() -> None:
    outcomes, _, server = run({}, messages(7), messages_per_connection=3)
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 7
    assert server.connections == 3


def test_a_server_that_cannot_be_reached_costs_no_message() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    items = Pulled(messages(5))
    outcomes, error, _ = run({}, items, port=port)
    assert isinstance(error, ServerUnreachableError)
    assert error.retryable
    assert "cannot be reached" in str(error)
    assert (outcomes, items.ids) == ([], [])


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ({"BANNER": [STALL]}, ServerUnreachableError, "cannot be reached"),
        ({"BANNER": [CLOSE]}, ServerUnreachableError, "cannot be reached"),
        ({"BANNER": ["421 4.3.2 too busy"]}, ServerUnreachableError, "421 too busy"),
        ({"BANNER": ["554 5.7.1 you are listed"]}, ServerRefusedError, "554 you are listed"),
        ({"BANNER": ["SSH-2.0-OpenSSH"]}, ServerUnreachableError, "does not take mail now"),
        ({"EHLO": [STALL]}, ServerUnreachableError, "cannot be reached"),
        ({"EHLO": [CLOSE]}, ServerUnreachableError, "cannot be reached"),
        ({"EHLO": ["550 go away"], "HELO": ["550 go away"]}, ServerRefusedError, "550 go away"),
    ],
)
def test_a_server_that_does_not_let_us_begin_costs_no_message(
    script: dict[str, list[str]], kind: type[Exception], words: str
) -> None:
    items = Pulled(messages(5))
    outcomes, error, _ = run(script, items)
    assert isinstance(error, kind)
    assert words in str(error)
    assert (outcomes, items.ids) == ([], [])


def test_an_old_server_without_ehlo_is_greeted_with_helo() -> None:
    assert one({"EHLO": ["502 what?"]}).status == "accepted"


@pytest.mark.parametrize(
    ("step", "reply", "status", "stage", "code", "enhanced"),
    [
        ("MAIL", "450 4.7.1 greylisted", "deferred", "mail", 450, "4.7.1"),
        ("RCPT", "450 4.2.1 later", "deferred", "rcpt", 450, "4.2.1"),
        ("RCPT", "550 5.1.1 <person0@example.com> unknown", "refused", "rcpt", 550, "5.1.1"),
        ("RCPT", "550-5.1.1 no\r\n550 5.1.1 such user", "refused", "rcpt", 550, "5.1.1"),
        ("DATA", "451 no room", "deferred", "data", 451, ""),
        ("DATA", "554 no valid recipients", "refused", "data", 554, ""),
        ("DATA", "250 what?", "deferred", "data", 450, ""),
        ("TEXT", "452 4.3.1 no room", "deferred", "data", 452, "4.3.1"),
        ("TEXT", "552 5.3.4 too big", "refused", "data", 552, "5.3.4"),
        ("TEXT", "421 4.3.2 closing", "deferred", "data", 421, "4.3.2"),
    ],
)
def test_a_refusal_is_for_one_message_and_the_next_one_goes_on(
    step: str, reply: str, status: str, stage: str, code: int, enhanced: str
) -> None:
    outcomes, error, server = run({step: [reply]}, messages(3))
    assert error is None
    first, *others = outcomes
    assert (first.status, first.stage, first.code, first.enhanced) == (
        status,
        stage,
        code,
        enhanced,
    )
    assert "person0" not in first.text
    assert [outcome.status for outcome in others] == ["accepted", "accepted"]
    assert len(server.accepted) == 2


def test_a_refused_sender_ends_the_run_because_no_message_can_change_it() -> None:
    items = Pulled(messages(5))
    outcomes, error, server = run({"MAIL": ["550 5.1.8 bad sender"] * 5}, items)
    assert isinstance(error, ServerRefusedError)
    assert "does not take mail from this sender (550 5.1.8 bad sender)" in str(error)
    assert {(one.status, one.stage, one.code) for one in outcomes} == {("deferred", "mail", 550)}
    assert [one.message_id for one in outcomes] == items.ids
    assert len(items.ids) < 5
    assert server.accepted == []


@pytest.mark.parametrize(
    ("step", "reply"), [("RCPT", "554 5.7.1 no relay"), ("TEXT", "550 5.7.1 spam")]
)
def test_refusals_one_after_another_end_the_run_before_all_are_refused(
    step: str, reply: str
) -> None:
    outcomes, error, _ = run({step: [reply] * 30}, messages(30))
    assert isinstance(error, ServerRefusedError)
    assert "one message after another" in str(error)
    assert 10 <= len(outcomes) < 15
    mixed = [reply if number % 9 else "250 fine" for number in range(30)]
    outcomes, error, _ = run({step: mixed}, messages(30))
    assert (len(outcomes), error) == (30, None)


def test_a_server_that_knows_nobody_at_all_ends_the_run() -> None:
    unknown = "550 5.1.1 no such user"
    outcomes, error, _ = run({"RCPT": [unknown] * 60}, messages(60))
    assert isinstance(error, RecipientsRefusedError)
    assert "one address after another" in str(error)
    assert 20 <= len(outcomes) < 25
    outcomes, error, _ = run({"RCPT": [unknown] * 15}, messages(30))
    assert (len(outcomes), error) == (30, None), "addresses that do not exist are not our fault"


def test_a_recipient_that_the_server_forwards_is_accepted() -> None:
    assert one({"RCPT": ["251 will forward"]}).status == "accepted"


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [CLOSE, STALL])
def test_a_connection_lost_before_the_text_is_replaced_and_the_message_sent_once(
    step: str, fault: str
) -> None:
    outcomes, error, server = run({step: [fault]}, messages(3))
    assert error is None
    assert [outcome.status for outcome in outcomes] == ["accepted"] * 3
    assert len(server.accepted) == 3
    assert server.connections == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_twice_before_the_text_defers_the_message(step: str) -> None:
    outcomes, error, server = run({step: [CLOSE, CLOSE]}, messages(2))
    assert error is None
    assert [(outcome.status, outcome.stage) for outcome in outcomes] == [
        ("deferred", "connect"),
        ("accepted", "data"),
    ]
    assert outcomes[0].may_retry
    assert len(server.accepted) == 1


@pytest.mark.parametrize("fault", [CLOSE, STALL, "CLOSE 5", "nonsense"])
def test_a_connection_lost_after_the_text_was_given_leaves_the_message_unknown(fault: str) -> None:
    outcomes, error, _ = run({"TEXT": [fault]}, messages(2))
    assert error is None
    assert [outcome.status for outcome in outcomes] == ["unknown", "accepted"]
    assert not outcomes[0].may_retry
    assert outcomes[0].message_id == "m-0"


def test_a_server_that_stalls_takes_no_longer_than_the_setting_says() -> None:
    began = time.monotonic()
    outcome = one({"TEXT": [STALL]}, answer_seconds=0.2)
    assert outcome.status == "unknown"
    assert "did not answer" in outcome.text
    assert 0.15 < time.monotonic() - began < 5


def test_a_server_that_keeps_dying_with_messages_in_hand_gets_no_more() -> None:
    items = Pulled(messages(50))
    outcomes, error, _ = run({"TEXT": [CLOSE] * 50}, items)
    assert isinstance(error, ServerUnreachableError)
    assert "loses connections" in str(error)
    assert [outcome.status for outcome in outcomes] == ["unknown"] * 3
    assert items.ids == ["m-0", "m-1", "m-2"]


def test_a_server_that_is_closing_defers_and_gets_no_more() -> None:
    items = Pulled(messages(50))
    outcomes, error, _ = run({"MAIL": ["421 4.3.2 going down"] * 50}, items)
    assert isinstance(error, ServerUnreachableError)
    assert "421 going down" in str(error)
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [("deferred", 421)] * 3
    assert len(items.ids) == 3


def test_a_server_that_dies_for_good_defers_what_was_in_hand() -> None:
    async def scenario() -> tuple[list[Outcome], Exception | None, list[str]]:
        async with ScriptedServer({"RCPT": ["250 fine", CLOSE]}) as server:
            transport = SmtpTransport(SmtpSettings(**{**QUICK, "port": server.port}))
            items = Pulled(messages(10))

            def then_die() -> Iterator[Outgoing]:
                for item in items:
                    if item.message_id == "m-1":
                        server._server.close()  # no connection after this one
                    yield item

            outcomes, error = await collect(transport, then_die())
            await transport.close()
            return outcomes, error, items.ids

    outcomes, error, ids = asyncio.run(scenario())
    assert isinstance(error, ServerUnreachableError)
    assert [outcome.status for outcome in outcomes] == ["accepted", "deferred"]
    assert ids == ["m-0", "m-1"]


def test_a_server_that_allows_few_connections_still_gets_everything() -> None:
    script = {"BANNER": ["220 fine", "421 too many", "421 too many", "421 too many"]}
    outcomes, error, server = run(script, Pulled(messages(40)), connections=4)
    assert error is None
    assert len(outcomes) == len(server.accepted) == 40


def test_messages_are_pulled_only_when_they_can_be_handed_over() -> None:
    ahead: list[int] = []

    async def scenario() -> None:
        async with ScriptedServer() as server:
            transport = SmtpTransport(
                SmtpSettings(**{**QUICK, "port": server.port, "connections": 2})
            )
            done = 0
            items = Pulled(messages(20))
            async for _ in transport.send(items):
                done += 1
                ahead.append(len(items.ids) - done)
            await transport.close()

    asyncio.run(scenario())
    assert len(ahead) == 20
    assert max(ahead) <= 4  # two in flight, and outcomes that wait to be read


def test_an_error_of_the_caller_comes_back_after_the_outcomes() -> None:
    def failing() -> Iterator[Outgoing]:
        yield message(0)
        raise OSError("the ledger is gone")

    async def scenario() -> list[Outcome]:
        outcomes: list[Outcome] = []

        async def send(transport: SmtpTransport) -> None:
            async for outcome in transport.send(failing()):
                outcomes.append(outcome)

        async with ScriptedServer() as server:
            chosen = SmtpSettings(**{**QUICK, "port": server.port, "connections": 3})
            transport = SmtpTransport(chosen)
            with pytest.raises(OSError, match="the ledger is gone"):
                await send(transport)
            await transport.close()
        return outcomes

    assert [outcome.status for outcome in asyncio.run(scenario())] == ["accepted"]


def test_who_leaves_early_leaves_no_task_behind() -> None:
    async def scenario() -> set[asyncio.Task[Any]]:
        async with ScriptedServer({"TEXT": ["250 fine", STALL, STALL]}) as server:
            transport = SmtpTransport(
                SmtpSettings(
                    **{**QUICK, "port": server.port, "connections": 3, "answer_seconds": 60}
                )
            )
            stream = transport.send(messages(9))
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]
            await transport.close()
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(scenario()) == set()


def test_connections_are_kept_from_batch_to_batch_and_renewed_when_stale() -> None:
    async def scenario() -> tuple[list[str], int, int]:
        async with ScriptedServer() as server:
            transport = SmtpTransport(SmtpSettings(**{**QUICK, "port": server.port}))
            first, _ = await collect(transport, messages(2))
            second, _ = await collect(transport, messages(2))
            kept = server.connections
            for writer in list(server._open):
                writer.close()
            await asyncio.sleep(0.05)
            third, _ = await collect(transport, messages(2))
            await transport.close()
            again, _ = await collect(transport, messages(1))
            await transport.close()
            return [o.status for o in [*first, *second, *third, *again]], kept, server.connections

    statuses, kept, connections = asyncio.run(scenario())
    assert statuses == ["accepted"] * 7
    assert (kept, connections) == (1, 3)


def test_a_transport_may_be_used_in_one_event_loop_after_another() -> None:
    transport: SmtpTransport | None = None

    async def scenario() -> list[Outcome]:
        nonlocal transport
        async with ScriptedServer() as server:
            transport = SmtpTransport(SmtpSettings(**{**QUICK, "port": server.port}))
            outcomes, _ = await collect(transport, messages(1))
            await transport.close()
            return outcomes

    for _ in range(2):
        assert asyncio.run(scenario())[0].status == "accepted"


def test_an_international_address_needs_a_server_that_takes_it() -> None:
    outcomes, _, server = run({}, [message(1, international=True), message(2)])
    assert [(outcome.status, outcome.stage) for outcome in outcomes] == [
        ("refused", "mail"),
        ("accepted", "data"),
    ]
    assert not outcomes[0].about_recipient
    outcomes, _, server = run({"EHLO": ["250-x\r\n250 SMTPUTF8"]}, [message(1, international=True)])
    assert outcomes[0].status == "accepted"
    assert "MAIL FROM:<b-1@bounces.example> SMTPUTF8" in server.lines
    assert "RCPT TO:<zoë@example.com>" in server.lines


def test_the_pace_is_kept_over_all_connections() -> None:
    now = [0.0]
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds
        await asyncio.sleep(0)

    async def scenario() -> int:
        async with ScriptedServer() as server:
            chosen = SmtpSettings(
                **{**QUICK, "port": server.port, "connections": 2, "messages_per_second": 4.0}
            )
            transport = SmtpTransport(chosen, clock=lambda: now[0], sleep=sleep)
            outcomes, _ = await collect(transport, messages(9))
            await transport.close()
            return len(outcomes)

    assert asyncio.run(scenario()) == 9
    assert naps == [0.25] * 8  # nine messages at four a second, and no wait after the last


FAULTS = {
    "BANNER": ["220 fine", "421 busy", CLOSE],
    "MAIL": ["250 ok", "450 later", "550 no", "421 bye", CLOSE],
    "RCPT": ["250 ok", "450 later", "550 no", "421 bye", CLOSE],
    "DATA": ["354 go", "451 later", "554 no", "421 bye", CLOSE],
    "TEXT": ["250 ok", "450 later", "550 no", "421 bye", CLOSE, "CLOSE 3", "CLOSE 0"],
    "RSET": ["250 ok", "500 what", CLOSE],
}


@given(
    script=st.fixed_dictionaries(
        {step: st.lists(st.sampled_from(entries), max_size=8) for step, entries in FAULTS.items()}
    ),
    connections=st.integers(1, 3),
)
@settings(max_examples=60)
def test_whatever_the_server_does_each_message_has_one_true_outcome(
    script: dict[str, list[str]], connections: int
) -> None:
    items = Pulled(messages(8))
    outcomes, error, server = run(script, items, connections=connections)
    by_id = {outcome.message_id: outcome.status for outcome in outcomes}
    assert len(by_id) == len(outcomes)
    assert sorted(by_id) == sorted(items.ids)
    assert error is not None or len(items.ids) == 8
    taken = [text.split(b"\r\n")[0].removeprefix(b"Subject: ").decode() for text in server.accepted]
    assert len(taken) == len(set(taken))
    assert {message_id for message_id, status in by_id.items() if status == "accepted"} == {
        f"m-{n}" for n in taken
    }
