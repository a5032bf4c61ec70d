"""`aimwell predict recommenders`, `recommend` and `similar` as a person and as a script call them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet
import pytest

import aimwell
from aimwell.cli.app import main
from shop import day, make_stores
from tastes import LAST_DAY, add_tastes

AS_OF = day(LAST_DAY).isoformat()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stores = make_stores(tmp_path_factory.mktemp("cli"))
    add_tastes(stores, 180)
    stores.close()
    return stores.root


@pytest.fixture
def call(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
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


def test_from_learning_to_lists(call: Any, workspace: Path, tmp_path: Path) -> None:
    code, _, err = call("recommend")
    assert (code, "aimwell predict recommenders" in err) == (1, True)
    code, out, err = call("recommenders", "--horizon", "40", "--top", "5", "--as-of", AS_OF)
    assert code == 0
    assert re.search(r"popularity +0\.\d{3}±0\.\d{3} +\d+\.\d±\d+\.\d%", out)
    assert "is taken" in out
    assert "Beware: A list says what a person is likely to buy" in err
    rows = [line.rstrip() for line in out.splitlines() if re.search(r"\d±\d", line)]
    assert max(map(len, rows)) <= 100
    code, out, err = call(
        "recommend", "--as-of", AS_OF, "--kind", "next-best", "--person", "buyer 1"
    )
    assert code == 0
    assert re.search(r"1 +\w+-\d\d +Thing \d+ to \w+ +\d+\.00 ", out)
    assert " for 1 person\n" in out
    assert "No product's stock is known" in err
    code, out, _ = call("recommend", "--as-of", AS_OF)
    assert "900 recommendations (new) for 180 people" in out
    assert "bought before" in out
    code, out, _ = call("similar", "cook-01", "--top", "3")
    assert code == 0
    assert len(re.findall(r"^cook-\d\d ", out, re.MULTILINE)) >= 2
    with aimwell.open(workspace) as ws:
        assert [one.label for one in ws.predict.models()] == ["recommend-40d@1"]
        assert ws.predict.card("recommend-40d")["version"] == 1
        assert ws.predict.similar("cook-01", k=3).num_rows == 3
    _, out, _ = call("card", "recommend-40d")
    assert "What it predicts\n  - Which products each person" in out
    _, out, _ = call("models")
    assert re.search(r"recommend-40d@1 .* hit \d\d\.\d%", out)
    for name, read in (
        ("all.csv", pyarrow.csv.read_csv),
        ("all.parquet", pyarrow.parquet.read_table),
    ):
        code, out, _ = call("recommend", "--as-of", AS_OF, "--to", str(tmp_path / name))
        assert code == 0
        assert read(tmp_path / name).num_rows == 900
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    code, _, err = call("recommend", "--as-of", AS_OF, "--to", str(tmp_path / "none" / "x.csv"))
    assert (code, "Invalid value for --to" in err) == (2, True)


def test_json_has_everything(call: Any) -> None:
    code, out, _ = call("recommenders", "--horizon", "40", "--top", "5", "--as-of", AS_OF, "--json")
    assert code == 0
    assert json.loads(out)["metrics"]["contests"]["new"]["people"] > 50
    code, out, _ = call(
        "recommend",
        "--as-of",
        AS_OF,
        "--json",
        "--per-category",
        "1",
        "--least-margin",
        "0.4",
        "--top",
        "3",
    )
    found = json.loads(out)
    assert found["rules"]["most_per_category"] == 1
    assert found["rows"] == len(found["recommendations"]) > 3 * 170
    ranks = [row["rank"] for row in found["recommendations"]]
    assert ranks.count(3) == found["people"] - found["short"]
    code, out, _ = call("similar", "cook-01", "--json")
    assert len(json.loads(out)["similar"]) == 10


@pytest.mark.parametrize(
    ("words", "told", "exit_code"),
    [
        (("recommend", "--kind", "old"), "--kind: one of new", 2),
        (("recommend", "--price-band", "0.5"), "--price-band: above 1", 2),
        (("recommend", "--without", "teapot"), "There is no product 'teapot'", 1),
        (("recommend", "--model", "nonsense"), "There is no model 'nonsense'", 1),
        (("recommend", "--person", "nobody"), "Nobody is known by that", 1),
        (("similar", "teapot"), "There is no product 'teapot'", 1),
        (("recommenders", "--by", "foo"), "'foo' is none of rfm, lifecycle", 2),
        (("recommenders", "--horizon", "400", "--as-of", AS_OF), "days of history", 1),
    ],
)
def test_what_is_wrong_is_said(
    call: Any, words: tuple[str, ...], told: str, exit_code: int
) -> None:
    call("recommenders", "--horizon", "40", "--top", "5", "--as-of", AS_OF)
    code, _, err = call(*words)
    assert code == exit_code
    assert told in err
