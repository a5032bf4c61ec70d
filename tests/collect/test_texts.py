"""Text files as bytes: copies, encodings, line ends, delimiters, and on which line a row stands."""

from __future__ import annotations

import gzip
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from aimwell.collect.desk import open_desk
from aimwell.collect.dialect import column_names, detect_delimiter, first_record
from aimwell.collect.files import find_files, open_input
from aimwell.collect.line_numbers import lines_of_rejects, lines_of_rows
from aimwell.collect.reading import read_raw
from aimwell.collect.snapshot import TextSnapshot, snapshot_text
from aimwell.errors import FileChangedError, SourceFileError
from aimwell.store.stores import Stores
from collecting import source_of


def copied(tmp_path: Path, data: bytes, **options: Any) -> tuple[TextSnapshot, bytes]:
    """The copy of a file with these bytes."""
    source = tmp_path / "source"
    source.write_bytes(data)
    text = snapshot_text(source, tmp_path / "copy", name="source", **{"sha256": None, **options})
    return text, text.path.read_bytes()


@pytest.mark.parametrize(
    ("data", "options", "encoding", "expected"),
    [
        ("a,é\n".encode(), {}, "utf-8", "a,é\n"),
        ("a,é\r\nb\r".encode("utf-8-sig"), {}, "utf-8-sig", "a,é\nb\n"),
        ("a,é\r\n".encode("utf-16"), {}, "utf-16", "a,é\n"),
        ("a,é€\n".encode("cp1252"), {}, "cp1252", "a,é€\n"),
        ("あ,い\n".encode("shift_jis"), {"encoding": "shift_jis"}, "shift_jis", "あ,い\n"),
        (b"a\rb\rc", {}, "utf-8", "a\nb\nc"),
        (
            gzip.compress(b"a\n", mtime=0) + gzip.compress("é\n".encode(), mtime=0) + b"\0" * 9,
            {},
            "utf-8",
            "a\né\n",
        ),
        (b"", {}, "utf-8", ""),
    ],
)
def test_a_copy_is_utf_8_with_line_feeds(
    tmp_path: Path, data: bytes, options: dict[str, Any], encoding: str, expected: str
) -> None:
    text, found = copied(tmp_path, data, **options)
    assert found.decode() == expected
    assert text.encoding == encoding
    assert text.lines == len(expected.splitlines())


def test_characters_and_line_ends_may_be_cut_anywhere_by_the_reading(tmp_path: Path) -> None:
    """The pieces that are read end in the middle of characters and of CR LF pairs."""
    line = "é" * 511 + "\r\n"
    data = ("x" + line * 3_000).encode()
    text, found = copied(tmp_path, data)
    assert found == data.replace(b"\r\n", b"\n")
    assert (text.lines, text.blank, text.quoted) == (3_000, False, False)
    assert not text.guessed


def test_wrong_bytes_stay_wrong_and_nul_becomes_wrong(tmp_path: Path) -> None:
    _, found = copied(tmp_path, "café café\n".encode() + b"x\x00y\xff\n")
    assert found == "café café\n".encode() + b"x\xffy\xff\n"


def test_blank_lines_and_quotes_are_seen(tmp_path: Path) -> None:
    assert copied(tmp_path, b"a\n\nb")[0].blank
    assert copied(tmp_path, b"\na\nb")[0].blank
    assert not copied(tmp_path, b"a\nb\n")[0].blank
    assert copied(tmp_path, b'a,"b"\n')[0].quoted


def test_the_copy_must_have_the_hash_of_the_file(tmp_path: Path) -> None:
    good = hashlib.sha256(b"abc\n").hexdigest()
    copied(tmp_path, b"abc\n", sha256=good)
    with pytest.raises(FileChangedError):
        copied(tmp_path, b"abd\n", sha256=good)
    packed = gzip.compress(b"abc\n")
    copied(tmp_path, packed, sha256=hashlib.sha256(packed).hexdigest())


def test_a_preview_ends_with_a_whole_line(tmp_path: Path) -> None:
    _, found = copied(tmp_path, b"1234\n" * 1_000_000, bytes_max=1_000_003)
    assert found.endswith(b"4\n")
    assert len(found) >= 1_000_000


def test_a_small_gzip_that_holds_a_huge_file_is_read_in_pieces(tmp_path: Path) -> None:
    sizes: list[int] = []
    copied(tmp_path, gzip.compress(b"\n" * 60_000_000), advance=sizes.append)
    assert sum(sizes) == 60_000_000
    assert max(sizes) <= 9_000_000


def test_what_follows_a_gzip_is_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match="damaged"):
        copied(tmp_path, gzip.compress(b"a\n") + b"and more")


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        ("a,b,c\n1,2,3\n", ","),
        ("a;b;c\n1,5;2;3\n1,7;2;3\n", ";"),
        ("a\tb\n1,2\t3\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ('"a;x",b\n"1;2;3",2\n', ","),
        ("alone\n1\n2\n", ","),
        ("", ","),
        ("a,b\n1,2\n1\n1,2,3\n1,2\n", ","),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_evenly(head: str, delimiter: str) -> None:
    assert detect_delimiter(head) == delimiter


def test_column_names_are_trimmed_and_told_apart() -> None:
    header = first_record('\ufeffa ,"b\nx",,a,A\n', ",")
    assert column_names(header) == ("a", "b\nx", "column_3", "a_2", "A")


# --- line numbers -----------------------------------------------------------------------------------------


def lines_found(
    stores: Stores, folder: Path, data: bytes
) -> tuple[list[tuple[str, int | None]], list[tuple[str, int]]]:
    """(first field, line) of all rows, and of all rejects, of a CSV file."""
    (folder / "orders.csv").write_bytes(data)
    source = source_of(files="orders.csv")
    with open_desk(stores) as desk:
        found = find_files(source.files["file"], folder)
        raw = read_raw(desk, source, "file", [open_input(*file) for file in found])
        [part] = raw.parts
        rows = desk.session.rows(raw.scan.order_by("n"))
        lines = lines_of_rows(part, range(part.rows), whole_lines=raw.whole_lines)
        assert part.text is not None
        rejected = lines_of_rejects(part.text, part.rejects)
    return (
        [(row[2], lines[place]) for place, row in enumerate(rows)],
        [(r.content.split(",")[0], line) for r, line in zip(part.rejects, rejected, strict=True)],
    )


KINDS = {
    "good": (b"%d,b,c\n", 1, True),
    "blank": (b"\n", 1, None),
    "short": (b"%d,b\n", 1, False),
    "long": (b"%d,b,c,d,e\n", 1, False),
    "feeds": (b'%d,"a\n""b,\n",c\n', 3, True),
    "torn": (b'%d,"x"y,c\n', 1, False),
    "loose": (b'%d,a"b,"c"\n', 1, True),
    "spaced": (b'%d, "a,b" ,c\n', 1, True),
    "bytes": (b"%d,\xff,c\n", 1, False),
    "crlf": (b"%d,b,c\r\n", 1, True),
}


@pytest.mark.parametrize("round_", range(12))
def test_rows_and_rejects_know_their_lines(
    stores: Stores, tmp_path: Path, seed: int, round_: int
) -> None:
    """The first field of each record is the line on which it begins."""
    draw = random.Random(seed + round_)  # noqa: S311
    names = draw.sample(sorted(KINDS), draw.randrange(1, len(KINDS)))
    data, line = b"a,b,c\n" + "é".encode() * 0, 2
    good: list[int] = []
    bad: list[int] = []
    for _ in range(draw.randrange(1, 80)):
        text, height, is_good = KINDS[draw.choice(names)]
        data += text % line if b"%d" in text else text
        if is_good is not None:
            (good if is_good else bad).append(line)
        line += height
    # Enough of UTF-8 that a wrong byte is no sign of another encoding.
    data = data + f"{line},{'é' * 200},c\n".encode()
    good.append(line)
    rows, rejects = lines_found(stores, tmp_path, data)
    assert rows == [(str(n), n) for n in good]
    assert rejects == [(str(n), n) for n in bad]
