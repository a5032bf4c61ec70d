"""`aimwell predict train|monitor|compare|promote` as a person and as a script call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aimwell.cli.app import main
from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from shop import day, make_stores
from steady import add_steady

COLUMNS = ["orders_90d", "recency_days", "revenue_90d", "gap_mean_days"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stores = make_stores(tmp_path_factory.mktemp("cli"))
    add_steady(stores, people=500, days=420, changes_at=300, rate_then=0.25)
    found = check({"kind": "prediction", "name": "buy", "horizon": "45d", "columns": COLUMNS})
    waits = check({"kind": "prediction", "name": "again", "asks": "next-purchase"})
    apply(stores.control, [found, waits], now=day(0), by="test")
    stores.close()
    return stores.root


def test_a_model_without_probabilities_of_one_event_lives_the_same_life(
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def call(*words: str) -> tuple[str, str]:
        monkeypatch.setattr("sys.argv", ["aimwell", "predict", *words, "-w", str(workspace)])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        written = capsys.readouterr()
        return written.out, written.err

    then, later = f"--as-of={day(300).isoformat()}", f"--as-of={day(400).isoformat()}"
    out, _ = call("train", "again", then)
    assert "again@1: When each person buys again" in out
    assert "people have a score by again@1" in out
    out, _ = call("monitor", "again", later)
    assert "again@1 as of 2027-02-05: train it anew" in out
    assert "Expected altogether" in out
    assert "purchases as of 2027-02-05 against those of then" in out
    found = json.loads(call("monitor", "again", later, "--json")[0])
    assert found["realised"]["off"] is True
    call("train", "again", later)
    out, err = call("compare", "again@2", "again", later)
    assert out.startswith("again@2 is better: on ")
    assert "AUC" not in out
    assert "was judged in its place" in err
    out, _ = call("models")
    assert "than everybody's waits" in out
    page = tmp_path / "card.html"
    out, _ = call("card", "again@1", "--html", str(page), later)
    assert out.startswith(f"Written to {page}.")
    assert '<span class="badge">train it anew</span>' in page.read_text(encoding="utf-8")
    assert json.loads(call("card", "again", "--json")[0])["kind"] == "next_purchase"


def test_a_page_that_cannot_be_written_is_told(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["card", "again", "--html", "/nowhere/card.html", f"--as-of={day(400).isoformat()}"]
    monkeypatch.setattr("sys.argv", ["aimwell", "predict", *words, "-w", str(workspace)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "cannot be written" in capsys.readouterr().err.replace("\n", " ")


def test_the_life_of_a_prediction(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["aimwell", "predict", *words, "-w", str(workspace)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        written = capsys.readouterr()
        return code, written.out, written.err

    def told(*words: str) -> Any:
        code, out, err = call(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    then, later = f"--as-of={day(300).isoformat()}", f"--as-of={day(400).isoformat()}"
    code, out, _ = call("train", "buy", then)
    assert code == 0
    assert "buy@1: The probability that a person buys within 45 days." in out
    assert "people have a score by buy@1" in out
    code, out, _ = call("monitor", "buy", later)
    assert code == 0
    assert "buy@1 as of 2027-02-05: train it anew" in out
    assert "Its level is off" in out
    assert "population stability index" in out
    found = told("monitor", "buy", later)
    assert (found["model"], found["verdict"]) == ("buy@1", "train it anew")
    assert found["shifts"][0]["name"] == "probabilities"
    code, _, err = call("train", "buy", later)
    assert "buy@1 stays in use" in err
    found = told("compare", "buy@2", "buy", later)
    assert found["better"] == "buy@2"
    code, out, _ = call("compare", "buy@2", "buy", later)
    assert out.startswith("buy@2 is better")
    code, out, _ = call("promote", "buy@2", "--why", "better since the change")
    assert (code, "'buy' means buy@2 from now on." in out) == (0, True)
    code, out, _ = call("models")
    rows = {line.split()[0]: line.split()[-1] for line in out.splitlines() if "buy@" in line}
    assert rows["buy@2"] == "yes"
    assert rows["buy@1"] != "yes"
    listed = {f"{one['name']}@{one['version']}": one for one in told("models")}
    assert [(listed[f"buy@{n}"]["in_use"], listed[f"buy@{n}"]["promoted"]) for n in (1, 2)] == [
        (False, False),
        (True, True),
    ]
    assert told("promote", "buy@1", "--why", "back")["version"] == 1
    code, out, _ = call("fairness", "buy", later)
    assert "No protected attribute is known of these people" in out
    assert told("fairness", "buy", later)["groups"] == []
    code, out, err = call("why", "buy", "c1", later)
    assert code == 0
    assert "by buy@1; on average it was" in out
    assert "All other features together" in out
    assert "not what causes what" in err
    code, out, _ = call("effects", "buy", "orders_90d", later)
    assert "people who have about that" in out
    assert [one["name"] for one in told("effects", "buy", later)] == sorted(
        COLUMNS, key=[one["name"] for one in told("effects", "buy", later)].index
    )
    code, _, err = call("train", "buy", later, "--use")
    assert code == 0
    assert "stays in use" not in err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("train", "bye"), "There is no prediction 'bye'"),
        (("monitor", "bye"), "There is no model 'bye'"),
        (("promote", "bye@3", "--why", "x"), "There is no model 'bye'"),
        (("promote", "buy@1", "--why", " "), "the reason is empty"),
        (("fairness", "buy", "--as-of=2099-01-01"), "give a moment (as of) that the data reaches"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    workspace: Path,
    words: tuple[str, ...],
    error: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["aimwell", "predict", *words, "-w", str(workspace)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert error in capsys.readouterr().err


def test_training_stands_where_the_version_in_use_cannot_score_any_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stores = make_stores(tmp_path / "own", own_functions=True)
    add_steady(stores, people=400, days=320)
    documents = [
        {
            "kind": "feature",
            "name": "one",
            "formula": "1",
            "function": "mine:one",
            "tables": ["profiles"],
        },
        {"kind": "prediction", "name": "buy", "horizon": "45d", "columns": COLUMNS, "own": ["one"]},
    ]
    apply(stores.control, [check(one) for one in documents], now=day(0), by="test")
    file = stores.folder("features") / "mine.py"
    stores.close()
    monkeypatch.setenv("AIMWELL_OWN_FUNCTIONS", "true")
    text = (
        "import pyarrow as pa\n\n\ndef one(tables, as_of):\n    ids = tables['profiles']['profile_id']\n"
        "    return pa.table({'profile_id': ids, 'value': [len(one) * 1.0 for one in ids.to_pylist()]})\n"
    )

    def train(*words: str) -> tuple[str, str]:
        monkeypatch.setattr(
            "sys.argv",
            ["aimwell", "predict", "train", "buy", *words, "-w", str(stores.root)],
        )
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        written = capsys.readouterr()
        return " ".join(written.out.split()), " ".join(written.err.split())

    moment = f"--as-of={day(300).isoformat()}"
    file.write_text(text, encoding="utf-8")
    assert "people have a score by buy@1" in train(moment)[0]
    file.write_text(text + "# Changed.\n", encoding="utf-8")
    moment = f"--as-of={day(301).isoformat()}"
    out, err = train(moment)
    assert "people have a score" not in out
    assert "Nobody was scored by buy@1: The function mine:one has changed" in out + err
    assert 'aimwell predict promote buy@2 --why "function changed"' in out + err
    found = json.loads(train(moment, "--json", "--use")[0])
    assert (found["in_use"], found["scored_reason"]) == ("buy@2", None)
