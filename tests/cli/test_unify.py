"""`aimwell unify` and what stands below it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.vault import keep_people
from aimwell.store.stores import Stores
from aimwell.unify.model import Link
from aimwell.unify.review import Candidate, propose
from command import Run, command_in
from identity_graphs import NOW, identify
from shop import make_stores, origin

SEEN = "2026-01-01 00:00:00.000000"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = make_stores(tmp_path)
    for who in ("ann", "bob", "cec"):
        own = identifier_hash(made.identity_key, "customer_id", who)
        identify(made, [Link("customer_id", own, own, "crm", SEEN)])
    phone = identifier_hash(made.identity_key, "phone", "+447700900123")
    shared = [Link("phone", phone, origin(made, who), "crm", SEEN) for who in ("ann", "bob")]
    identify(made, shared)
    return made


@pytest.fixture
def run(stores: Stores, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return command_in(stores.root, monkeypatch, capsys)


def test_two_are_one_person_then_split_then_one_again(run: Run) -> None:
    assert run("unify", "--json").json["merged_profiles"] == 1
    told = run("unify", "why", "ann", "bob", "--json").json
    assert (told["one_person"], [step["kind"] for step in told["path"]]) == (True, ["phone"])
    assert "telephone number" in run("unify", "why", "ann", "bob").out
    assert "one and the same identity" in run("unify", "why", "ann", "ann").out
    made = run("unify", "split", "ann", "bob", "--reason", "brothers", "--json").json["decision"]
    assert (made["verdict"], made["decided_by"], made["reason"]) == ("apart", "ann", "brothers")
    assert run("unify", "why", "ann", "bob", "--json").json["one_person"] is False
    assert run("unify", "--json").json["merged_profiles"] == 0
    assert "a person has decided otherwise" in run("unify", "why", "ann", "bob").out
    assert "brothers" in run("unify", "decisions").out
    run("unify", "undo", made["decision_id"])
    assert run("unify", "decisions", "--json").json == []
    assert len(run("unify", "decisions", "--all", "--json").json) == 1
    assert run("unify", "why", "ann", "bob", "--json").json["one_person"] is True


def test_pairs_are_reviewed(run: Run, stores: Stores) -> None:
    assert run("unify", "review").out.strip() == "No pair waits for review."
    pair = Candidate(
        origin(stores, "bob"), origin(stores, "cec"), 0.8, {"street": 6.0, "phone": -2.0}
    )
    propose(stores, [pair], model="people/1", now=NOW)
    (waiting,) = run("unify", "review", "--json").json
    assert waiting["fields"] == {"street": 6.0, "phone": -2.0}
    assert "street +6.0" in run("unify", "review").out
    run("unify", "review", "--accept", waiting["candidate_id"])
    told = run("unify", "why", "bob", "cec", "--json").json
    assert told["path"][0]["weights"] == {"street": 6.0, "phone": -2.0}


def test_a_split_by_identities_and_wrong_calls(run: Run, stores: Stores) -> None:
    run("unify")
    run("unify", "split", "ann", "--off", origin(stores, "bob"), "--json")
    assert run("unify", "why", "ann", "bob", "--json").json["one_person"] is False
    assert "Name either the other one" in run("unify", "split", "ann", code=2).err
    assert "Nobody is known by that" in run("unify", "why", "ann", "nobody", code=1).err
    assert "Take it back first" in run("unify", "join", "ann", "bob", code=1).err
    one = origin(stores, "ann")
    said = run("unify", "split", "ann", one, code=1).err
    assert f"a… and {one[0]}… both came under one identity" in " ".join(said.split())


def test_a_profile_shows_how_many_live_there(run: Run, stores: Stores) -> None:
    who = [origin(stores, name) for name in ("ann", "cec")]
    rows = pa.table({"origin_id": who, "street": ["1 Oak Rd"] * 2, "postcode": ["N1"] * 2})
    keep_people(stores, rows, source="crm", set_at=NOW)
    run("unify")
    assert run("profile", "ann", "--json").json["identity"]["household"] == 2
