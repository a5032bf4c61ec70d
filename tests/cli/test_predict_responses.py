"""`aimwell predict channels`, `prices` and `leads` as a person and as a script call them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli.app import main
from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.store.stores import open_stores
from aimwell.workspace.front import Workspace
from responding_shop import FIRMS, add_responding
from shop import day, make_stores

AS_OF = day(200).date().isoformat()
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stores = make_stores(tmp_path_factory.mktemp("cli"))
    add_responding(stores)
    stores.close()
    return stores.root


@pytest.fixture
def call(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Call:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(
            "sys.argv", ["aimwell", "predict", *words, "--workspace", str(workspace)]
        )
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def document(call: Call, *words: str) -> Any:
    code, out, _err = call(*words, "--as-of", AS_OF, "--json")
    assert code == 0
    return json.loads(out)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_channels_are_told_and_written(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "channels.csv"
    code, out, err = call("channels", "--as-of", AS_OF, "--to", str(file))
    assert code == 0
    assert f"How {FIRMS} people answer messages (click within 7 days)" in out
    assert "Log loss a message" in out
    assert "prefers-click-email, prefers-click-sms" in out
    assert "only sending by chance tells" in " ".join(err.split())
    rows = rows_of(file)
    assert {"profile_id", "channel", "rate", "lower", "upper", "preferred", "own"} <= set(rows[0])
    assert len(rows) == 2 * FIRMS
    found = document(call, "channels")
    assert found["people_of_several_channels"] == FIRMS
    assert found["judged"][0]["verdict"] == "better"


def test_prices_are_told_by_category_product_and_person(call: Call, tmp_path: Path) -> None:
    code, out, err = call("prices", "--as-of", AS_OF)
    assert code == 0
    assert "12 of 12 products have prices that vary enough" in out
    assert "elastic" in out
    assert "prices were not set by chance" in " ".join(err.split())
    code, out, _err = call("prices", "--by", "product", "--as-of", AS_OF, "--top", "3")
    assert code == 0
    assert "Most sensitive to price" in out
    assert "Soap [" in out
    file = tmp_path / "people.csv"
    code, out, _err = call("prices", "--by", "person", "--as-of", AS_OF, "--to", str(file))
    assert (code, len(rows_of(file)) > 100) == (0, True)
    assert "Who leans to discounts" in out
    found = document(call, "prices")
    assert found["categories"][0]["elasticity"]["upper"] < -1
    assert document(call, "prices", "--by", "person")["model"] == "discount-seeking@1"


def test_leads_are_scored_people_and_firms(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    code, out, _err = call("leads", "--horizon", "30", "--as-of", AS_OF, "--to", str(file))
    assert code == 0, _err
    assert "leads-buy-30d@1" in out
    assert "how long ago the prospect last visited" in out
    scores = [float(row["score"]) for row in rows_of(file)]
    assert scores == sorted(scores, reverse=True)
    code, out, _err = call("leads", "--accounts", "--horizon", "30", "--as-of", AS_OF, "--top", "2")
    assert code == 0
    assert "account-leads-buy-30d@1" in out
    assert "Firm " in out
    found = document(call, "leads", "--accounts", "--horizon", "30", "--top", "2")
    assert len(found["best"]) == 2
    assert found["scored"]["leads"] < FIRMS
    for name in (
        "leads-buy-30d",
        "account-leads-buy-30d",
        "prefers-click",
        "discount-seeking",
    ):
        assert call("card", name)[0] == 0
        if name != "leads-buy-30d":
            page = tmp_path / f"{name}.html"
            code, _out, err = call("card", name, "--html", str(page), "--as-of", AS_OF)
            assert code == 0, err
            assert "Since then" in page.read_text(encoding="utf-8")
            shown = document(call, "card", name)
            assert shown["kind"] in ("account_leads", "channel_preference", "discount_seeking")
    code, out, _err = call("models")
    assert code == 0
    assert "loss saved" in out


def test_definitions_of_channels_and_firms_are_trained_and_looked_after(
    call: Call, workspace: Path
) -> None:
    stores = open_stores(workspace)
    asked: list[dict[str, Any]] = [
        {
            "name": "firms",
            "asks": "lead",
            "among": "accounts",
            "horizon": "30d",
            "learners": ["rule"],
        },
        {"name": "way", "asks": "channel"},
    ]
    wanted = [check({"kind": "prediction", **one}) for one in asked]
    apply(stores.control, wanted, now=day(0), by="test")
    stores.close()
    then = day(160).date().isoformat()
    code, out, err = call("train", "firms", "--as-of", then)
    assert code == 0, err
    assert "firms have a score by firms@1" in out
    code, out, err = call("train", "way", "--as-of", day(130).date().isoformat())
    assert code == 0, err
    assert "people have a score by way@1" in out
    assert "way-email, way-sms" in " ".join(err.split())
    for name in ("firms", "way"):
        found = document(call, "monitor", name)
        assert found["realised"]["people"] > 100
        assert found["units"] in ("firms", "people written to lately")


@pytest.mark.parametrize(
    "words",
    [("channels", "--answer", "reply"), ("prices", "--by", "shop"), ("leads", "--horizon", "0")],
)
def test_wrong_options_end_with_2(call: Call, words: tuple[str, ...]) -> None:
    assert call(*words)[0] == 2


def test_too_little_data_ends_with_1_and_numbers(call: Call) -> None:
    code, _out, err = call("channels", "--answer", "open", "--as-of", day(20).date().isoformat())
    assert code == 1
    assert "messages:" in err


def test_the_library_has_the_same(workspace: Path) -> None:
    with Workspace(open_stores(workspace), clock=lambda: day(201)) as ws:
        assert ws.predict.channels(as_of=day(200), keep=False).people.num_rows == FIRMS
        assert ws.predict.prices(as_of=day(200)).sold == 12
        assert ws.predict.discounts(as_of=day(200), keep=False).people.num_rows > 100
        firms = ws.predict.account_leads(as_of=day(200), horizon_days=30)
        assert ws.predict.score_accounts(firms.entry.label, as_of=day(200)).num_rows < FIRMS
        assert ws.predict.leads(as_of=day(200), horizon_days=30).entry.name == "leads-buy-30d"
