"""Sequence models of whole shops: used where the order of things tells, not used where nothing does, kept and used again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.cli.app import main
from aimwell.errors import ModelFileError, PredictError, TooLittleDataError
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.deep.service import DeepOptions, need_torch
from aimwell.predict.registry import find_model
from aimwell.predict.timing.next_purchase import NextPurchases, next_purchases
from aimwell.store.stores import Stores
from ordered_waits import alternating_shop, announced_shop, memoryless_shop
from shop import add_orders, day, make_stores

AS_OF = day(300)
GRU = DeepOptions(networks=("gru",), rounds_max=12, moments=5)
BOTH = DeepOptions(rounds_max=10, moments=4)
MODEL = "next-purchase-network-30d"


@pytest.fixture(scope="module")
def alternating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = alternating_shop(tmp_path_factory.mktemp("alternating"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(alternating: Stores) -> NextPurchases:
    return next_purchases(alternating, as_of=AS_OF, check_days=30, deep=GRU)


def test_where_short_and_long_waits_alternate_the_network_wins(found: NextPurchases) -> None:
    assert found.deep is not None
    assert (found.deep.used, found.model) == ("gru", f"{MODEL}@1")
    (way,) = found.deep.ways
    for one in way.against:
        assert (one.pinball_days.lower or 0) > 0.2
    assert (way.covered_90.estimate or 0) > 0.8
    assert found.deep.sentence.startswith("Used: the GRU network.")


def test_people_are_told_from_the_network_that_won(
    alternating: Stores, found: NextPurchases
) -> None:
    simple = next_purchases(alternating, as_of=AS_OF, check_days=30).people
    assert found.people.drop_columns(["profile_id"]) != simple.drop_columns(["profile_id"])
    assert found.people.column("profile_id") == simple.column("profile_id")
    for row in found.people.to_pylist():
        assert row["last_day"] <= found.until < row["next_day"]
        assert row["lower_90"] <= row["lower_50"] <= row["next_day"] <= row["upper_50"]
        assert row["within_7"] <= row["within_14"] <= row["within_30"] <= row["returns"] + 1e-9


def test_it_comes_back_from_the_registry_and_tells_the_same(
    alternating: Stores, found: NextPurchases
) -> None:
    again = next_purchases(alternating, as_of=AS_OF, check_days=30, model=MODEL)
    assert again.model == f"{MODEL}@1"
    assert again.people == found.people
    later = next_purchases(alternating, as_of=day(305), check_days=30, model=MODEL)
    assert later.people.num_rows == again.people.num_rows
    with pytest.raises(PredictError, match="would know their own future"):
        next_purchases(alternating, as_of=day(290), check_days=30, model=MODEL)


@pytest.mark.long
def test_learning_again_is_the_same_version(alternating: Stores, found: NextPurchases) -> None:
    again = next_purchases(alternating, as_of=AS_OF, check_days=30, deep=GRU)
    assert again.model == found.model
    assert again.to_dict() == found.to_dict()
    assert again.people == found.people


def test_its_card_tells_how_good_it_is(alternating: Stores, found: NextPurchases) -> None:
    text = card_text(model_card(find_model(alternating, found.model or "")))
    assert "On which of the next 30 days each person buys again" in text
    assert "A GRU network over each person's last acts (Order Completed)" in text
    assert "Against renewal model: 1." in text
    assert "It knows no seasons" in text


def test_weights_that_were_tampered_with_are_refused_before_they_are_read(
    alternating: Stores, found: NextPurchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = alternating.folder("models").glob(f"{MODEL}/1/sequence/weights.npz")
    whole = file.read_bytes()
    monkeypatch.setattr("numpy.load", lambda *_a, **_k: pytest.fail("it was parsed"))
    try:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ModelFileError, match="its hash differs"):
            next_purchases(alternating, as_of=AS_OF, check_days=30, model=MODEL)
    finally:
        file.write_bytes(whole)
    assert b"pickle" not in whole


def test_where_a_view_announces_a_purchase_the_network_wins(tmp_path: Path) -> None:
    opened = announced_shop(tmp_path)
    told = next_purchases(opened, as_of=AS_OF, check_days=30, deep=GRU)
    assert told.deep is not None
    assert told.deep.used == "gru"
    opened.close()


def test_where_nothing_tells_no_network_is_used(tmp_path: Path) -> None:
    opened = memoryless_shop(tmp_path)
    told = next_purchases(opened, as_of=AS_OF, check_days=30, deep=BOTH)
    assert told.deep is not None
    assert (told.deep.used, told.model) == (None, None)
    assert [one.network for one in told.deep.ways] == ["gru", "transformer"]
    assert "did not win against" in told.deep.sentence
    simple = next_purchases(opened, as_of=AS_OF, check_days=30)
    assert told.people == simple.people
    with pytest.raises(PredictError, match=f"There is no model '{MODEL}'"):
        find_model(opened, MODEL)
    opened.close()


def test_five_people_are_refused_in_words(tmp_path: Path) -> None:
    opened = alternating_shop(tmp_path, people=5)
    with pytest.raises(TooLittleDataError, match=r"people who bought: 5 of at least 100"):
        next_purchases(opened, as_of=AS_OF, deep=GRU)
    opened.close()


def test_where_simple_ways_have_enough_and_networks_have_not_it_says_so(tmp_path: Path) -> None:
    opened = alternating_shop(tmp_path, people=110)
    few = next_purchases(opened, as_of=day(95), check_days=10, deep=replace(GRU, moments=2))
    assert few.deep is None
    assert re.search(r"Sequence models were not learnt\. .*of at least 500", few.deep_reason)
    assert few.people.num_rows == 110
    opened.close()


def test_items_have_no_networks(alternating: Stores) -> None:
    with pytest.raises(PredictError, match="foretell people as a whole, not by product"):
        next_purchases(alternating, as_of=AS_OF, by="product", deep=GRU)


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aimwell.predict.deep.service.find_spec", lambda _name: None)
    with pytest.raises(PredictError, match=r"pip install 'aimwell\[deep\]'"):
        need_torch()


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_orders(
        opened,
        [
            {"customer": f"c{n % 150}", "order_id": str(n), "ordered_at": day(n / 10), "revenue": 9}
            for n in range(3_000)
        ],
    )
    with pytest.raises(PredictError, match="There is no model 'no-such'"):
        next_purchases(opened, as_of=day(300), model="no-such")
    opened.close()


@pytest.fixture
def call(
    alternating: Stores, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        told = ["aimwell", "predict", *words, "--workspace", str(alternating.root)]
        monkeypatch.setattr("sys.argv", told)
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def test_the_command_shows_all_beside_each_other(
    call: Callable[..., Any], found: NextPurchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = partial(DeepOptions, rounds_max=2, moments=3)
    monkeypatch.setattr("aimwell.cli.predict_timing.DeepOptions", short)
    words = ("next-purchase", "--as-of", AS_OF.date().isoformat(), "--check", "30")
    code, out, _ = call(*words, "--deep", "--seed", "1", "--top", "2")
    assert code == 0
    assert re.search(r"GRU network +renewal model +-?\d", out)
    assert re.search(r"transformer +everybody's waits +-?\d", out)
    assert "Used: the " in out
    code, out, _ = call(*words, "--model", MODEL, "--top", "2")
    assert (code, f"People are told from the sequence model {found.model};" in out) == (0, True)
    code, out, _ = call(*words, "--model", f"{MODEL}@1", "--json")
    told = json.loads(out)
    assert (code, told["sequence_model"], told["deep"]) == (0, f"{MODEL}@1", None)
    assert np.isfinite(told["soonest"][0]["within_14"])
    code, _, err = call(*words, "--model", MODEL, "--deep")
    assert (code, "not both" in err) == (2, True)
