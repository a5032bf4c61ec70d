"""Every form of file comes in with its values as they are: TSV, Excel, JSON, ZIP, folders."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from aimwell.collect import collect
from aimwell.collect.explaining import explain
from aimwell.collect.inline import inline_source, read_columns
from aimwell.collect.json_documents import write_lines
from aimwell.collect.sketching import sketch
from aimwell.collect.spreadsheets import cell_text
from aimwell.errors import SourceFileError
from collecting import COLUMNS, NOW, ORDERS, Shop, source_of
from spreadsheets import Day, write_ods, write_xlsb, write_xlsx

NAMES = COLUMNS.split(",")
ROWS = [
    ["1", "2026-01-05 10:00", "ann", "mug", 2, 4.5],
    ["2", "2026-01-06 09:30", "bob", "mug", 1, 4.5],
]
TEXT = "\n".join([COLUMNS, *(",".join(map(str, row)) for row in ROWS)]) + "\n"
EXCEL = {"format": "excel"}
FILES = Path(__file__).with_name("files")


def taken(shop: Shop, files: object) -> list[tuple[object, ...]]:
    collect(shop.stores, source_of(files=files), root=shop.folder, now=NOW)
    return sorted(shop.rows("order_lines", "order_id", "sku", "quantity", "unit_price"))


EXPECTED = [("1", "mug", 2, Decimal("4.5000")), ("2", "mug", 1, Decimal("4.5000"))]


def test_tabs_cut_columns_also_where_commas_would(shop: Shop) -> None:
    text = TEXT.replace(",", "\t").replace("mug", "mug, blue")
    (shop.folder / "orders.tsv").write_text(text)
    assert [row[1] for row in taken(shop, {"rows": {"path": "orders.tsv", "format": "tsv"}})] == [
        "mug, blue",
        "mug, blue",
    ]


def test_a_sheet_gives_what_a_person_sees(shop: Shop) -> None:
    rows = [
        NAMES,
        ["0012", Day(46027.5), 17850, "0815", 2, 4.5],
        ["9223372036854775807", "2026-01-06 09:30", "bob", "x", 1, 0.1 + 0.2],
    ]
    write_xlsx(shop.folder / "o.xlsx", {"Orders": rows})
    load = collect(
        shop.stores,
        source_of(files={"rows": {"path": "o.xlsx", **EXCEL}}),
        root=shop.folder,
        now=NOW,
    ).loads[0]
    assert (load.rows_taken, load.quarantined) == (2, 0)
    found = sorted(shop.rows("order_lines", "order_id", "sku", "unit_price", "ordered_at"))
    assert [row[:3] for row in found] == [
        ("0012", "0815", Decimal("4.5000")),
        ("9223372036854775807", "x", Decimal("0.3000")),
    ]
    assert f"{found[0][3]:%Y-%m-%d %H:%M}" == "2026-01-05 12:00"
    assert shop.origin("17850") in {row[0] for row in shop.rows("orders", "origin_id")}
    assert load.warnings == ()


@pytest.mark.parametrize("form", ["xls", "xlsb", "ods"])
def test_older_binary_and_open_spreadsheets_give_the_same(shop: Shop, form: str) -> None:
    rows = [
        NAMES,
        ["0012", Day(46027.5), 17850, "0815", 2, 4.5],
        ["2", "2026-01-06 09:30", "bob", "mug", 1, 0.1 + 0.2],
    ]
    path = shop.folder / f"o.{form}"
    if form == "xls":
        shutil.copy(FILES / "orders.xls", path)  # the same rows, and a hidden sheet, by xlwt 1.3.0
    else:
        (write_xlsb if form == "xlsb" else write_ods)(path, "Orders", rows)
    taken(shop, {"rows": path.name})  # the ending tells the format
    found = shop.rows("order_lines", "order_id", "sku", "quantity", "unit_price", "ordered_at")
    assert [row[:4] for row in found] == [
        ("0012", "0815", 2, Decimal("4.5000")),
        ("2", "mug", 1, Decimal("0.3000")),
    ]
    assert f"{found[0][4]:%Y-%m-%d %H:%M}" == "2026-01-05 12:00"
    assert shop.origin("17850") in {row[0] for row in shop.rows("orders", "origin_id")}
    whole = path.read_bytes()
    (shop.folder / f"half.{form}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceFileError, match=r"is no whole spreadsheet|is damaged"):
        taken(shop, {"rows": {"path": f"half.{form}", **EXCEL}})


@pytest.mark.parametrize("form", ["xlsx", "ods"])
def test_a_spreadsheet_with_a_password_is_told(shop: Shop, form: str) -> None:
    path = shop.folder / f"o.{form}"
    if form == "xlsx":
        shutil.copy(FILES / "locked.xlsx", path)  # by msoffcrypto-tool 6.1.0
    else:
        write_ods(path, "Orders", [NAMES], locked=True)
    with pytest.raises(SourceFileError, match="is encrypted with a password"):
        taken(shop, {"rows": {"path": path.name, **EXCEL}})


def test_an_id_that_a_spreadsheet_has_rounded_is_refused_with_its_row(shop: Shop) -> None:
    rows = [NAMES, *ROWS, [1234567890123456789, "2026-01-06", "cid", "mug", 1, 4.5]]
    write_xlsx(shop.folder / "o.xlsx", {"Orders": rows})
    source = source_of(files={"rows": {"path": "o.xlsx", **EXCEL}})
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert (load.rows_taken, load.quarantined_by_reason) == (2, {"id_shortened": 1})
    assert shop.one("quarantine")["line"] == 4


def test_two_sheets_must_be_chosen_from(shop: Shop) -> None:
    write_xlsx(shop.folder / "o.xlsx", {"Orders": [NAMES, *ROWS], "Notes": [["hello"]]})
    with pytest.raises(SourceFileError, match="has 2 sheets: 'Orders', 'Notes'"):
        taken(shop, {"rows": {"path": "o.xlsx", **EXCEL}})
    with pytest.raises(SourceFileError, match=r"no sheet 'Order'. Did you mean 'Orders'\?"):
        taken(shop, {"rows": {"path": "o.xlsx", **EXCEL, "sheet": "Order"}})
    assert taken(shop, {"rows": {"path": "o.xlsx", **EXCEL, "sheet": "Orders"}}) == EXPECTED


def test_hidden_sheets_are_no_choice(shop: Shop) -> None:
    write_xlsx(
        shop.folder / "o.xlsx", {"Orders": [NAMES, *ROWS], "Lists": [["x"]]}, hidden=["Lists"]
    )
    assert taken(shop, {"rows": {"path": "o.xlsx", **EXCEL}}) == EXPECTED


def test_a_title_above_the_header_and_empty_rows_are_passed_over(shop: Shop) -> None:
    rows = [["Orders of January"], [], NAMES, ROWS[0], [], ROWS[1], [], []]
    write_xlsx(shop.folder / "o.xlsx", {"Orders": rows})
    spec = {"path": "o.xlsx", **EXCEL, "header_row": 3}
    assert taken(shop, {"rows": spec}) == EXPECTED
    with pytest.raises(SourceFileError, match="Row 2 of the sheet 'Orders'"):
        taken(shop, {"rows": {**spec, "header_row": 2}})


def test_merged_cells_are_told_or_repeated(shop: Shop) -> None:
    rows = [NAMES, ROWS[0], [None, "2026-01-05 10:00", "ann", "tea", 1, 3.0]]
    write_xlsx(shop.folder / "o.xlsx", {"Orders": rows}, merged=["A2:A3"])
    source = source_of(files={"rows": {"path": "o.xlsx", **EXCEL}})
    load = collect(shop.stores, source, root=shop.folder, now=NOW).loads[0]
    assert load.quarantined_by_reason == {"missing": 1}
    assert any("cells are merged (A2:A3)" in warning for warning in load.warnings)
    spec = {"path": "o.xlsx", **EXCEL, "merged": "repeat"}
    other = source_of(files={"rows": spec}, name="other")
    load = collect(shop.stores, other, root=shop.folder, now=NOW).loads[0]
    assert load.rows_taken == 2
    assert not any("merged" in warning for warning in load.warnings)
    assert {row[0] for row in shop.rows("order_lines", "order_id")} == {"1"}


def test_a_damaged_spreadsheet_is_told(shop: Shop) -> None:
    whole = write_xlsx(shop.folder / "o.xlsx", {"Orders": [NAMES, *ROWS]}).read_bytes()
    (shop.folder / "half.xlsx").write_bytes(whole[: len(whole) // 2])
    (shop.folder / "text.xlsx").write_text(TEXT)
    for name in ("half.xlsx", "text.xlsx"):
        with pytest.raises(SourceFileError, match="is no whole spreadsheet"):
            taken(shop, {"rows": {"path": name, **EXCEL}})
    assert shop.rows("order_lines", "order_id") == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (17850.0, "17850"),
        (-3.0, "-3"),
        (1e15, "1000000000000000"),
        (1.2345678901234567e18, "1.23456789012346E+18"),
        (1e-7, "0.0000001"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        ("", None),
        ("00123", "00123"),
    ],
)
def test_a_cell_is_written_as_it_is_shown(cell: object, text: str | None) -> None:
    assert cell_text(cell) == text


def objects() -> list[dict[str, object]]:
    return [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def test_a_json_list_and_a_list_inside_an_object_are_rows(shop: Shop) -> None:
    (shop.folder / "list.json").write_text(json.dumps(objects(), indent=2))
    found = taken(shop, {"rows": {"path": "list.json", "format": "json"}})
    assert found == EXPECTED
    nested = {"page": 1, "skip": [{"a": "]}"}], "data": {"more": None, "orders": objects()}}
    (shop.folder / "nested.json").write_text(json.dumps(nested))
    spec = {"path": "nested.json", "format": "json", "records": "data.orders"}
    collect(shop.stores, source_of(files={"rows": spec}), root=shop.folder, now=NOW)
    assert sorted(shop.rows("order_lines", "order_id", "sku", "quantity", "unit_price")) == EXPECTED


def test_json_keeps_every_digit_and_each_row_on_its_line(tmp_path: Path) -> None:
    text = '[\n {"id": 12345678901234567890123,\n  "x": 1.10, "t": "a\\nb"} , {"id":2}\n]\n'
    (tmp_path / "a.json").write_text(text)
    write_lines(tmp_path / "a.json", tmp_path / "a.lines", name="a.json", records=None)
    first, second = (tmp_path / "a.lines").read_text().splitlines()
    assert '"id": 12345678901234567890123' in first
    assert '"x": 1.10' in first
    assert second == '{"id":2}'


def test_a_json_object_without_a_path_names_its_lists(shop: Shop) -> None:
    (shop.folder / "o.json").write_text(
        json.dumps({"page": 1, "data": {"orders": objects()}}, indent=1)
    )
    with pytest.raises(SourceFileError, match=r"It has lists at data.orders"):
        taken(shop, {"rows": {"path": "o.json", "format": "json"}})
    with pytest.raises(SourceFileError, match=r"nothing at 'data.rows'.*Keys there: orders"):
        taken(shop, {"rows": {"path": "o.json", "format": "json", "records": "data.rows"}})


def test_a_json_document_that_was_cut_off_takes_nothing(shop: Shop) -> None:
    (shop.folder / "o.json").write_text(json.dumps(objects())[:-30])
    with pytest.raises(SourceFileError, match="is no whole JSON document"):
        taken(shop, {"rows": {"path": "o.json", "format": "json"}})
    assert shop.rows("order_lines", "order_id") == []


def test_json_lines_are_json_too(shop: Shop) -> None:
    (shop.folder / "o.json").write_text("\n".join(json.dumps(one) for one in objects()))
    assert taken(shop, {"rows": {"path": "o.json", "format": "json"}}) == EXPECTED


def zipped(path: Path, **files: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def test_a_zip_stands_for_the_files_in_it_and_packed_again_is_known(shop: Shop) -> None:
    head, *lines = TEXT.splitlines(keepends=True)
    parts = {"a__csv": head + lines[0], "b__csv__gz": gzip.compress((head + lines[1]).encode())}
    zipped(shop.folder / "o.zip", **parts)
    assert taken(shop, "o.zip") == EXPECTED
    zipped(shop.folder / "again.zip", **parts)
    again = collect(shop.stores, source_of(files="again.zip"), root=shop.folder, now=NOW)
    assert again.already_collected
    assert {file.name for file in again.loads[0].files} == {"o.zip/a.csv", "o.zip/b.csv.gz"}


def test_a_zip_bomb_an_encrypted_and_a_damaged_zip_take_nothing(shop: Shop) -> None:
    bomb = zipped(shop.folder / "bomb.zip", a__csv=b"0" * (80 << 20))
    with pytest.raises(SourceFileError, match="made to fill the disk"):
        taken(shop, "bomb.zip")
    bomb.unlink()
    whole = bytearray(zipped(shop.folder / "o.zip", a__csv=TEXT).read_bytes())
    (shop.folder / "half.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceFileError, match="is damaged or was cut off"):
        taken(shop, "half.zip")
    for at in (whole.find(b"PK\x03\x04") + 6, whole.find(b"PK\x01\x02") + 8):
        whole[at] |= 1
    (shop.folder / "locked.zip").write_bytes(whole)
    with pytest.raises(SourceFileError, match="is encrypted with a password"):
        taken(shop, "locked.zip")
    zipped(shop.folder / "none.zip")
    with pytest.raises(SourceFileError, match="holds no file"):
        taken(shop, "none.zip")
    assert list(shop.stores.folder("collecting").iterdir()) == []


def test_a_folder_means_the_files_in_it(shop: Shop) -> None:
    head, *lines = TEXT.splitlines(keepends=True)
    for name, text in (("a.csv", lines[0]), ("deep/b.csv", lines[1])):
        file = shop.folder / "exports" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(head + text)
    (shop.folder / "exports" / ".part.csv").write_text("half a li")
    (shop.folder / "exports" / "_SUCCESS").write_text("")
    assert taken(shop, "exports") == EXPECTED


@pytest.mark.parametrize("name", ["o.xlsx", "o.json", "o.tsv", "o.zip", "o.csv.zip"])
def test_columns_are_found_and_guessed_in_every_form(shop: Shop, name: str) -> None:
    file = shop.folder / name
    if name == "o.xlsx":
        write_xlsx(file, {"Orders": [NAMES, *ROWS]})
    elif name == "o.json":
        file.write_text(json.dumps(objects()))
    elif name == "o.tsv":
        file.write_text(TEXT.replace(",", "\t"))
    else:
        zipped(file, orders__csv=TEXT)
    assert sorted(read_columns(file)) == sorted(NAMES)
    seen = {c.name: c.values for c in sketch("orders", file, given={}, guessed={}).columns}
    assert seen["sku"] == ("mug",)
    mapping = dict(source_of().document()["entities"][0]["map"])
    source, root, _ = inline_source("orders", file, mapping=mapping, name="inline")
    explained = explain(shop.stores, source, root=root, now=NOW)
    assert explained.entities[0].sample_rows == 2
    assert collect(shop.stores, source, root=root, now=NOW).loads[0].rows_taken == 2


def test_a_json_document_is_read_in_its_encoding(shop: Shop) -> None:
    rows = objects()
    rows[0]["sku"] = "café"
    out = json.dumps(rows, ensure_ascii=False).encode("cp1252")
    (shop.folder / "o.json").write_bytes(out)
    spec = {"path": "o.json", "format": "json", "encoding": "cp1252"}
    assert [row[1] for row in taken(shop, {"rows": spec})] == ["café", "mug"]


def test_a_file_that_may_be_absent_is_left_out_and_that_is_told(shop: Shop) -> None:
    shop.write(TEXT)
    returns = {
        **ORDERS,
        "from": "returns",
        "map": {**ORDERS["map"], "kind": {"constant": "return"}},
    }
    looked_up = {**ORDERS, "from": "orders", "join": [{"file": "returns", "on": "order"}]}
    files = {
        "orders": "orders.csv",
        "returns": {"path": "returns-*.csv", "may_be_absent": True},
    }
    source = source_of({**ORDERS, "from": "orders"}, returns, looked_up, files=files)
    report = collect(shop.stores, source, root=shop.folder, now=NOW)
    assert [load.rows_taken for load in report.loads] == [2]
    assert report.absent == ("returns",)
    explained = explain(shop.stores, source, root=shop.folder, now=NOW)
    assert (len(explained.entities), explained.absent) == (1, ("returns",))
    shop.write(TEXT.replace("\n1,", "\n3,").replace("\n2,", "\n4,"), "returns-1.csv")
    report = collect(shop.stores, source, root=shop.folder, now=NOW)
    assert report.absent == ()
    assert [load.state for load in report.loads][:2] == ["already_collected", "taken"]
    assert report.loads[1].rows_taken == 2
    only = source_of(returns, files={"returns": files["returns"]})
    (shop.folder / "returns-1.csv").unlink()
    with pytest.raises(SourceFileError, match=r"none of the files of 'shop' \(returns\)"):
        collect(shop.stores, only, root=shop.folder, now=NOW)
