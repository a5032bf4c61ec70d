"""The command as a user calls it: a function that runs it in this process and tells what came out."""

from __future__ import annotations

from pathlib import Path

import pytest

from command import Run, command_in
from shop import IDENTITY_KEY
from workspaces import new_workspace


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `aimwell` with arguments, in the folder `tmp_path`."""
    return command_in(tmp_path, monkeypatch, capsys)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An empty workspace `shop` in the folder of the test, for tests of other commands than `init`."""
    new_workspace(tmp_path / "shop", identity_key=IDENTITY_KEY).close()
    return tmp_path / "shop"


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """A file of orders as a shop would export it: 60 customers, one bad line."""
    lines = ["InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    for number in range(180):
        day = 1 + number % 28
        month = 1 + number % 6
        lines.append(
            f"{number},P{number % 9},{1 + number % 3},2026-{month:02}-{day:02} 10:00,4.50,c{number % 60},GB"
        )
    lines.append("999,P1,many,2026-03-01 10:00,4.50,c1,GB")
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
