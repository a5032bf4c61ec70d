"""One person's scores over HTTP: guarded, kept up with what happens, and refused or missing in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from aimwell.collect.tracking.keys import create_key
from aimwell.history.current import refresh_state
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, promote
from aimwell.predict.service import score_propensity, train_propensity
from aimwell.privacy import known_keys
from aimwell.privacy.read_keys import create_read_key, revoke_read_key
from aimwell.server import score_worker
from aimwell.store.stores import Stores, open_stores
from aimwell.unify.live import flush_and_unify
from aimwell.workspace.erasing import erase_person
from child import child, eventually
from live_server import free_port, serving
from shop import add_orders, add_traits, make_stores, origin
from steady import steady_orders

COLUMNS = ("recency_days", "orders_90d", "tenure_days")
BUYERS_ONLY = "It is asked of buyers only"
SERVE = """
import sys, uvicorn
from pathlib import Path
from aimwell.server.app import create_app
from aimwell.store.stores import open_stores
app = create_app(open_stores(Path(sys.argv[1])))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="error")
"""


def trained(
    stores: Stores, name: str, *, among: str = "everybody", seed: int = 0
) -> RegisteredModel:
    """A version in use."""
    now = datetime.now(UTC)
    question = Question(columns=COLUMNS, among=among)
    entry = train_propensity(
        stores,
        as_of=now,
        horizon_days=45,
        question=question,
        name=name,
        learners=("logistic",),
        seed=seed,
        now=now,
    ).entry
    promote(stores, entry, by="test", reason="a test", now=datetime.now(UTC))
    return entry


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """People who bought until yesterday, by the clock of this machine: a server has no other."""
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    orders = steady_orders(people=300, days=320)
    shift = datetime.now(UTC) - timedelta(days=1) - max(one["ordered_at"] for one in orders)
    moved = [{**one, "ordered_at": one["ordered_at"] + shift} for one in orders]
    add_orders(stores, [{**one, "received_at": one["ordered_at"]} for one in moved])
    long_ago = moved[0]["ordered_at"]
    add_traits(
        stores,
        [
            {
                "customer": "looks",
                "name": "plan",
                "value": "x",
                "set_at": long_ago,
                "received_at": long_ago,
            }
        ],
    )
    entry, now = trained(stores, "buy"), datetime.now(UTC)
    score_propensity(stores, entry, as_of=now, now=now)
    yield stores
    stores.close()


@dataclass
class Server:
    """A live server, and who asks it."""

    base: str
    key: str

    def get(self, who: str, **asked: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.get(f"{self.base}/api/scores/{who}", params=asked, headers=headers)

    def score(self, who: str, model: str = "buy") -> dict[str, Any]:
        answer = self.get(who, model=model)
        assert answer.status_code == 200, answer.text
        [found] = answer.json()["scores"]
        return dict(found)


def read_key(stores: Stores) -> str:
    return create_read_key(stores, "shop", now=datetime.now(UTC), by="test")[0]


@pytest.fixture
def server(shop: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(score_worker, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(known_keys, "KEYS_SECONDS", 0.0)
    with serving(open_stores(shop.root)) as base:
        yield Server(base, read_key(shop))


def buy(shop: Stores, base: str, customer: str) -> None:
    """An order that a client tells of, carried into the lake as the flusher does."""
    key, _ = create_key(shop, "web", now=datetime.now(UTC), by="test")
    properties = {"order_id": f"t-{customer}", "revenue": 25, "currency": "GBP"}
    message = {"userId": customer, "event": "Order Completed", "properties": properties}
    assert httpx.post(f"{base}/v1/track", json={"writeKey": key, **message}).status_code == 200
    eventually(
        lambda: bool(
            flush_and_unify(shop, now=datetime.now(UTC), refresh=refresh_state).flush.taken
        )
    )


def test_scores_are_let_out_to_read_keys_alone(shop: Stores, server: Server) -> None:
    url = f"{server.base}/api/scores/c1"
    write_key, _ = create_key(shop, "web", now=datetime.now(UTC), by="test")
    for headers in (
        {},
        {"Authorization": f"Bearer {write_key}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {server.key}"},
    ):
        answer = httpx.get(url, headers=headers)
        assert answer.status_code == 401
        assert "read key" in answer.json()["message"]
        assert answer.headers["www-authenticate"] == "Bearer"
    assert server.get("c1").status_code == 200
    key, made = create_read_key(shop, "other", now=datetime.now(UTC), by="test")
    assert Server(server.base, key).get("c1").status_code == 200
    revoke_read_key(shop, made.key_id, now=datetime.now(UTC), by="test")
    assert Server(server.base, key).get("c1").status_code == 401
    tracked = httpx.post(f"{server.base}/v1/track", json={"writeKey": server.key, "event": "x"})
    assert tracked.status_code == 401
    assert httpx.post(url).json()["message"]


def test_a_person_s_scores_say_whose_and_how_old_they_are(shop: Stores, server: Server) -> None:
    answer = server.get("c1").json()
    assert answer["profile_id"] == origin(shop, "c1")
    assert server.get(origin(shop, "c1")).json()["profile_id"] == origin(shop, "c1")
    [found] = answer["scores"]
    assert (found["model"], found["version"], found["kind"]) == ("buy", 1, "propensity")
    assert 0 < found["score"] < 1
    assert found["horizon_days"] == 45
    assert found["reason"] is None
    age = (datetime.now(UTC) - datetime.fromisoformat(found["as_of"])).total_seconds()
    assert found["age_seconds"] == pytest.approx(age, abs=5)
    for stranger in ("nobody", "0" * 24, "ann@example.com"):
        missing = server.get(stranger)
        assert missing.status_code == 404
        assert "Nobody is known by that" in missing.json()["message"]
    for too_long in (server.get("x" * 10_000), server.get("c1", model="x" * 201)):
        assert too_long.status_code == 400
        assert too_long.json()["message"].endswith("no model's name is longer than 200 characters.")
    assert "No model '' is in use" in server.get("c1", model="").json()["message"]
    absent = server.get("c1", model="other")
    assert absent.status_code == 404
    assert "No model 'other' is in use" in absent.json()["message"]
    assert "In use: buy" in absent.json()["message"]


def test_the_interface_says_what_it_answers(server: Server) -> None:
    described = httpx.get(f"{server.base}/schema/openapi.json").json()
    told = described["paths"]["/api/scores/{who}"]["get"]
    assert set(told["responses"]) >= {"200", "401", "404", "503"}
    assert told["security"] == [{"read key": []}]
    assert described["components"]["securitySchemes"]["read key"]["scheme"] == "bearer"
    assert {one["name"] for one in told["parameters"]} == {"who", "model"}
    score = next(v for k, v in described["components"]["schemas"].items() if k.endswith("Score"))
    assert {"as_of", "age_seconds", "version", "reason"} <= set(score["properties"])


def test_a_purchase_changes_the_score_also_after_a_kill_and_in_another_process(
    shop: Stores, server: Server
) -> None:
    def changed(one: Server) -> bool:
        return bool(one.score(buyer)["score"] != before["score"])

    buyer, other = sorted(
        (f"c{one}" for one in range(20, 50)), key=lambda one: server.score(one)["score"]
    )[:2]
    before, kept = server.score(buyer), server.score(other)
    port = free_port()
    beside = Server(f"http://127.0.0.1:{port}", server.key)
    with child(SERVE, shop.root, port) as process:
        eventually(lambda: answers(beside))
        buy(shop, server.base, buyer)
        eventually(lambda: changed(server))
        eventually(lambda: changed(beside))
        process.kill()
    after = server.score(buyer)
    assert after["score"] > before["score"]  # who has just bought is likelier to buy, here
    assert after["as_of"] > before["as_of"]
    assert server.score(other)["as_of"] == kept["as_of"]
    with child(SERVE, shop.root, port):
        eventually(lambda: answers(beside))
        assert beside.score(buyer)["score"] == pytest.approx(after["score"], rel=1e-3)
        assert beside.score(other)["as_of"] == kept["as_of"]


def answers(server: Server) -> bool:
    try:
        return server.get("c1").status_code == 200
    except httpx.TransportError:
        return False


def test_a_version_that_is_promoted_is_taken_up_and_worked_out_for_whom_it_is_asked(
    shop: Stores, server: Server
) -> None:
    first = trained(shop, "buy-more", among="buyers")
    eventually(lambda: server.get("c1", model="buy-more").status_code == 200)
    alone = server.score("c1", "buy-more")
    assert (alone["version"], 0 < alone["score"] < 1) == (first.version, True)
    prospect = server.score("looks", "buy-more")
    assert prospect["score"] is None
    assert BUYERS_ONLY in prospect["reason"]
    assert {one["model"] for one in server.get("c1").json()["scores"]} == {"buy", "buy-more"}
    second = trained(shop, "buy-more", among="buyers", seed=1)
    assert second.version == 2
    eventually(lambda: bool(server.score("c1", "buy-more")["version"] == 2))
    now = datetime.now(UTC)
    written = score_propensity(shop, second, as_of=now, now=now)
    eventually(lambda: bool(datetime.fromisoformat(server.score("c2", "buy-more")["as_of"]) == now))
    row = next(one for one in written.to_pylist() if one["profile_id"] == origin(shop, "c2"))
    assert server.score("c2", "buy-more")["score"] == row["score"]


def test_who_was_erased_is_gone(shop: Stores, server: Server) -> None:
    assert server.score("c11")["score"] is not None
    erase_person(shop, "c11", now=datetime.now(UTC), by="test")
    eventually(lambda: server.get("c11").status_code == 404)
    assert server.get(origin(shop, "c11")).status_code == 404
    with serving(open_stores(shop.root)) as again:
        assert Server(again, server.key).get("c11").status_code == 404
        assert Server(again, server.key).get("c12").status_code == 200


def test_a_model_that_was_tampered_with_is_refused_and_the_server_lives_on(
    shop: Stores, server: Server
) -> None:
    entry = trained(shop, "bent")
    file = next(iter(entry.files))
    path = shop.root / "models" / "bent" / str(entry.version) / file
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"0", b"1", 1))
    eventually(lambda: server.get("c1", model="bent").status_code == 200)
    refused = server.score("c1", "bent")
    assert refused["score"] is None
    assert "is not used" in refused["reason"]
    assert "its hash differs" in refused["reason"]
    assert server.score("c1")["score"] is not None
    path.write_bytes(whole)
