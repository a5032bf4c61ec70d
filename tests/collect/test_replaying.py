"""Rows out of quarantine: mended mappings, corrected values, each row once whatever file comes later."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.collect import collect, quarantine
from aimwell.collect.corrections import read_corrections
from aimwell.collect.model import ReplayReport
from aimwell.collect.replaying import replay, write_quarantine
from aimwell.collect.waiting_rows import source_of_rows
from aimwell.definitions import service as definitions
from aimwell.definitions.catalogue import check
from aimwell.errors import CollectError, SourceFileError
from aimwell.store.schema import metadata
from aimwell.workspace.front import Workspace
from collecting import COLUMNS, NOW, ORDERS, Shop, balanced, source_of

LATER = NOW + timedelta(hours=1)
BAD = f"""{COLUMNS}
1,2026-01-05,ann,mug,2,4.50
2,2026-01-06,bob,mug,two,4.50
3,never,cat,mug,1,4.50
4,2026-01-06,dan,mug,1,4.50
"""


def take(shop: Shop, source: Any = None, **options: Any) -> ReplayReport:
    report = replay(shop.stores, source or "shop", **{"now": LATER, "root": shop.folder, **options})
    assert all(balanced(load) for load in report.loads)
    return report


def corrected(shop: Shop, change: Callable[[dict[str, str]], None], name: str = "bad.csv") -> Path:
    """What waits, written to a file and changed by `change`, row by row."""
    path = shop.folder / name
    write_quarantine(shop.stores, "shop", path, by="ann")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def mend(row: dict[str, str]) -> None:
    row["qty"] = {"two": "2"}.get(row["qty"], row["qty"])
    row["day"] = {"never": "2026-01-07"}.get(row["day"], row["day"])


def waiting(shop: Shop) -> dict[str, int]:
    return dict(quarantine(shop.stores).counts.get("shop", {}))


def test_corrected_rows_are_taken_and_leave_the_quarantine(shop_on_both: Shop) -> None:
    shop = shop_on_both
    shop.collect(BAD)
    path = corrected(shop, mend)
    report = take(shop, corrections=read_corrections(path), file=path.name)
    assert (report.left, report.stay, report.gone) == (2, 0, 0)
    assert shop.rows("order_lines", "order_id", "quantity", order="order_id") == [
        ("1", 2),
        ("2", 2),
        ("3", 1),
        ("4", 1),
    ]
    found = quarantine(shop.stores)
    assert (found.total, found.taken_since) == (0, 2)
    # The same file once more: nobody waits any more.
    again = take(shop, corrections=read_corrections(path), file=path.name)
    assert (again.left, again.stay, again.gone) == (0, 0, 2)
    assert len(shop.rows("order_lines")) == 4


def test_a_later_file_with_the_same_bad_rows_counts_nothing_twice(shop_on_both: Shop) -> None:
    shop = shop_on_both
    shop.collect(BAD)
    path = corrected(shop, mend)
    take(shop, corrections=read_corrections(path))
    before = shop.rows("order_lines")
    full = BAD + "5,2026-01-08,eve,mug,1,4.50\n"
    load = shop.collect(full, now=LATER)
    assert (load.rows_read, load.rows_taken, load.known, load.quarantined) == (5, 1, 4, 0)
    assert len(shop.rows("order_lines")) == len(before) + 1
    assert waiting(shop) == {}
    # Also where a mended mapping could read the old row by now, which would be another line.
    lenient = {
        **ORDERS,
        "map": {
            **ORDERS["map"],
            "quantity": {"expression": "CASE qty WHEN 'two' THEN 3 ELSE qty END"},
        },
    }
    load = shop.collect(full + "6,2026-01-08,eve,mug,1,4.50\n", source_of(lenient), now=LATER)
    assert (load.rows_taken, load.quarantined) == (1, 0)
    assert [q for o, q in shop.rows("order_lines", "order_id", "quantity") if o == "2"] == [2]


def test_rows_are_taken_as_they_are_once_the_mapping_is_mended(shop: Shop) -> None:
    shop.collect(BAD)
    mended = {
        **ORDERS,
        "map": {
            **ORDERS["map"],
            "quantity": {"expression": "CASE qty WHEN 'two' THEN 2 ELSE qty END"},
        },
    }
    definitions.apply(shop.stores.control, [source_of(mended)], now=NOW, by="ann")
    report = take(shop)
    assert (report.left, report.stay) == (1, 1)
    assert waiting(shop) == {"not_a_time": 1}
    load = shop.collect(BAD, source_of(mended), now=LATER)
    assert (load.rows_taken, load.known, load.quarantined) == (0, 3, 1)
    assert len(shop.rows("order_lines")) == 3
    assert waiting(shop) == {"not_a_time": 1}


def test_what_still_fails_stays_with_its_new_reason_and_its_place(shop: Shop) -> None:
    shop.collect(BAD)

    def worse(row: dict[str, str]) -> None:
        row["day"] = {"never": "2026-01-07"}.get(row["day"], row["day"])
        row["qty"] = {"two": "0"}.get(row["qty"], row["qty"])

    path = corrected(shop, worse)
    report = take(shop, corrections=read_corrections(path))
    assert (report.left, report.stay) == (1, 1)
    [row] = quarantine(shop.stores).rows
    assert (row.file, row.line, row.reason) == ("orders.csv", 3, "zero_quantity")
    assert quarantine(shop.stores).taken_since == 1
    # Corrected once more it is taken; the first form of it never comes back.
    path = corrected(shop, lambda row: row.update(qty="2"), "again.csv")
    assert take(shop, corrections=read_corrections(path)).left == 1
    load = shop.collect(BAD + "9,2026-01-08,eve,mug,1,4.50\n", now=LATER)
    assert (load.rows_taken, load.known, load.quarantined) == (1, 4, 0)


def test_a_row_that_fails_again_can_be_tried_again_later(shop: Shop) -> None:
    expect = [{"field": "sku", "exists_in": "products"}]
    source = source_of({**ORDERS, "expect": expect})
    definitions.apply(shop.stores.control, [source], now=NOW, by="ann")
    shop.collect(BAD.replace("two", "2").replace("never", "2026-01-07"), source)
    assert waiting(shop) == {"unknown_reference": 4}
    assert take(shop).stay == 4
    products = source_of({"entity": "products", "map": {"sku": "sku"}}, name="catalogue")
    shop.collect("sku\nmug\n", products)
    assert take(shop, now=LATER + timedelta(hours=1)).left == 4
    assert len(shop.rows("order_lines")) == 4


def test_one_reason_is_taken_and_the_others_wait_on(shop: Shop) -> None:
    shop.collect(BAD)
    with pytest.raises(
        CollectError, match=r"waits for the reason 'odd'\. Waiting: not_a_number \(1\)"
    ):
        take(shop, reason="odd")
    report = take(shop, reason="not_a_time")
    assert (report.left, report.stay) == (0, 1)
    assert waiting(shop) == {"not_a_number": 1, "not_a_time": 1}


def test_the_file_of_rows_is_private_new_and_audited(shop: Shop) -> None:
    shop.collect(BAD)
    path = shop.folder / "bad.csv"
    assert write_quarantine(shop.stores, "shop", path, by="ann", reason="not_a_time") == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8-sig") as file:
        [row] = csv.DictReader(file)
    assert (row["_reason"], row["_line"], row["day"], row["customer"]) == (
        "not_a_time",
        "4",
        "never",
        "cat",
    )
    with pytest.raises(SourceFileError, match="is there already"):
        write_quarantine(shop.stores, "shop", path, by="ann")
    with pytest.raises(SourceFileError, match=r"ends with \.csv"):
        write_quarantine(shop.stores, "shop", shop.folder / "bad.txt", by="ann")
    log = metadata.tables["audit_log"]
    with shop.stores.read_control() as connection:
        query = sa.select(log).where(log.c.action == "quarantine exported")
        [entry] = connection.execute(query).all()
    assert (entry.actor, entry.subject, entry.detail) == ("ann", "shop", {"rows": 1})


def test_lines_that_could_not_be_cut_are_corrected_in_their_columns_or_as_text(shop: Shop) -> None:
    shop.collect(
        f"{COLUMNS}\n1,2026-01-05,ann,mug,2,4.50\n2,2026-01-05,bob,mug\n3,2026-01-05,cat,a,b,1,1\n4,never,d,m,1,1\n"
    )
    assert take(shop).uncut == 2

    def cut(row: dict[str, str]) -> None:
        if row["_line"] == "3":
            row |= {"order": "2", "day": "2026-01-05", "customer": "bob", "qty": "1", "price": "2"}
        elif row["_line"] == "4":
            row["_text"] = '3,2026-01-05,cat,"a,b",1,1'

    path = corrected(shop, cut)
    report = take(shop, corrections=read_corrections(path))
    assert (report.left, report.stay) == (2, 1)
    assert shop.rows("order_lines", "order_id", "sku") == [("1", "mug"), ("2", None), ("3", "a,b")]
    assert waiting(shop) == {"not_a_time": 1}


def test_json_lines_are_corrected_as_json(shop: Shop) -> None:
    entity = {
        "entity": "events",
        "map": {"event": "what", "occurred_at": "t", "customer_id": "who.id"},
        "properties": {"size": "value.size"},
    }
    source = source_of(entity, files="events.jsonl", format="jsonl")
    shop.write(
        '{"what":"Viewed","t":"2026-01-05","who":{"id":"ann"},"value":{"size":3}}\n'
        '{"what":"Viewed","t":"soon","who":{"id":"bob"},"value":{"size":4}}\n'
        '{"what":"Viewed","t":"2026-01-05"\n',
        "events.jsonl",
    )
    collect(shop.stores, source, root=shop.folder, now=NOW)
    path = shop.folder / "bad.jsonl"
    assert write_quarantine(shop.stores, "shop", path, by="ann") == 2
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["_content"]["t"] = "2026-01-06"
    rows[1]["_text"] = '{"what":"Viewed","t":"2026-01-05","who":{"id":"cat"}}'
    path.write_text("\n".join(json.dumps(row) for row in rows))
    report = take(shop, corrections=read_corrections(path), file=path.name)
    assert (report.left, report.stay) == (2, 0)
    assert sorted(o for (o,) in shop.rows("events", "origin_id")) == sorted(
        shop.origin(who) for who in ("ann", "bob", "cat")
    )


def test_equal_rows_wait_and_are_taken_each(shop: Shop) -> None:
    line = "1,2026-01-05,ann,mug,one,4.50\n"
    source = source_of({**ORDERS, "keep_repeats": True})
    shop.collect(f"{COLUMNS}\n{line}{line}9,2026-01-05,ann,mug,1,4.50\n", source)
    path = corrected(shop, lambda row: row.update(qty="1"))
    text = path.read_text()
    path.write_text(text[: text.rindex("\n", 0, -1) + 1])
    with pytest.raises(
        SourceFileError, match="this row waits 2 times, and the file has it 1 times"
    ):
        take(shop, corrections=read_corrections(path), file=path.name)
    path.write_text(text)
    assert take(shop, corrections=read_corrections(path), file=path.name).left == 2
    assert len(shop.rows("order_lines")) == 3


def test_joined_files_are_looked_up_as_they_are_now(shop: Shop) -> None:
    entity = {
        **ORDERS,
        "from": "lines",
        "join": [{"file": "heads", "on": "order", "required": True}],
        "map": {**ORDERS["map"], "ordered_at": "heads.placed"},
    }
    source = source_of(entity, files={"lines": "orders.csv", "heads": "heads.csv"})
    shop.write("order,placed\n1,2026-01-05\n", "heads.csv")
    lines = "order,customer,sku,qty,price\n1,ann,mug,1,2\n2,bob,mug,1,2\n"
    definitions.apply(shop.stores.control, [source], now=NOW, by="ann")
    assert shop.collect(lines, source).quarantined_by_reason == {"no_match": 1}
    shop.write("order,placed\n1,2026-01-05\n2,2026-01-06\n", "heads.csv")
    assert take(shop).left == 1
    assert [o for (o,) in shop.rows("order_lines", "order_id")] == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no rows"),
        ("order,day\n1,2\n", "has no column '_row'"),
        ("_row,qty,qty\nx,1,2\n", "the same name"),
        ("_row,qty\nx,1,2\n", "has 3 fields, and there are 2 columns"),
        ('_row,qty\nx,"1\n', "cannot be read near line"),
        ('{"_row": "x", "qty": 1}\n', "has the key 'qty'"),
        ('{"_row": "x", "_content": 5}\n', "must be an object"),
        ('{"row": \n', "is no JSON"),
        (
            '{"_row": "x", "_content": {"a": "\\ud83d"}}\n',
            "Line 1 of 'bad.csv' has half a character",
        ),
        ('{"_row": "x", "_content": ' + '{"a":' * 5000, "nested too deeply"),
        ('{"qty": 1}\n', "has no column '_row'"),
    ],
)
def test_a_file_that_is_none_of_ours_is_told_so(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(SourceFileError) as caught:
        read_corrections(path)
    assert words in str(caught.value)


def test_texts_may_hold_what_elsewhere_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    content = json.dumps({"note": "one\u2028two\x85three"}, ensure_ascii=False)
    path.write_text(f'{{"_row": "x", "_content": {content}}}\r\n{{"_row": "y", "_text": ""}}\n')
    one, two = read_corrections(path)
    assert (one.document, two.row_hash, two.place) == (content, "y", 2)


def test_a_column_that_the_rows_do_not_have_is_told(shop: Shop) -> None:
    shop.collect(BAD)
    path = corrected(shop, lambda row: row.update(quantity="2"))
    assert source_of_rows(shop.stores, read_corrections(path), file=path.name) == "shop"
    with pytest.raises(
        SourceFileError, match=r"the column 'quantity', which the rows .* do not have"
    ):
        take(shop, corrections=read_corrections(path), file=path.name)
    assert waiting(shop) == {"not_a_number": 1, "not_a_time": 1}
    foreign = shop.write("_row,qty\nx,1\n", "foreign.csv")
    with pytest.raises(SourceFileError, match="are in no quarantine of this workspace"):
        source_of_rows(shop.stores, read_corrections(foreign), file=foreign.name)


def test_a_source_of_which_nothing_waits_or_that_is_unknown_is_told(shop: Shop) -> None:
    shop.collect(BAD.replace("two", "2").replace("never", "2026-01-07"))
    with pytest.raises(CollectError, match="No row of 'shop' is in quarantine"):
        take(shop)
    with pytest.raises(
        CollectError, match=r"No source 'shpo' was ever collected\. Did you mean 'shop'"
    ):
        take(shop, "shpo")


def test_messages_of_tracking_clients_are_no_rows_of_files(shop: Shop) -> None:
    source = check({"kind": "source", "name": "web", "tracking": {}})
    definitions.apply(shop.stores.control, [source], now=NOW, by="ann")
    with pytest.raises(CollectError, match="'web' takes tracking messages"):
        take(shop, "web")
    with pytest.raises(CollectError, match="no load takes"):
        write_quarantine(shop.stores, "web", shop.folder / "web.csv", by="ann")


def test_a_replay_from_python_unifies_and_the_quality_is_told(shop: Shop) -> None:
    shop.collect(BAD)
    path = corrected(shop, mend)
    with Workspace(shop.stores, clock=lambda: LATER, by="ann") as ws:
        assert ws.collect.replay("shop", path).left == 2
        assert ws.find("cat") == shop.origin("cat")
        [found] = ws.collect.quality("shop")
    assert len(found.loads) == 1
