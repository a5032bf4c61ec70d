"""`aimwell predict next-purchase`, `best-time` and `demand` as a person and as a script call them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.cli.app import main
from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.store.stores import open_stores
from aimwell.workspace.front import Workspace
from shop import add_orders, add_products, day, make_stores

AS_OF = day(240).date().isoformat()
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stores = make_stores(tmp_path_factory.mktemp("cli"))
    rng = np.random.default_rng(3)
    rows: list[dict[str, object]] = []
    for person in range(130):
        at = float(rng.uniform(0, 30))
        while at < 240:
            hour = 9 if person % 2 else 20
            rows.append(
                {
                    "customer": f"c{person}",
                    "order_id": str(len(rows)),
                    "ordered_at": day(np.floor(at) + hour / 24),
                    "lines": [("soap", int(rng.integers(1, 4)), 3), ("mug", 1, 9)],
                }
            )
            at += (10 + 20 * (person % 3)) * float(np.exp(rng.normal(0, 0.3)))
    add_orders(stores, rows)
    add_products(stores, [{"sku": "soap", "name": "Soap of [olive]", "category": "care"}])
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
    code, out, err = call(*words, "--as-of", AS_OF, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def test_next_purchases_are_told_and_written(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "next.csv"
    code, out, _err = call(
        "next-purchase", "--as-of", AS_OF, "--check", "30", "--top", "3", "--to", str(file)
    )
    assert code == 0
    assert "Next purchase of 130 people, as seen up to 2026-08-28" in out
    assert "The model is better by more than chance than everybody's waits" in out
    assert "Most likely within 14 days" in out
    assert re.search(r"20\d\d-\d\d-\d\d +20\d\d-\d\d-\d\d to 20\d\d-\d\d-\d\d", out)
    assert f"All 130 rows are in {file}." in out
    rows = rows_of(file)
    assert len(rows) == 130
    assert {"profile_id", "within_14", "next_day", "lower_90", "upper_90", "state"} <= set(rows[0])


def test_next_purchases_by_product_as_json(call: Call) -> None:
    found = document(call, "next-purchase", "--by", "product", "--check", "30", "--top", "2")
    assert found["rows"] == 260
    assert [row["item"] in ("soap", "mug") for row in found["soonest"]] == [True, True]
    assert found["check"]["covered_90"]["method"].startswith("Wilson")


def test_next_purchases_by_product_fit_a_hundred_columns(call: Call) -> None:
    code, out, _err = call(
        "next-purchase", "--by", "product", "--as-of", AS_OF, "--check", "30", "--top", "3"
    )
    assert code == 0
    listed = out.partition("Most likely within 14 days")[2].splitlines()
    table = listed[1:5]
    assert table[0].startswith("profile")
    assert max(len(line.rstrip()) for line in table) <= 100


def test_best_times_are_told_with_their_judgement(call: Call) -> None:
    code, out, _err = call("best-time", "--signal", "orders", "--as-of", AS_OF, "--hours", "6")
    assert code == 0
    assert "loss an act, later" in out
    assert "Own hours: " in out
    found = document(call, "best-time", "--signal", "orders", "--hours", "6")
    assert found["own_hours"] > 20
    assert {one["kind"] for one in found["judged"]} == {"weekday", "hours"}


def test_demand_is_told_listed_and_shown_day_by_day(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "days.csv"
    code, out, _err = call("demand", "--as-of", AS_OF, "--horizon", "14", "--periods-to", str(file))
    assert code == 0
    assert "Units wanted from 2026-08-29 to 2026-09-11: 2 series (by product)" in out
    assert "Soap of [olive]" in out
    assert "seasonal naive" in out
    assert len(rows_of(file)) == 28
    code, out, _err = call("demand", "--as-of", AS_OF, "--horizon", "14", "--series", "soap")
    assert (code, out.count("2026-0")) == (0, 16)
    assert "The bounds of the sum are not the sums of the bounds." in out


def test_demand_tells_of_occasions_that_are_not_known_well_enough(
    call: Call, workspace: Path
) -> None:
    stores = open_stores(workspace)
    fair = {"kind": "occasion", "name": "fair", "when": {"dates": ["2026-09-05"]}}
    apply(stores.control, [check(fair)], now=day(0), by="test")
    stores.close()
    words = ("demand", "--as-of", AS_OF, "--horizon", "14")
    code, out, _err = call(*words)
    assert code == 0
    assert "Not counted, as two whole times" in " ".join(out.split())
    assert "fair (2026-09-05, seen 0 ×)" in " ".join(out.split())
    assert "Not counted" not in call(*words, "--without-occasions")[1]
    found = document(call, *words[:1], "--horizon", "14", "--occasion", "fair")
    assert [(one["name"], one["used"]) for one in found["occasions"]] == [("fair", False)]
    assert found["occasion_series"] == []
    stores = open_stores(workspace)
    far = {"kind": "occasion", "name": "far", "when": {"dates": ["2027-06-05"]}}
    apply(stores.control, [check(far)], now=day(0), by="test")
    stores.close()
    told = " ".join(call(*words, "--occasion", "far")[1].split())
    assert "none of their days lies in the horizon or the eight weeks before it: far." in told
    found = document(call, *words[:1], "--horizon", "14", "--occasion", "far", "--occasion", "fair")
    assert found["occasions_not_near"] == ["far"]
    assert [one["name"] for one in found["occasions"]] == ["fair"]
    code, out, err = call(*words, "--occasion", "fete")
    assert (code, out) == (1, "")
    assert "There is no occasion 'fete'" in err
    assert call(*words, "--occasion", "fair", "--without-occasions")[0] == 2


def test_demand_by_category_has_the_sum_of_products(call: Call) -> None:
    found = document(call, "demand", "--by", "category", "--horizon", "14", "--weekly")
    (row,) = found["most_wanted"]
    assert row["series"] == "care"
    assert row["products_total"] == pytest.approx(row["total"], rel=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("next-purchase", "--by", "shop"),
        ("best-time", "--signal", "sales"),
        ("best-time", "--hours", "5"),
        ("demand", "--by", "brand"),
        ("demand", "--weekly", "--horizon", "10"),
    ],
)
def test_a_wrong_call_ends_with_2(call: Call, words: tuple[str, ...]) -> None:
    assert call(*words)[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("next-purchase", "--as-of", "2026-01-05"), "too little data"),
        (("best-time", "--signal", "opens"), "opens: 0 of at least 500"),
        (("demand", "--as-of", AS_OF, "--horizon", "90"), "of at least 416"),
        (("demand", "--as-of", AS_OF, "--horizon", "14", "--series", "soup"), "'soap'"),
    ],
)
def test_what_the_data_do_not_allow_ends_with_1_and_says_why(
    call: Call, words: tuple[str, ...], said: str
) -> None:
    code, out, err = call(*words)
    assert (code, out) == (1, "")
    assert said in err


def test_the_library_gives_the_same(workspace: Path) -> None:
    with Workspace(open_stores(workspace), clock=lambda: day(240)) as opened:
        assert opened.predict.next_purchases(check_days=30).people.num_rows == 130
        assert opened.predict.best_times(signal="orders").people.num_rows == 130
        assert opened.predict.demand(horizon_days=14).series.num_rows == 2
