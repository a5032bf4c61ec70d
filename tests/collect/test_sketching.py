"""A file is shown, and all that its mapping lacks, before anything is complete."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aimwell.collect.sketching import sketch
from aimwell.collect.suggesting import suggest_mapping
from aimwell.errors import SourceFileError
from command import Run, command_in
from workspaces import new_workspace

OWN = (
    "Order No;Placed;Buyer;E-Mail;Item;Qty;Price each;Curr;Newsletter\n"
    "A1;03.02.2026 10:00;B17;ann@example.com;Mug;2;3,50;EUR;yes\n"
    "A2;14.02.2026 11:00;B18;bob@example.com;Pot;1;13,50;EUR;no\n"
)
STRANGE = "Ref;When;Who;Cost each;Foo\nA1;03.02.2026;ann@example.com;3,50;EUR\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    new_workspace(
        tmp_path / "shop", identity_key=bytes(32), currency="EUR", timezone="Europe/Berlin"
    ).close()
    monkeypatch.setenv("AIMWELL_WORKSPACE", str(tmp_path / "shop"))
    return command_in(tmp_path, monkeypatch, capsys)


def test_names_that_shops_give_are_known() -> None:
    found = suggest_mapping(OWN.split("\n")[0].split(";"), entity="orders").map
    assert found == {
        "customer_id": "Buyer",
        "email": "E-Mail",
        "order_id": "Order No",
        "ordered_at": "Placed",
        "sku": "Item",
        "quantity": "Qty",
        "unit_price": "Price each",
        "currency": "Curr",
    }


def test_names_of_people_are_no_customer_id() -> None:
    sample = {"Buyer": ("Ann Smith", "Müller, Bob")}
    assert "customer_id" not in suggest_mapping(["Buyer"], sample, entity="orders").map
    assert suggest_mapping(["Buyer"], {"Buyer": ("B 17",)}, entity="orders").map


def test_a_sketch_tells_all_that_is_missing_at_once(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(STRANGE)
    seen = sketch("orders", file, given={"sku": "Itm"}, guessed={})
    assert not seen.complete
    assert [(lack.targets, lack.option) for lack in seen.lacks] == [
        (("sku",), "--map sku=COLUMN"),
        (("order_id",), "--map order_id=COLUMN"),
        (("ordered_at",), "--map ordered_at=When"),
        (("unit_price", "line_total"), "--map 'unit_price=Cost each'"),
    ]
    assert "example" not in json.dumps(seen.to_dict())


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet"])
def test_samples_are_read_of_every_form_of_file(tmp_path: Path, name: str) -> None:
    file, rows = tmp_path / name, [{"ref": "A1", "mail": "ann@example.com"}, {"ref": "A2"}]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif name.endswith("jsonl"):
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        text = b"ref,mail\nA1,ann@example.com\nA2,\n"
        file.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    seen = {c.name: c.values for c in sketch("orders", file, given={}, guessed={}).columns}
    assert seen == {"ref": ("A1", "A2"), "mail": ("a…",)}


def test_a_file_without_a_header_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(OWN.split("\n")[1])
    with pytest.raises(SourceFileError, match="looks like data"):
        sketch("orders", file, given={}, guessed={})


def test_explain_shows_the_columns_and_exits_with_1_where_something_is_missing(run: Run) -> None:
    Path("own.csv").write_text(STRANGE)
    told = run("collect", "orders", "own.csv", "--explain", code=1)
    for name in ("Ref", "When", "Who", "Cost each", "Foo", "03.02.2026", "3,50"):
        assert name in told.out
    assert "ann@" not in told.out + told.err
    for option in ("order_id=COLUMN", "ordered_at=When", "'unit_price=Cost each'"):
        assert f"Add `--map {option}`" in told.err
    found = run("collect", "orders", "own.csv", "--explain", "--json", code=1).json
    assert (found["complete"], len(found["lacks"])) == (False, 3)


def test_collecting_tells_missing_targets_and_columns_at_once(run: Run) -> None:
    Path("own.csv").write_text(OWN)
    told = run("collect", "orders", "own.csv", "--map", "sku=Itm", code=2).err
    for option in ("sku=Item", "'order_id=Order No'", "ordered_at=Placed"):
        assert f"`--map {option}`" in told
    assert "'unit_price=Price each'" in told
    assert run("collect", "orders", "own.csv", "--explain").out.count("guessed") > 5


def test_a_mapping_corrected_later_is_told_and_exits_with_1(run: Run) -> None:
    Path("own.csv").write_text(OWN)
    found = ["--map=order_id=Order No", "--map=ordered_at=Placed", "--map=unit_price=Price each"]
    run("collect", "orders", "own.csv", *found)
    for _ in range(2):
        told = run("collect", "orders", "own.csv", *found, "--map=customer_id=Buyer", code=1).err
        assert "No row was taken: 2 rows of own.csv were taken before under another mapping" in told
        assert "aimwell init ANOTHER" in told
        assert "count every row a second time" in told


def test_a_report_names_orders_without_goods_and_returns_by_order(run: Run) -> None:
    Path("own.csv").write_text(
        "order,day,sku,qty,price\n1,2026-01-05 10:00,mug,2,4\n2,2026-01-05 10:00,POST,1,5\n"
        "3,2026-01-06 16:25,mug,-1,4\n3,2026-01-06 16:26,pot,-1,4\n"
    )
    Path("source.yaml").write_text(
        "kind: source\nname: own\nfiles: {lines: own.csv}\nentities:\n  - entity: orders\n"
        "    map: {order_id: order, ordered_at: day, sku: sku, quantity: qty, unit_price: price}\n"
        "    not_goods: [POST]\n"
    )
    run("apply", "source.yaml")
    told = " ".join(run("collect", "source", "own").out.split())
    assert "orders without goods (postage, fees or adjustments only) 1" in told
    assert "additions to orders" not in told
    assert "orders with returns or cancellations 1 their returns, each moment counted 2" in told


def test_an_explanation_asks_for_lines_that_are_no_goods(run: Run) -> None:
    Path("own.csv").write_text(OWN.replace("Mug", "POST").replace("Pot", "P17"))
    told = " ".join(run("collect", "orders", "own.csv", "--explain").out.split())
    assert "Every line counts as goods." in told
    assert "Codes to look at: POST." in told
    assert "map `kind`" in told
    assert "seen on the first 2 rows" in told


def test_columns_of_consent_are_not_told_as_left_out(run: Run) -> None:
    Path("people.csv").write_text("id,email,optin,signed\n1,ann@example.com,yes,2026-01-01\n")
    call = ("collect", "customers", "people.csv", "--map=customer_id=id", "--map=email=email")
    told = run(*call, "--opt-in", "email=optin", "--explain").out
    assert "consent.email" in told
    assert "Not taken: signed." in told
    [entity] = run(*call, "--opt-in", "email=optin", "--explain", "--json").json["entities"]
    assert entity["unmapped"] == ["signed"]


PIECES = "order_id,customer_id,ordered_at,menge,unit_price,vorname\n1,c1,2026-01-05,3,9.50,Ann\n"


def test_prices_without_a_quantity_are_told_before_and_after(run: Run) -> None:
    """Three pieces at 9.50 would be 9.50 of revenue, and stay so."""
    Path("own.csv").write_text(PIECES)
    told = run("collect", "orders", "own.csv", "--explain", "--map", "sku=menge")
    assert "No quantity is mapped: each line counts as one piece" in told.out
    assert "menge looks like the quantity" in told.err
    told = run("collect", "orders", "own.csv")
    assert "menge looks like the quantity, but is not mapped" in told.err
    assert "--map quantity=menge" in told.err
    Path("two.csv").write_text(PIECES.replace("1,c1", "2,c1"))
    told = run("collect", "orders", "two.csv", "--guess", "--source", "two")
    assert "quantity" not in told.err


def test_what_only_customers_have_is_told_where_it_was_asked_of_orders(run: Run) -> None:
    Path("own.csv").write_text(PIECES)
    told = run("collect", "orders", "own.csv", "--map", "first_name=vorname", code=2).err
    assert "first_name: customers have that" in told
    assert "`aimwell collect customers own.csv … --map first_name=vorname`" in told
    told = run("collect", "orders", "own.csv", "--opt-in", "email=vorname", code=2).err
    assert "aimwell collect customers own.csv" in " ".join(told.split())
    told = run("collect", "customers", "own.csv", "--soft-opt-in", "email", code=2).err
    assert "it goes with orders" in " ".join(told.split())
