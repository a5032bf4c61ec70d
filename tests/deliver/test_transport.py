from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from aimwell.deliver.model import Outcome, Outgoing
from aimwell.deliver.null import NullTransport
from aimwell.deliver.sink import SinkTransport
from aimwell.deliver.smtp import SmtpSettings, SmtpTransport
from aimwell.deliver.transport import Transport
from smtp_server import ScriptedServer


@pytest.mark.parametrize("kind", ["null", "sink", "smtp"])
def test_every_way_out_gives_one_outcome_for_each_message(kind: str, tmp_path: Path) -> None:
    async def scenario() -> list[Outcome]:
        async with ScriptedServer() as server:
            ways: dict[str, Transport] = {
                "null": NullTransport(),
                "sink": SinkTransport(tmp_path),
                "smtp": SmtpTransport(
                    SmtpSettings("127.0.0.1", server.port, tls="none", connections=2)
                ),
            }
            way = ways[kind]
            messages = (
                Outgoing(f"m-{n}", "b@x.example", "p@x.example", b"A: b\r\n\r\nc\r\n")
                for n in range(9)
            )
            outcomes = [outcome async for outcome in way.send(messages)]
            await way.close()
            return outcomes

    outcomes = asyncio.run(scenario())
    assert sorted(outcome.message_id for outcome in outcomes) == [f"m-{n}" for n in range(9)]
    assert {outcome.status for outcome in outcomes} == {"accepted"}


def test_the_null_transport_counts() -> None:
    async def scenario() -> NullTransport:
        way = NullTransport()
        async for _ in way.send([Outgoing("m", "b@x.example", "p@x.example", b"12345")] * 3):
            pass
        return way

    way = asyncio.run(scenario())
    assert (way.messages, way.size_bytes) == (3, 15)
