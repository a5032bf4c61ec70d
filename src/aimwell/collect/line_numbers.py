"""On which line of its file a row stands, found only for the few rows that must be shown to a person.

Mostly a row is a line. Where fields hold line feeds, lines are blank or records were rejected, the text is gone
through once more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from aimwell.collect.raw import RawPart
from aimwell.collect.rejects import Reject
from aimwell.collect.snapshot import TextSnapshot

__all__ = ["lines_of_rejects", "lines_of_rows"]

_CHUNK_BYTES = 1 << 20


def lines_of_rows(
    part: RawPart, rows: Iterable[int], *, whole_lines: bool
) -> dict[int, int | None]:
    """Row of the part (from 0) → line of its file (from 1); None where it cannot be told.

    Args:
        part: One file, read.
        rows: The rows in question.
        whole_lines: Each physical line is a record, also a blank one (JSON lines, words).
    """
    wanted = sorted(set(rows))
    if part.lines is not None:
        return {row: part.lines[row] for row in wanted}
    if part.text is None or part.exploded or not wanted:
        return dict.fromkeys(wanted)
    plain = whole_lines or _is_line_by_line(part, part.text)
    first = int(part.header) + 1
    if plain:
        taken = lines_of_rejects(part.text, part.rejects)
        return {row: _skipping(row + first, taken) for row in wanted}
    found = _walk(part, set(wanted))
    return {row: found.get(row) for row in wanted}


def _is_line_by_line(part: RawPart, text: TextSnapshot) -> bool:
    """Whether each line is a record: then there are as many of one as of the other."""
    if text.blank or any(reject.feeds for reject in part.rejects):
        return False
    return not text.quoted or text.lines == part.rows + len(part.rejects) + int(part.header)


def _skipping(line: int, taken: Sequence[int]) -> int:
    """The place of the line that would be `line` if those `taken` (in order) were not there."""
    passed = 0
    while passed < len(taken) and taken[passed] <= line:
        passed, line = passed + 1, line + 1
    return line


def lines_of_rejects(text: TextSnapshot, rejects: Sequence[Reject]) -> list[int]:
    """The line on which each of the rejects begins."""
    offsets = [reject.offset for reject in rejects]
    lines: list[int] = []
    line, position = 1, 0
    with text.path.open("rb") as file:
        while len(lines) < len(offsets) and (chunk := file.read(_CHUNK_BYTES)):
            start = 0
            upto = bisect_left(offsets, position + len(chunk))
            for offset in offsets[len(lines) : upto]:
                line += chunk.count(b"\n", start, offset - position)
                start = offset - position
                lines.append(line)
            line += chunk.count(b"\n", start)
            position += len(chunk)
    return lines + [line] * (len(offsets) - len(lines))


def _walk(part: RawPart, wanted: set[int]) -> dict[int, int]:
    """Go through all records; a reject spans the lines that the reader gave it, another what its quotes say."""
    assert part.text is not None  # noqa: S101 - the caller looked
    spans = {reject.offset: reject.feeds for reject in part.rejects}
    delimiter = (part.delimiter or ",").encode()
    found: dict[int, int] = {}
    offset, skip, open_record = 0, 0, b""
    row = -1 - int(part.header)
    with part.text.path.open("rb") as file:
        for line, text in enumerate(file, start=1):
            start, offset = offset, offset + len(text)
            if skip:
                skip -= 1
            elif open_record:
                open_record = _still_open(open_record + text, delimiter)
            elif text == b"\n":
                continue
            elif start in spans:
                skip = spans[start]
            else:
                row += 1
                if row in wanted:
                    found[row] = line
                open_record = _still_open(text, delimiter)
    # Where the count does not come out the reader saw other records, and no number is better than a wrong one.
    return found if row + 1 == part.rows else {}


def _still_open(record: bytes, delimiter: bytes) -> bytes:
    """The record where a quoted field of it has not ended yet, else nothing."""
    if b'"' not in record:
        return b""
    position = 0
    while True:
        field = record[position:].lstrip(b" ") if record[position : position + 1] == b" " else None
        at = position if field is None else len(record) - len(field)
        if record[at : at + 1] == b'"':
            close = _closing_quote(record, at + 1)
            if close < 0:
                return record
            at = close + 1
        after = record.find(delimiter, at)
        if after < 0:
            return b""
        position = after + len(delimiter)


def _closing_quote(record: bytes, start: int) -> int:
    """Where the quote that ends a field stands; doubled ones belong to the field. -1: nowhere."""
    while (at := record.find(b'"', start)) >= 0:
        if record[at + 1 : at + 2] != b'"':
            return at
        start = at + 2
    return -1
