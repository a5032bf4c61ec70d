"""Wrong files and wrong mappings, as the command tells them: exit code, words, and nothing taken."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import open_stores
from command import Run
from trial_shop import HEADER, TAKE, orders

GOOD = orders(0, 20)
LINE = "{},2026-01-05 10:00,ann,ann@example.com,mug,{},4.50\n"


def taken(workspace: Path) -> dict[str, int]:
    """Rows of the tables that collecting fills, without empty ones; nothing else may tell what was taken."""
    stores = open_stores(workspace)
    found: dict[str, int] = {}
    with stores.engine.session() as session:
        for name in ("order_lines", "orders", "traits", "products", "quarantine"):
            session.bind("t", stores.lake.pin(name).tables[name])
            [(found[name],)] = session.rows(sql("SELECT count(*) FROM t"))
    with stores.read_control() as connection:
        for name in ("identifiers", "vault_people", "vault_rows", "consents"):
            query = sa.select(sa.func.count()).select_from(metadata.tables[name])
            found[name] = connection.execute(query).scalar_one()
    stores.close()
    return {name: number for name, number in found.items() if number}


def without(target: str) -> list[str]:
    return [option for option in TAKE if not option.startswith(f"--map={target}=")]


REFUSED: list[tuple[str, bytes | None, list[str], int, str]] = [
    (
        "a missing column",
        GOOD.encode(),
        [*without("quantity"), "--map=quantity=quantiti"],
        1,
        "no such column",
    ),
    ("a target left out", GOOD.encode(), without("ordered_at"), 2, "map.ordered_at"),
    ("an unknown target", GOOD.encode(), [*TAKE, "--map=qty=qty"], 2, "unknown field"),
    (
        "columns mapped the wrong way round",
        GOOD.encode(),
        [*without("quantity"), "--map=quantity=sku"],
        1,
        "Not one of 20 rows",
    ),
    (
        "a time zone that does not exist",
        GOOD.encode(),
        [*TAKE, "--timezone=Europe/Lundon"],
        2,
        "Europe/London",
    ),
    ("a currency that is none", GOOD.encode(), [*TAKE, "--currency=pounds"], 2, "currency"),
    ("a currency without a rate", GOOD.encode(), [*TAKE, "--currency=USD"], 1, "no rate to GBP"),
    ("a form of dates that is none", GOOD.encode(), [*TAKE, "--date-format=%Q"], 2, "dates[0]"),
    (
        "dates that could be either",
        (HEADER + "1,01/02/2026,ann,a@example.com,mug,1,4.5\n").encode(),
        TAKE,
        1,
        "day first or month first",
    ),
    ("an empty file", b"", TAKE, 1, "is empty"),
    ("a truncated gzip", gzip.compress(GOOD.encode())[:-20], TAKE, 1, "ends in the middle"),
    ("a spreadsheet", b"PK\x03\x04and so on", TAKE, 1, "spreadsheet"),
    ("a file that is not there", None, TAKE, 1, "There is no file"),
    ("no header", GOOD.removeprefix(HEADER).encode(), TAKE, 1, "looks like data, not a header"),
    ("a mapping without its sign", GOOD.encode(), [*TAKE, "--map=order_id"], 2, "target=Column"),
    (
        "a source's name as a path",
        GOOD.encode(),
        [*TAKE, "--source=../evil"],
        2,
        "not a valid name",
    ),
]


@pytest.mark.parametrize(
    ("content", "options", "code", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_cannot_be_taken_is_refused_whole_in_words(
    run: Run, workspace: Path, content: bytes | None, options: list[str], code: int, words: str
) -> None:
    if content is not None:
        Path("orders.csv").write_bytes(content)
    told = run("collect", "orders", "orders.csv", *options, "-w", "shop", "--json", code=code)
    assert words in " ".join(told.err.split())
    assert "Traceback" not in told.err
    assert set(told.json["error"]) == {"kind", "message", "retryable"}
    assert taken(workspace) == {}


def test_after_a_refusal_the_mended_file_is_taken_whole(run: Run, workspace: Path) -> None:
    Path("orders.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:-20])
    run("collect", "orders", "orders.csv.gz", *TAKE, "-w", "shop", code=1)
    Path("orders.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    report = run("collect", "orders", "orders.csv.gz", *TAKE, "-w", "shop", "--json").json
    assert report["loads"][0]["rows_taken"] == 20
    assert taken(workspace)["order_lines"] == 20


def test_bad_rows_are_counted_shown_by_line_and_kept_for_later(run: Run, workspace: Path) -> None:
    rows = [
        LINE.format("9223372036854775807", 1),
        LINE.format("2", "three"),
        LINE.format("3", 0),
        LINE.format("4", 99_999_999),
        LINE.format("5", "1e999"),
        "6,31.12.2025 10:00,ann,ann@example.com,mug,1,4.50\n",
        "7,12/31/2025 10:00 AM,ann,ann@example.com,mug,1,4.50\n",
        "8,tomorrow,ann,ann@example.com,mug,1,4.50\n",
        "9,2026-01-05\n",
        LINE.format("10", -1),
    ]
    Path("orders.csv").write_bytes(b"\xef\xbb\xbf" + (HEADER + "".join(rows)).encode())
    load = run("collect", "orders", "orders.csv", *TAKE, "-w", "shop", "--json").json["loads"][0]
    assert (load["rows_read"], load["rows_taken"], load["quarantined"]) == (10, 4, 6)
    assert load["quarantined_by_reason"] == {
        "not_a_number": 2,
        "not_a_time": 1,
        "quantity_out_of_range": 1,
        "too_few_fields": 1,
        "zero_quantity": 1,
    }
    shown = run("collect", "quarantine", "-w", "shop")
    assert "ann@example.com" not in shown.out + shown.err
    revealed = run("collect", "quarantine", "--reveal", "-w", "shop", "--json").json
    assert {row["line"] for row in revealed["rows"]} == {3, 4, 5, 6, 9, 10}
    assert all("ann@example.com" in row["content"] or row["line"] == 10 for row in revealed["rows"])


HOSTILE = "=cmd|' /C calc'!A0"


def test_values_that_would_command_a_terminal_or_a_sheet_are_only_text(
    run: Run, workspace: Path
) -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07[red]"
    rows = [
        f'{HOSTILE},2026-01-05,"{nasty}",x@example.com,"{nasty}",1,4.50\n',
        f'2,2026-01-05,"<script>alert(1)</script>",y@example.com,{HOSTILE},"{nasty}",4.50\n',
        "3,2026-01-05,'; DROP TABLE orders; --,z@example.com,mug,1,4.50\n",
    ]
    Path(f"{'o' * 60}\x1b[31m.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    file = f"{'o' * 60}\x1b[31m.csv"
    told = [
        run("collect", "orders", file, *TAKE, "--explain", "-w", "shop"),
        run("collect", "orders", file, *TAKE, "-w", "shop"),
        run("collect", "quarantine", "--reveal", "-w", "shop"),
        run("profile", nasty, "-w", "shop"),
        run("collect", "orders", f"\x1b[2J{file}", *TAKE, "-w", "shop", code=1),
    ]
    for one in told:
        assert "\x1b" not in one.out + one.err
        assert "\x07" not in one.out + one.err
    assert taken(workspace)["order_lines"] == 2
    assert HOSTILE in told[0].out


def test_absurd_sizes_end_in_words(run: Run, workspace: Path) -> None:
    wide = ",".join(f"c{n}" for n in range(6_000))
    Path("wide.csv").write_text(f"{wide}\n{wide}\n", encoding="utf-8")
    told = run("collect", "orders", "wide.csv", *TAKE, "-w", "shop", code=1).err
    assert "'wide.csv' has 6,000 columns" in told
    assert "5,000 can be read" in told
    Path("long.csv").write_text(HEADER + LINE.format("x" * 3_000_000, 1) + LINE.format(2, 1))
    load: Any = run("collect", "orders", "long.csv", *TAKE, "-w", "shop", "--json").json["loads"][0]
    assert (load["rows_read"], load["rows_taken"], load["quarantined"]) == (2, 1, 1)
