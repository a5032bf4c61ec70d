"""Tracking over HTTP: what Segment's clients send is taken, all else is refused in the protocol's words."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State

from aimwell.collect.tracking.door import Door, inbox_folder
from aimwell.collect.tracking.keys import create_key
from aimwell.collect.tracking.messages import Fault, Message, read_messages
from aimwell.collect.tracking.records import Kept, unpack
from aimwell.server.tracking import tracking_routes
from aimwell.store.inbox import InboxWriter, read_segment, sealed_segments
from aimwell.store.stores import Stores
from live_server import serving_app
from shop import make_stores

CALLS = ["identify", "track", "page", "screen", "group", "alias"]


class Tracked:
    """A live server that takes messages, and what it has kept once it is stopped."""

    def __init__(self, stores: Stores, base: str, key: str) -> None:
        self.stores, self.base, self.key = stores, base, key

    def post(self, path: str, content: Any, **headers: str) -> httpx.Response:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx.post(
            self.base + path, content=body, headers={"Authorization": self.basic, **headers}
        )

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.key}:".encode()).decode()

    def kept(self) -> list[Kept]:
        folder = inbox_folder(self.stores)
        return [unpack(record) for path in sealed_segments(folder) for record in read_segment(path)]

    def messages(self) -> list[Message | Fault]:
        return [one for kept in self.kept() for one in read_messages(kept.body, kept.received)]


@contextmanager
def tracking(stores: Stores, **options: Any) -> Iterator[Tracked]:
    key, _ = create_key(stores, "web", now=datetime.now(UTC), by="test")

    async def begin(app: Litestar) -> None:
        app.state.door = Door(stores, InboxWriter(inbox_folder(stores)), **options)

    async def end(app: Litestar) -> None:
        await app.state.door.close()

    app = Litestar(
        route_handlers=[tracking_routes()],
        state=State(),
        on_startup=[begin],
        on_shutdown=[end],
        logging_config=None,
    )
    with serving_app(app) as base:
        yield Tracked(stores, base, key)


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(tmp_path)


def test_every_call_is_taken_under_its_long_and_its_short_name(stores: Stores) -> None:
    item = {"userId": "u", "event": "e", "previousId": "p", "groupId": "g"}
    with tracking(stores) as shop:
        for path in [*(f"/v1/{call}" for call in CALLS), *(f"/v1/{call[0]}" for call in CALLS)]:
            answer = shop.post(path, item)
            assert (answer.status_code, answer.json()) == (200, {"success": True})
            assert "set-cookie" not in answer.headers
        for path in ("/v1/batch", "/v1/b", "/v1/import"):
            assert shop.post(path, {"batch": [{**item, "type": "track"}] * 2}).status_code == 200
    found = shop.messages()
    assert [one.type for one in found if isinstance(one, Message)] == CALLS + CALLS + ["track"] * 6


def test_the_key_may_come_in_each_of_the_three_ways(stores: Stores) -> None:
    item = {"userId": "u", "event": "e"}
    with tracking(stores) as shop:
        assert shop.post("/v1/track", item).status_code == 200
        bearer = f"Bearer {shop.key}"
        assert shop.post("/v1/track", item, Authorization=bearer).status_code == 200
        body = json.dumps({**item, "writeKey": shop.key})
        plain = {"Content-Type": "text/plain"}
        assert httpx.post(shop.base + "/v1/t", content=body, headers=plain).status_code == 200
        for wrong in (
            "Basic ???",
            "Basic " + base64.b64encode(b"x:").decode(),
            "Digest x",
            "Basic",
        ):
            answer = shop.post("/v1/track", item, Authorization=wrong)
            assert (answer.status_code, answer.json()["success"]) == (401, False)
    assert len(shop.kept()) == 3


def test_a_zipped_body_is_unzipped_and_a_bomb_is_not(stores: Stores) -> None:
    item = json.dumps({"batch": [{"type": "track", "userId": "u", "event": "ü"}]}).encode()
    with tracking(stores) as shop:
        zipped = {"Content-Encoding": "gzip"}
        assert shop.post("/v1/batch", gzip.compress(item), **zipped).status_code == 200
        bomb = gzip.compress(b" " * 200_000_000)
        assert len(bomb) < 500_000
        for bad, words in [
            (bomb, "unzipped"),
            (item, "no gzip"),
            (gzip.compress(item)[:-3], "cut off"),
            (gzip.compress(item) * 2, "too long"),
        ]:
            answer = shop.post("/v1/batch", bad, **zipped)
            assert answer.status_code == 400
            assert words in answer.json()["message"]
        assert shop.post("/v1/batch", item, **{"Content-Encoding": "br"}).status_code == 400
    assert [kept.body for kept in shop.kept()] == [item]


def test_what_is_too_large_or_no_json_is_refused_with_400(stores: Stores) -> None:
    with tracking(stores) as shop:
        for path, body in [
            ("/v1/track", b'{"a":"' + b"x" * 32_768 + b'"}'),
            ("/v1/batch", b'{"batch":[]}' + b" " * 512_000),
            ("/v1/batch", b"x" * 3_000_000),
            ("/v1/batch", b"{"),
            ("/v1/batch", b""),
            ("/v1/batch", b"\xff"),
            ("/v1/batch", b"[" * 200_000),
        ]:
            answer = shop.post(path, body)
            assert answer.status_code == 400, path
            assert answer.json()["success"] is False
        assert shop.post("/v1/nosuch", {}).status_code == 404
        assert httpx.get(shop.base + "/v1/track").status_code == 405
    assert shop.kept() == []


def test_a_body_that_is_too_large_is_answered_also_to_clients_that_send_all_of_it_first(
    stores: Stores,
) -> None:
    with tracking(stores) as shop:
        place = urlsplit(shop.base)
        for body in (b"x" * 8_000_000, iter([b"x" * 1_000_000] * 8)):
            line = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
            with closing(line):
                line.request("POST", "/v1/batch", body, {"Connection": "close"})
                answer = line.getresponse()
                assert (answer.status, b"more than" in answer.read()) == (400, True)
    assert shop.kept() == []


def test_a_bad_message_takes_no_neighbour_along(stores: Stores) -> None:
    good = {"type": "track", "userId": "u", "event": "e"}
    with tracking(stores) as shop:
        assert shop.post("/v1/batch", {"batch": [good, 7, {}, good]}).status_code == 200
    assert [type(one) for one in shop.messages()] == [Message, Fault, Fault, Message]


def test_nor_does_one_that_is_nested_more_deeply_than_can_be_read(stores: Stores) -> None:
    good = json.dumps({"type": "track", "userId": "u", "event": "e"})
    deep = good.replace('"e"', "[" * 5_000 + "]" * 5_000)
    with tracking(stores) as shop:
        body = f'{{"batch":[{good},{deep},{good}]}}'.encode()
        assert shop.post("/v1/batch", body).status_code == 200
    assert [type(one) for one in shop.messages()] == [Message, Fault, Message]


def test_too_many_messages_are_answered_with_when_to_come_again(stores: Stores) -> None:
    item = {"type": "track", "userId": "u", "event": "e"}
    with tracking(stores, messages_per_second=1.0) as shop:
        assert shop.post("/v1/batch", {"batch": [item] * 10}).status_code == 200
        answer = shop.post("/v1/batch", {"batch": [item] * 10})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert int(answer.headers["x-ratelimit-reset"]) > 1_700_000_000
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert len(shop.kept()) == 1


def test_pages_of_other_origins_may_call(stores: Stores) -> None:
    with tracking(stores) as shop:
        asked = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-retry-count",
        }
        answer = httpx.options(shop.base + "/v1/t", headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert {"authorization", "content-type", "x-retry-count"} <= set(allowed.split(", "))
        assert (
            shop.post(
                "/v1/t", {"userId": "u", "event": "e"}, Origin="https://shop.example"
            ).headers["access-control-allow-origin"]
            == "*"
        )


def test_a_browser_that_opts_out_is_remembered(stores: Stores) -> None:
    with tracking(stores) as shop:
        shop.post("/v1/track", {"userId": "u", "event": "e"}, **{"Sec-GPC": "1"})
        shop.post("/v1/track", {"userId": "u", "event": "e"})
    assert [kept.received.opted_out for kept in shop.kept()] == [True, False]


def test_a_full_disk_is_answered_with_503_and_nothing_is_lost_afterwards(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = {"userId": "u", "event": "e"}
    with tracking(stores) as shop:
        assert shop.post("/v1/track", item).status_code == 200

        def full(_descriptor: int, _data: bytes) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("aimwell.store.inbox.writer._write_all", full)
            answer = shop.post("/v1/track", item)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
        assert shop.post("/v1/track", item).status_code == 200
    assert len(shop.kept()) == 2


def test_the_description_tells_the_bodies(stores: Stores) -> None:
    with tracking(stores) as shop:
        described = httpx.get(shop.base + "/schema/openapi.json").json()
    assert list(described["paths"].pop("/v1/projects/{key}/settings")) == ["get"]
    assert sorted(described["paths"]) == sorted(f"/v1/{call}" for call in [*CALLS, "batch"])
    for found in described["paths"].values():
        assert set(found["post"]["requestBody"]["content"]) == {"application/json", "text/plain"}
