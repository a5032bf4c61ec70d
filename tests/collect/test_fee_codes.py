"""Which product codes the guess takes for postage and fees, that it says so, and that it can be changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aimwell.collect.fee_codes import FEE_PATTERN
from command import Run, command_in
from workspaces import new_workspace

HEADER = "order_id,customer_id,ordered_at,sku,quantity,unit_price\n"
LINES = [
    ("1", "MUG", 2, "4.50"),
    ("1", "POST", 1, "18.00"),
    ("2", "TEA", 1, "3.00"),
    ("3", "post", 1, "9.00"),
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    new_workspace(tmp_path / "shop", identity_key=bytes(32), currency="GBP").close()
    monkeypatch.setenv("AIMWELL_WORKSPACE", str(tmp_path / "shop"))
    done = command_in(tmp_path, monkeypatch, capsys)
    rows = [
        f"{order},c{order},2026-01-0{order},{sku},{n},{price}\n" for order, sku, n, price in LINES
    ]
    Path("orders.csv").write_text(HEADER + "".join(rows))
    return done


@pytest.mark.parametrize(
    "code", ["POST", "Postage", "DOTCOM POSTAGE", "BANK CHARGES", "AMAZONFEE", "M", "manual"]
)
def test_fees_are_known_by_their_whole_code(code: str) -> None:
    assert re.match(FEE_PATTERN, code)


@pytest.mark.parametrize(
    "code", ["85123A", "POST12", "POSTER", "MUG", "FEEL", "DOTTED BOWL", "S", ""]
)
def test_products_are_not(code: str) -> None:
    assert not re.match(FEE_PATTERN, code)


def test_the_guess_is_shown_taken_and_can_be_changed(run: Run) -> None:
    told = run("collect", "orders", "orders.csv", "--guess", "--explain").out
    assert (
        "Guessed to be no goods by their codes (postage, fees), lines in what was looked at: POST 1, post 1"
        in " ".join(told.split())
    )
    told = run("collect", "orders", "orders.csv", "--guess", "--explain", "--not-goods", "").out
    assert "Guessed to be no goods" not in told
    told = run("collect", "orders", "orders.csv", "--guess").out
    assert "a guess: --explain" in " ".join(told.split())
    assert "orders without goods" in told
    told = run("collect", "orders", "orders.csv", "--guess", "--not-goods", "", "--source", "b").out
    assert "a guess: --explain" not in " ".join(told.split())
    assert "orders without goods" not in told


def test_without_the_guess_every_line_counts_and_the_codes_are_named(run: Run) -> None:
    told = " ".join(run("collect", "orders", "orders.csv", "--explain").out.split())
    assert "Every line counts as goods" in told
    assert "--not-goods" in told
    told = run("collect", "orders", "orders.csv").out
    assert "orders without goods" not in told


def test_it_is_said_of_orders_alone_and_must_be_a_pattern(run: Run) -> None:
    told = run("collect", "customers", "orders.csv", "--not-goods", "x", code=2).err
    assert "it is said of orders" in " ".join(told.split())
    assert (
        "this pattern is wrong"
        in run("collect", "orders", "orders.csv", "--not-goods", "(", code=2).err
    )
