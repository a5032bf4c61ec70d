"""`aimwell predict churn` as a person and as a script call it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.cli.app import main
from aimwell.history.subscription_lives import MONTH_DAYS
from shop import add_orders, append, day, make_stores, origin

AS_OF = day(260).isoformat()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """900 customers who buy by a law and stop by chance, and 900 subscriptions with a hazard of 8 % a month."""
    stores = make_stores(tmp_path_factory.mktemp("cli-churn"))
    rng = np.random.default_rng(8)
    orders: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    for number in range(900):
        at, rate = rng.uniform(0, 150), rng.gamma(1.5) / 25
        stops = at + rng.exponential() * 90 / rng.gamma(1.2)
        while at < min(stops, 260):
            orders.append(
                {
                    "customer": f"c{number}",
                    "order_id": f"{number}-{at:.6f}",
                    "ordered_at": day(at),
                    "revenue": 10,
                }
            )
            at += max(rng.exponential() / rate, 0.01)
        start = float(rng.uniform(-300, 200))
        end = start + rng.geometric(0.08) * MONTH_DAYS - rng.uniform(1, 29)
        fixed = {
            "subscription_id": f"s{number}",
            "origin_id": origin(stores, f"c{number}"),
            "plan": "basic",
            "price": 10,
            "period_months": 1,
            "started_at": day(start),
        }
        states.append({**fixed, "state": "active", "set_at": day(start)})
        if end < 260:
            states.append({**fixed, "state": "ended", "set_at": day(end)})
    add_orders(stores, orders)
    append(stores, "subscriptions", states)
    stores.close()
    return stores.root


def call(
    workspace: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str, str]:
    patch.setattr("sys.argv", ["aimwell", "predict", *words, "--workspace", str(workspace)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    written = capsys.readouterr()
    return code, written.out, written.err


def test_customers_are_foretold_listed_and_explained(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("churn", "--horizon", "60", "--as-of", AS_OF)
    code, out, err = call(workspace, capsys, monkeypatch, *words)
    assert code == 0
    assert re.search(r"base rate by own rhythm +0\.\d{3} +0\.\d{3}–0\.\d{3} +\d+\.\d%", out)
    assert re.search(r"worse by +chosen", out)
    assert "customers are at risk now" in out
    assert "spent in 365 days (GBP)" in out
    assert "only a control group tells" in err
    code, out, err = call(workspace, capsys, monkeypatch, *words, "--json")
    told = json.loads(out)
    assert told["name"] == "churn-60d"
    assert sum(band["people"] for band in told["scored"]["bands"]) == told["scored"]["people"]
    assert told["scored"]["people"] + told["scored"]["gone"] == 900
    _code, out, _err = call(workspace, capsys, monkeypatch, "models")
    assert re.search(r"churn-60d@1 .* AUC 0\.\d{3}", out)
    _code, out, _err = call(workspace, capsys, monkeypatch, "card", "churn-60d")
    assert "The rule of thumb" in out


def test_subscriptions_are_foretold_with_their_curve_and_the_revenue_at_risk(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("churn", "--of", "subscriptions", "--as-of", AS_OF)
    code, out, _err = call(workspace, capsys, monkeypatch, *words)
    assert code == 0
    assert "Share still running (Kaplan-Meier" in out
    assert re.search(r"Revenue at risk: [\d,.]+ GBP a month", out)
    assert max(len(line) for line in out.splitlines() if "  " in line) <= 100
    code, out, _err = call(workspace, capsys, monkeypatch, *words, "--json")
    told = json.loads(out)
    assert told["kind"] == "subscription_churn"
    assert told["metrics"]["retention"][0]["plan"] == "all plans"
    assert told["scored"]["plans"][0]["running"] == told["scored"]["subscriptions"]


def test_what_cannot_be_done_is_refused_with_1_and_a_wrong_call_with_2(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _out, err = call(
        workspace, capsys, monkeypatch, "churn", "--horizon", "200", "--as-of", AS_OF
    )
    assert code == 1
    assert "Take a shorter horizon" in err
    code, _out, err = call(workspace, capsys, monkeypatch, "churn", "--of", "nothing")
    assert code == 2
    code, _out, err = call(workspace, capsys, monkeypatch, "lifetime-value", "--law", "weibull")
    assert code == 2
    assert all(law in err for law in ("auto", "bgnbd", "mbg", "pareto"))


def test_spend_is_foretold_of_everybody(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("spend", "--horizon", "60", "--as-of", AS_OF)
    code, out, err = call(workspace, capsys, monkeypatch, *words)
    assert code == 0
    assert re.search(r"customers +boosted trees +[\d,]+ +[\d,]+", out)
    assert "It has no interval for a person" not in err
    code, out, _err = call(workspace, capsys, monkeypatch, *words, "--json")
    assert json.loads(out)["kind"] == "spend"
    _code, out, _err = call(workspace, capsys, monkeypatch, "models")
    assert re.search(r"spend-60d@1 .* correlation ", out)
