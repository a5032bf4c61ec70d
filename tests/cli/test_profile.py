"""A person's page from the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from command import Run

SOURCE = """
kind: source
name: crm
currency: GBP
timezone: Europe/London
files: {people: people.csv, orders: orders.csv}
entities:
  - entity: customers
    from: people
    map: {customer_id: id, email: mail}
    traits: {country: country, interests: likes}
  - entity: orders
    from: orders
    map: {order_id: order, ordered_at: day, customer_id: id, sku: sku, quantity: qty, unit_price: price}
"""


def collected(run: Run) -> None:
    Path("people.csv").write_text(
        "id,mail,country,likes\nbuyer-17,ann@example.com,GB,the growing of unusually large vegetables in small gardens\n",
        encoding="utf-8",
    )
    Path("orders.csv").write_text(
        "order,day,id,sku,qty,price\n1,2026-01-05,buyer-17,mug,2,4.50\n2,2026-03-05,buyer-17,pen,1,2.00\n",
        encoding="utf-8",
    )
    Path("source.yaml").write_text(SOURCE, encoding="utf-8")
    run("init", "shop", "--currency", "GBP", "--timezone", "Europe/London")
    run("apply", "source.yaml", "-w", "shop")
    run("collect", "source", "crm", "-w", "shop")


def test_a_page_fits_the_terminal_and_shows_no_more_than_it_may(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected(run)
    for width in (80, 160):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        shown = re.sub(r"\x1b\[[0-9;]*m", "", run("profile", "buyer-17", "-w", "shop").out)
        tables = [line for line in shown.splitlines() if "  " in line]
        assert max(map(len, tables)) <= width
        for words in (
            "Identity", "What sources say", "What is worked out", "GBP 11.00", "59.0 days", "2 orders",
            "May they be contacted?", "no: no answer on consent", "What happened, newest first", "order 2",
            "Undefined, no open cart: cart units, cart since.",
        ):  # fmt: skip
            assert words in shown
        assert "ann@example.com" not in shown
        assert "buyer-17" not in shown
    monkeypatch.delenv("TTY_COMPATIBLE")
    assert "ann@example.com" in run("profile", "buyer-17", "--reveal", "-w", "shop").out
    assert (
        "1 of 4. For more: --limit 4"
        in run("profile", "buyer-17", "--limit", "1", "-w", "shop").out
    )
    found = run("profile", "buyer-17", "--since", "2026-02-01", "--json", "-w", "shop").json
    assert [one["what"] for one in found["timeline"] if one["kind"] == "order"] == ["order 2"]
    for arguments, code, words in (
        (["nobody"], 1, "Nobody is known"),
        (["buyer-17", "--since", "yesterday"], 2, "is no day or moment"),
        (["buyer-17", "--limit", "-1"], 2, "limit"),
    ):
        assert words in run("profile", *arguments, "-w", "shop", code=code).err
