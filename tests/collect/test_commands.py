"""The real command `aimwell collect` as processes of their own: two at once, killed, on a full disk, with wrong files."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aimwell.collect import reading as reading_module
from aimwell.store.schema import metadata
from aimwell.store.stores import open_stores
from collecting import Shop
from command import Run, command_in
from databases import shortly_on
from small_disk import WAYS, small_disk_of
from spreadsheets import write_xlsx
from trial_shop import HEADER, TAKE, orders
from whole_state import content, state
from workspaces import new_workspace

AIMWELL = Path(sys.executable).with_name("aimwell")
TAKE_ALL = [
    *(
        f"--map={pair}"
        for pair in (
            "order_id=order",
            "ordered_at=day",
            "customer_id=customer",
            "sku=sku",
            "quantity=qty",
            "unit_price=price",
            "email=email",
        )
    ),
    "--trait=country=country",
    "--soft-opt-in=email",
]
KEY = bytes(range(32))


def collecting(shop: Shop, file: str, *options: str) -> subprocess.Popen[str]:
    """The command, started; its own process group, so that a kill meets all of it."""
    return subprocess.Popen(
        [AIMWELL, "collect", "orders", shop.folder / file, *TAKE_ALL, "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AIMWELL_WORKSPACE": str(shop.stores.root)},
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str], *, code: int = 0) -> Any:
    """The JSON document of a command that ended by itself."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return json.loads(out)


def both_states(shop: Shop) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """What was taken, and who is known."""
    profiles = metadata.tables["profiles"]
    with shop.stores.read_control() as connection:
        known = connection.execute(sa.select(profiles.c.profile_id, profiles.c.orders)).all()
    return state(shop), sorted(map(tuple, known))


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Shop]:
    """A second workspace with the same key, for the clean run."""
    stores = new_workspace(tmp_path / "clean", identity_key=KEY, currency="GBP", country="GB")
    yield Shop(stores, tmp_path / "files")
    stores.close()


@pytest.mark.long
def test_two_commands_at_once_take_each_line_of_overlapping_files_once(
    shop_on_both: Shop, clean: Shop
) -> None:
    shop = shop_on_both
    shop.write(content(0, 900), "a.csv")
    shop.write(content(600, 1_500), "b.csv")
    shop.write(content(0, 1_500), "all.csv")
    one, two = collecting(shop, "a.csv"), collecting(shop, "b.csv")
    first, second = ended(one)["loads"][0], ended(two)["loads"][0]
    assert first["known"] + second["known"] > 250
    whole = ended(collecting(clean, "all.csv"))["loads"][0]
    assert first["rows_taken"] + second["rows_taken"] == whole["rows_taken"]
    assert ids(shop) == ids(clean)
    assert sums(shop) == sums(clean)


@pytest.mark.long
def test_two_commands_at_once_of_the_same_file_are_as_one(shop_on_both: Shop, clean: Shop) -> None:
    shop = shop_on_both
    shop.write(content(0, 900), "all.csv")
    one, two = collecting(shop, "all.csv"), collecting(shop, "all.csv")
    told = [ended(process)["already_collected"] for process in (one, two)]
    assert sorted(told) == [False, True]
    ended(collecting(clean, "all.csv"))
    assert both_states(shop) == both_states(clean)


def ids(shop: Shop) -> list[Any]:
    return sorted(row[0] for row in shop.rows("order_lines", "line_id"))


def sums(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for order, revenue in shop.rows("orders", "order_id", "revenue"):
        found[order] = found.get(order, 0) + revenue
    return found


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("kills", [1, pytest.param(40, marks=pytest.mark.long)])
@shortly_on("sqlite")
def test_killed_at_any_moment_and_called_again_it_is_as_after_one_clean_call(
    shop_on_both: Shop, clean: Shop, kills: int, seed: int
) -> None:
    """Kills fall evenly over the time that a clean call takes, and each call begins where the last one died."""
    shop = shop_on_both
    shop.write(content(0, 3_000), "all.csv")
    ended(collecting(clean, "all.csv"))
    draw, left, seconds = random.Random(seed), kills, 6.0  # noqa: S311
    tries = 0
    while left:
        process = collecting(shop, "all.csv")
        with suppress(subprocess.TimeoutExpired):
            # Short of the time that it took when it was let through, so that most kills meet it at work.
            process.communicate(timeout=draw.uniform(0.2, seconds))
            assert process.returncode == 0
            seconds = max(seconds * 0.7, 1.0)
            tries += 1
            if tries > 2 * kills:
                break
            continue
        process.kill()
        process.communicate()
        left -= 1
    assert left < kills
    ended(collecting(shop, "all.csv"))
    assert both_states(shop) == both_states(clean)
    assert list(shop.stores.folder("staging").iterdir()) == []


def test_killed_between_collecting_and_unifying_the_next_call_unifies(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from aimwell.cli import collect as command_module

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    shop.write(content(0, 30), "all.csv")
    run = command_in(tmp_path, monkeypatch, capsys)
    call = ["collect", "orders", shop.folder / "all.csv", *TAKE_ALL, "-w", shop.stores.root]
    with monkeypatch.context() as patch:
        patch.setattr(command_module, "bring_collected_up_to_date", killed)
        with pytest.raises(Killed):
            run(*call)
    assert both_states(shop)[1] == []
    assert run(*call, "--json").json["unify"]["profiles"] == 10
    assert len(both_states(shop)[1]) == 10
    assert run(*call, "--json").json["unify"] is None


# --- what is wrong with a file, as the command tells it ---------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    new_workspace(
        tmp_path / "shop", identity_key=KEY, currency="GBP", timezone="Europe/London"
    ).close()
    monkeypatch.setenv("AIMWELL_WORKSPACE", str(tmp_path / "shop"))
    return command_in(tmp_path, monkeypatch, capsys)


LINE = "{},2026-01-05 10:00,ann,ann@example.com,mug,{},4.50\n"


def wrong(target: str, column: str) -> list[str]:
    return [o for o in TAKE if not o.startswith(f"--map={target}=")] + [f"--map={target}={column}"]


def test_a_small_file_of_which_nothing_fits_fails_and_its_rows_wait(run: Run) -> None:
    Path("orders.csv").write_text(HEADER + LINE.format(1, 2) + LINE.format(2, 2))
    call = ("collect", "orders", "orders.csv", *wrong("quantity", "sku"))
    for _ in range(2):  # asked again, it fails again
        told = run(*call, code=1)
        assert "Not one of the rows of orders.csv could be taken as orders" in told.err
        assert "quantity (from 'sku'): quantity is no number" in told.err
        assert "(not_a_number, 2 rows)" in told.err
    assert run(*call, "--json", code=1).json["loads"][0]["quarantined"] == 2
    waiting = run("collect", "quarantine", "--json").json
    assert waiting["counts"] == {"orders": {"not_a_number": 2}}
    assert (
        run("collect", "orders", "orders.csv", *TAKE, "--json").json["loads"][0]["rows_taken"] == 2
    )


def test_a_larger_file_of_which_nothing_fits_is_refused_whole(run: Run) -> None:
    Path("orders.csv").write_text(orders(0, 20))
    told = run("collect", "orders", "orders.csv", *wrong("quantity", "sku"), code=1)
    assert "Not one of 20 rows of orders could be taken" in told.err
    assert "quantity is no number below 100 trillion, as 12 or 12.50 (from 'sku')" in told.err
    assert run("collect", "quarantine", "--json").json["total"] == 0


def test_the_status_tells_a_failure_once_and_not_after_it_was_made_good(run: Run) -> None:
    body = {"quantity": "quantity", "order_id": "order", "ordered_at": "day", "unit_price": "price"}
    source = {"kind": "source", "name": "tills", "files": {"rows": "orders.csv"}}
    entity = {"entity": "orders", "map": body}
    Path("source.yaml").write_text(json.dumps({**source, "entities": [entity]}))
    run("apply", "source.yaml")
    Path("orders.csv").write_text(HEADER + LINE.format(1, 2))
    run("collect", "source", "tills", "--root", ".", code=1)
    told = run("collect", "status")
    assert told.err.count("quantity is mapped to 'quantity'") == 1
    Path("orders.csv").write_text(HEADER.replace("qty", "quantity") + LINE.format(1, 2))
    run("collect", "source", "tills", "--root", ".")
    told = run("collect", "status")
    assert ("failed, made good" in told.out, "quantity" in told.err) == (True, False)


def test_a_file_with_only_an_overlong_line_says_so(run: Run) -> None:
    Path("orders.csv").write_text(HEADER + LINE.format(1, "2" * 2_100_000))
    told = run("collect", "orders", "orders.csv", *TAKE, code=1)
    assert "the line is longer than 2 million bytes (too_long, 1 row)" in " ".join(told.err.split())
    assert "no rows" not in told.out + told.err


@pytest.mark.parametrize("options", [TAKE, [], ["--guess"], ["--explain"]], ids=str)
def test_a_file_without_a_header_is_told_without_its_values(run: Run, options: list[str]) -> None:
    Path("orders.csv").write_text(LINE.format(4711, 2) + LINE.format(2, 2))
    told = run("collect", "orders", "orders.csv", *options, code=1)
    assert "Line 1 of 'orders.csv' looks like data, not a header (7 columns)" in told.err
    assert "header: false, columns:" in told.err
    assert not any(value in told.err + told.out for value in ("ann", "mug", "4711", "4.50"))


def test_a_folder_is_told_with_how_to_give_several_files(run: Run) -> None:
    Path("exports").mkdir()
    told = run("collect", "orders", "exports", *TAKE, code=1)
    assert "'exports' is a folder" in told.err
    assert "files: {rows: 'orders-*.csv.gz'}" in told.err
    assert "--root exports" in told.err


def test_an_address_is_told_with_what_takes_it(run: Run) -> None:
    told = run("collect", "orders", "s3://shop/orders.csv", *TAKE, code=1)
    assert "'s3://shop/orders.csv' is an address" in told.err
    assert "aimwell collect source NAME" in told.err


def test_a_file_that_only_calls_itself_an_archive_is_refused(run: Run) -> None:
    Path("orders.zip").write_text("not a zip")
    told = run("collect", "orders", "orders.zip", *TAKE, code=1)
    assert "The ZIP archive (or spreadsheet) 'orders.zip' is damaged" in told.err


def test_reviews_that_say_nothing_are_no_reviews(run: Run) -> None:
    Path("orders.csv").write_text("order_id,quantity\n1,2\n")
    told = run("collect", "reviews", "orders.csv", "--guess", code=2)
    assert "one of rating, text, title, recommended is needed" in told.err
    assert "map one of" not in told.err, "said once"


def test_a_sheet_is_chosen_and_a_list_inside_json_is_found(run: Run) -> None:
    cells = [line.split(",") for line in orders(1, 4).splitlines()]
    write_xlsx(Path("orders.xlsx"), {"Notes": [["hello"]], "Orders": cells})
    told = run("collect", "orders", "orders.xlsx", *TAKE, code=1)
    assert "has 2 sheets: 'Notes', 'Orders'" in told.err
    assert "--sheet" in told.err
    said = run("collect", "orders", "orders.xlsx", "--sheet=Orders", *TAKE, "--explain")
    assert "orders from orders.xlsx: nothing is written" in said.out
    said = run("collect", "orders", "orders.xlsx", "--sheet=Orders", *TAKE)
    assert "3 of 3 rows taken" in said.out
    rows = [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]
    Path("orders.json").write_text(json.dumps({"data": {"orders": rows}}))
    said = run("collect", "orders", "orders.json", "--records=data.orders", "--source=api", *TAKE)
    assert "3 of 3 rows taken" in said.out


def test_moments_are_shown_in_the_time_zone_of_the_firm(run: Run) -> None:
    Path("orders.csv").write_text(HEADER + "1,2026-07-05 00:00,ann,ann@example.com,mug,1,4.50\n")
    said = run("collect", "orders", "orders.csv", *TAKE, "--timezone=Europe/London", "--explain")
    assert "2026-07-05 00:00 BST" in said.out  # in UTC it is still the day before


CODES = [
    (["--map=nonsense=sku"], 2, "a target that does not exist, whatever the file"),
    (["--timezone=Europe/Lundon"], 2, "a zone that does not exist"),
    (["--no-such-option"], 2, "an option that does not exist"),
    (["--map=quantity=nothing"], 1, "a column that this file lacks"),
    (["--source=../evil"], 2, "a name that no source can have"),
]


@pytest.mark.parametrize(("options", "code"), [c[:2] for c in CODES], ids=[c[2] for c in CODES])
def test_the_exit_code_tells_whether_the_call_or_the_input_is_wrong(
    run: Run, options: list[str], code: int
) -> None:
    Path("orders.csv").write_text(orders(0, 3))
    run("collect", "orders", "orders.csv", *TAKE, *options, code=code)


def test_a_file_that_is_not_there_and_a_source_that_is_not_there(run: Run) -> None:
    run("collect", "orders", "nothing.csv", *TAKE, code=1)
    run("collect", "source", "nothing", code=1)


def test_encodings_ids_dates_and_quantities_as_shops_export_them(run: Run) -> None:
    rows = [
        LINE.format("9223372036854775807", 1),
        LINE.format("0001", 1),
        "3,2026-01-05T10:00:00Z,ann,ann@example.com,caf\u00e9,1,4.50\n",
        "4,31.12.2025 10:00,ann,ann@example.com,mug,1,4.50\n",
        "5,12/31/2025 10:00,ann,ann@example.com,mug,1,4.50\n",
        LINE.format(6, "three"),
        LINE.format(7, 0),
        LINE.format(8, -2),
        LINE.format(9, "99999999999"),
        "10,2026-01-05\n",
    ]
    text = HEADER + "".join(rows)
    for name, body in {
        "latin1.csv": text.encode("latin-1"),
        "bom.csv": b"\xef\xbb\xbf" + text.encode(),
        "wide.csv": text.encode("utf-16"),
        "packed.csv.gz": gzip.compress(text.encode()),
    }.items():
        Path(name).write_bytes(body)
        load = run("collect", "orders", name, *TAKE, f"--source={name[:3]}", "--json").json
        [load] = load["loads"]
        assert (load["rows_read"], load["rows_taken"], load["returns"]) == (10, 6, 1), name
        assert load["quarantined_by_reason"] == {
            "not_a_number": 1,
            "quantity_out_of_range": 1,
            "too_few_fields": 1,
            "zero_quantity": 1,
        }
    stores = open_stores(Path("shop"))
    lines = Shop(stores, Path()).rows("order_lines", "order_id", "sku", "source")
    stores.close()
    for source in ("lat", "bom", "wid", "pac"):
        mine = {row[0]: row[1] for row in lines if row[2] == source}
        assert mine["9223372036854775807"] == "mug"
        assert mine["0001"] == "mug"
        assert mine["3"] == "caf\u00e9"


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"", "is empty"), (gzip.compress(orders(0, 50).encode())[:-9], "ends in the middle")],
)
def test_an_empty_and_a_truncated_file_take_nothing(run: Run, body: bytes, words: str) -> None:
    Path("orders.csv.gz").write_bytes(body)
    told = run("collect", "orders", "orders.csv.gz", *TAKE, "--json", code=1)
    assert words in told.err
    assert run("collect", "quarantine", "--json").json["total"] == 0


def test_a_file_replaced_while_it_is_read_is_refused_and_taken_by_the_next_call(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("orders.csv").write_text(orders(0, 20))
    real = reading_module.snapshot_text

    def replaced(source: Path, *arguments: Any, **named: Any) -> Any:
        Path("new.csv").write_text(orders(0, 30))
        Path("new.csv").replace(source)
        return real(source, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(reading_module, "snapshot_text", replaced)
        told = run("collect", "orders", "orders.csv", *TAKE, "--json", code=1)
    assert told.json["error"]["retryable"]
    assert "changed while it was read" in told.err
    assert (
        run("collect", "orders", "orders.csv", *TAKE, "--json").json["loads"][0]["rows_taken"] == 30
    )


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=[] if way == "limit" else pytest.mark.long) for way in WAYS]
)
def test_a_full_disk_ends_the_command_in_words_and_the_next_one_well(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "files").mkdir()
    with small_disk_of(12, tmp_path / "disk", way=way) as disk:
        stores = new_workspace(disk.folder / "shop", identity_key=KEY, currency="GBP", country="GB")
        shop = Shop(stores, tmp_path / "files")
        shop.write(content(0, 6_000), "all.csv")
        disk.fill(400_000)
        told = ended(collecting(shop, "all.csv"), code=1)
        disk.free()
        assert told["error"]["kind"] == "StorageFullError"
        assert told["error"]["retryable"]
        assert ended(collecting(shop, "all.csv"))["loads"][0]["rows_taken"] > 5_000
        stores.close()


def test_a_disk_too_full_to_look_at_a_file_is_told_in_words(tmp_path: Path, clean: Shop) -> None:
    (tmp_path / "files").mkdir()
    clean.write(content(0, 2_000), "all.csv")
    with small_disk_of(1, tmp_path / "disk", way="limit") as disk:
        disk.fill(60_000)
        told = ended(collecting(clean, "all.csv"), code=1)
    assert told["error"]["kind"] == "StorageFullError"
