"""A file whose sender says its checksum is taken as it was sent, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import fsspec
import pytest

from aimwell.collect import collect, explain
from aimwell.collect.checksums import check_files
from aimwell.collect.files import InputFile
from aimwell.collect.health import health_of
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.source import Source
from aimwell.errors import DefinitionError, SourceFileError
from collecting import COLUMNS, NOW, Shop, source_of

ROW = f"{COLUMNS}\n%s,2026-05-05,ann,mug,2,4.50\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def checked(checksum: str, path: str = "orders-?.csv") -> Source:
    return source_of(files={"rows": {"path": path, "checksum": checksum}})


def orders(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("order_lines", "order_id")]


@pytest.mark.parametrize("checksum", ["*.sha256", "SHA256SUMS"])
def test_a_file_that_is_another_than_was_sent_is_refused_and_told(
    shop: Shop, checksum: str
) -> None:
    source = checked(checksum)
    definitions.apply(shop.stores.control, [source], now=NOW, by="ann")
    for number in (1, 2):
        shop.write(ROW % number, f"orders-{number}.csv")
        shop.write(f"{sha256(ROW % number)}  orders-{number}.csv\n", f"orders-{number}.csv.sha256")
    sums = f"{sha256(ROW % 1)}  ./orders-1.csv\n{sha256(ROW % 2).upper()} *out/orders-2.csv\n"
    shop.write(sums, "SHA256SUMS")
    shop.write(ROW % 22, "orders-2.csv")
    with pytest.raises(SourceFileError, match=r"'orders-2.csv' is not the file that was sent"):
        collect(shop.stores, source, root=shop.folder, now=NOW)
    assert orders(shop) == []
    [failed] = health_of(shop.stores, source, now=NOW).troubles
    assert (failed.part, "is not the file that was sent" in failed.message) == ("failed", True)
    shop.write(ROW % 2, "orders-2.csv")
    collect(shop.stores, source, root=shop.folder, now=NOW)
    assert orders(shop) == ["1", "2"]
    assert health_of(shop.stores, source, now=NOW).troubles == ()


def test_a_file_of_which_nothing_is_said_waits(shop: Shop) -> None:
    shop.write(ROW % 1, "orders-1.csv")
    with pytest.raises(SourceFileError, match=r"no 'orders-1.csv.sha256'.*on their way"):
        explain(shop.stores, checked("*.sha256", "*"), root=shop.folder, now=NOW)
    shop.write(f"{sha256('')}  orders-3.csv\n", "SHA256SUMS")
    with pytest.raises(SourceFileError, match=r"does not say the SHA-256 of 'orders-1.csv'"):
        explain(shop.stores, checked("SHA256SUMS", "*"), root=shop.folder, now=NOW)


def test_checksums_in_a_folder_are_no_rows(shop: Shop) -> None:
    (shop.folder / "out").mkdir()
    shop.write(ROW % 1, "out/a.csv")
    shop.write(f"SHA256 (a.csv) = {sha256(ROW % 1)}\n", "out/a.csv.sha256")
    collect(shop.stores, checked("*.sha256", "out"), root=shop.folder, now=NOW)
    assert orders(shop) == ["1"]


def test_objects_are_compared_with_the_checksums_beside_them(shop: Shop) -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/checked/a.csv", (ROW % 1).encode())
    source = checked("*.sha256", "memory://checked/*")
    with pytest.raises(SourceFileError, match=r"no 'memory:///checked/a.csv.sha256'"):
        collect(shop.stores, source, root=shop.folder, now=NOW)
    files.pipe("/checked/a.csv.sha256", sha256(ROW % 2).encode())
    with pytest.raises(SourceFileError, match="is not the file that was sent"):
        collect(shop.stores, source, root=shop.folder, now=NOW)
    files.pipe("/checked/a.csv", (ROW % 2).encode())
    collect(shop.stores, source, root=shop.folder, now=NOW)
    assert orders(shop) == ["2"]
    files.rm("/checked", recursive=True)


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("%s", True),
        ("\ufeff%s\r\n", True),
        ("%s *a.csv\n", True),
        ("%s  elsewhere.csv\n", True),  # it was called otherwise when the sum was made
        ("SHA256 (a.csv) = %s", True),
        ("%s  b.csv\n%s  c.csv\n", False),
        ("", False),
        ("%.63s", False),
    ],
)
def test_checksums_are_read_as_programs_write_them(written: str, fits: bool) -> None:
    file = InputFile(Path("a.csv"), "in/a.csv", 1, sha256("rows"))
    said = written.replace("%s", file.sha256).replace("%.63s", file.sha256[:63])
    asked: list[str] = []

    def read(name: str) -> bytes:
        asked.append(name)
        return said.encode()

    if fits:
        check_files([file], "*.sha256", read)
    else:
        with pytest.raises(SourceFileError, match="does not say"):
            check_files([file], "*.sha256", read)
    assert asked == ["in/a.csv.sha256"]


@pytest.mark.parametrize("checksum", ["*", "../sums", "**.sha256", ""])
def test_a_name_that_says_nothing_is_refused(checksum: str) -> None:
    with pytest.raises(DefinitionError, match="checksum"):
        checked(checksum)
