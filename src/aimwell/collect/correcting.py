"""Sets the rows of a corrected file beside those that wait."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aimwell.collect.corrections import Correction, Waiting, cut_line, unknown_column
from aimwell.collect.raw import form_of
from aimwell.collect.replay_source import entity_of
from aimwell.definitions.kinds.source import Source
from aimwell.errors import SourceFileError

__all__ = ["Row", "corrected_rows"]


@dataclass(frozen=True)
class Row:
    """One row to be taken: what waits, the content that is to be taken, and whether that is another one."""

    waiting: Waiting
    content: str
    corrected: bool


def corrected_rows(
    source: Source, waiting: Sequence[Waiting], corrections: Sequence[Correction], file: str
) -> tuple[list[Row], int]:
    """The rows to be taken, and how many of the file no longer wait."""
    there: dict[str, list[Waiting]] = {}
    for one in waiting:
        there.setdefault(one.row_hash, []).append(one)
    given: dict[str, list[Correction]] = {}
    for correction in corrections:
        given.setdefault(correction.row_hash, []).append(correction)
    known = {name for one in waiting for name in one.values}
    columns = list(dict.fromkeys(name for one in waiting for name in one.values))
    found: list[Row] = []
    gone = 0
    for row_hash, several in given.items():
        places = there.get(row_hash)
        if places is None:
            gone += len(several)
            continue
        if len(places) != len(several):
            raise SourceFileError(
                f"Line {several[0].place} of '{file}': this row waits {len(places)} times, and the file has it "
                f"{len(several)} times. Keep each of them, and leave '_row' as it is.",
                file=file,
            )
        for one, correction in zip(places, several, strict=True):
            for name in correction.values or ():
                if known and name not in known:
                    raise unknown_column(name, columns, file=file)
            row = _applied(source, one, correction, columns, file)
            if row is not None:
                found.append(row)
    return found, gone


def _applied(
    source: Source, one: Waiting, correction: Correction, columns: Sequence[str], file: str
) -> Row | None:
    """The row with its correction; None of a line that could not be cut and was left as it is."""
    if correction.document is not None:
        same = json.loads(correction.document) == _parsed(one.content)
        return Row(one, one.content if same else correction.document, corrected=not same)
    if one.is_line:
        values: dict[str, str | None] = {n: v for n, v in (correction.values or {}).items() if v}
        if not values:
            if (correction.text or "") == (one.text or ""):
                return None
            entity = source.entities[entity_of(source, one)]
            form = form_of(source, source.files[source.file_of(entity)])
            if form.read_as == "jsonl":
                return Row(one, correction.text or "", corrected=True)
            cut = cut_line(correction.text or "", columns or form.columns, form.delimiter)
            if cut is None:
                raise SourceFileError(
                    f"Line {correction.place} of '{file}': the text still does not fit the columns. Put its values "
                    "into the columns instead.",
                    file=file,
                )
            values = cut
        return Row(one, _as_content(values), corrected=True)
    if correction.values is None:  # JSON that was none
        same = (correction.text or "") == one.content
        return Row(one, correction.text or "", corrected=not same)
    # An empty field of the table is a missing value, however it was missing before.
    before = {name: value or None for name, value in one.values.items()}
    after = {name: correction.values.get(name) for name in before}
    more = {name: v for name, v in correction.values.items() if v and name not in before}
    if before == after and not more:
        return Row(one, one.content, corrected=False)
    return Row(one, _as_content({**after, **more}), corrected=True)


def _as_content(values: Mapping[str, str | None]) -> str:
    """A row as the engine writes it, so that an equal one in a file has the same hash."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _parsed(content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
