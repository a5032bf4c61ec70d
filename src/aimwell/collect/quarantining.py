"""Rows that could not be taken: their reasons to the lake, the rows themselves to the vault."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from aimwell.collect.known import GONE
from aimwell.collect.line_numbers import lines_of_rejects, lines_of_rows
from aimwell.collect.money import TOO_LARGE
from aimwell.collect.provenance import Provenance
from aimwell.collect.raw import FILE_SHIFT, RawPart, RawTable
from aimwell.collect.rejects import REJECT_DETAILS, Reject
from aimwell.collect.staging import Check
from aimwell.privacy.hashing import identifier_hash, identifier_hash_sql
from aimwell.privacy.vault import keep_rows
from aimwell.store.engine import Session
from aimwell.store.sql import column, sql, union_all
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["SUPERSEDED", "Fault", "bind_superseded", "set_aside"]

_BATCH = 5_000
_KIND = "row"  # of the keyed hash that names a row

SUPERSEDED = "superseded"
"""Table of the session: `n` of the rows for which a corrected row was replayed."""

_MORE = {
    "conflict": (
        "line",
        "conflicting_line",
        "the order has another line of this number in the same files; the first one was taken",
    ),
    "changed": (
        "line_id",
        "line_changed",
        "this line was taken before with other values; those stand, as changing them would falsify history",
    ),
    "rate_conflict": (
        "rate",
        "conflicting_rate",
        "the same files have another rate of these currencies for the same moment; the first one was taken",
    ),
    TOO_LARGE: (
        "currency",
        TOO_LARGE,
        "in the workspace's currency the row comes to more than 10 trillion; if the exchange rate is wrong, take the "
        "right one with `aimwell collect rates FILE`, then collect these files again",
    ),
}


@dataclass(frozen=True)
class Fault:
    """Why a row waits: the reason's code, the target (None: the whole line), and the words."""

    reason: str
    field: str | None
    detail: str


@dataclass(frozen=True)
class _Row:
    row_hash: str
    content: str
    file: str
    line: int | None
    field: str | None
    reason: str
    detail: str


def set_aside(
    stores: Stores,
    session: Session,
    raw: RawTable,
    checks: Sequence[Check],
    provenance: Provenance,
    path: Path,
    *,
    with_changed: bool,
    superseded: Sequence[str] = (),
) -> Counter[Fault]:
    """Keep the bad rows of a load in the vault and write their reasons to `path`, a file for the lake.

    Args:
        stores: With the vault.
        session: With `staged` and `gone`.
        raw: The entity's file.
        checks: What the bits of `faults` mean.
        provenance: The load.
        path: Parquet file with the columns of the lake's table; not written where all rows are good.
        with_changed: Changed lines are set aside too.
        superseded: Hashes of rows for which corrected ones stand; they are not set aside again.

    Returns:
        Fault → rows.
    """
    counts: Counter[Fault] = Counter()
    writer: pq.ParquetWriter | None = None
    old = frozenset(superseded)
    _bind_sick(session, raw, with_changed=with_changed, with_superseded=not old)
    schema = LAKE_TABLES["quarantine"].schema
    try:
        for rows in _batches(_all_rows(stores, session, raw, checks, old), _BATCH):
            counts.update(Fault(row.reason, row.field, row.detail) for row in rows)
            keep_rows(
                stores,
                pa.table(
                    {"row_hash": [r.row_hash for r in rows], "content": [r.content for r in rows]},
                ),
                source=provenance.source,
                kept_at=provenance.received_at,
            )
            writer = writer or pq.ParquetWriter(path, schema)
            writer.write_table(_lake_rows(rows, provenance, schema))
    finally:
        if writer is not None:
            writer.close()
    return counts


def bind_superseded(stores: Stores, session: Session, raw: RawTable, hashes: Sequence[str]) -> int:
    """Make SUPERSEDED of the rows with these hashes, and say how many records that are; rejects too.

    Args:
        stores: With the key of the hashes.
        session: With `picked`.
        raw: The entity's file.
        hashes: Rows for which corrected ones stand.
    """
    session.bind("old_rows", pa.table({"row_hash": pa.array(hashes, pa.string())}))
    contents = exp.select("r.n", exp.alias_(_content(raw), "content")).from_(raw.scan.subquery("r"))
    session.materialise(
        SUPERSEDED,
        sql(
            """
            SELECT c.n FROM :contents AS c JOIN picked AS p ON p.n = c.n
            WHERE (p.kept OR p.bad IS NOT NULL) AND :hashed IN (SELECT row_hash FROM old_rows)
            """,
            contents=contents,
            hashed=identifier_hash_sql(stores.identity_key, _KIND, column("content", "c")),
        ),
    )
    [(rows,)] = session.rows(exp.select("count(*)").from_(SUPERSEDED))
    known = frozenset(hashes)
    rejected = sum(
        _hash_of_reject(stores, reject) in known for part in raw.parts for reject in part.rejects
    )
    return int(rows) + rejected


def _hash_of_reject(stores: Stores, reject: Reject) -> str:
    return identifier_hash(stores.identity_key, _KIND, _content_of_reject(reject))


def _content_of_reject(reject: Reject) -> str:
    return json.dumps({"line": reject.content}, ensure_ascii=False).replace("\\u0000", "")


def _bind_sick(
    session: Session, raw: RawTable, *, with_changed: bool, with_superseded: bool
) -> None:
    """`sick`: n, and the bits of the checks or a code."""
    reasons = [why for why in _MORE if why != "changed" or with_changed]
    parts = [
        sql(
            "SELECT n, '0' AS faults, bad AS code FROM :raw AS r WHERE bad IS NOT NULL",
            raw=raw.scan,
        ),
        # As text, because a number may have more bits than a column of Arrow.
        sql(
            """
            SELECT n, CAST(faults AS varchar) AS faults, CAST(NULL AS varchar) AS code
            FROM staged WHERE faults <> 0
            """
        ),
        sql(
            "SELECT n, '0' AS faults, why AS code FROM :gone WHERE why IN :reasons",
            gone=exp.to_table(GONE),
            reasons=reasons,
        ),
    ]
    rows: exp.Expr = union_all(parts)
    if not with_superseded:
        rows = sql(
            "SELECT * FROM :rows AS found WHERE n NOT IN (SELECT n FROM :superseded AS old)",
            rows=rows,
            superseded=exp.to_table(SUPERSEDED),
        )
    session.materialise("sick", rows)


def _all_rows(
    stores: Stores,
    session: Session,
    raw: RawTable,
    checks: Sequence[Check],
    superseded: frozenset[str],
) -> Iterator[_Row]:
    for part in raw.parts:
        yield from (row for row in _rejected(stores, part) if row.row_hash not in superseded)
    lines = _line_numbers(session, raw)
    query = exp.select("s.n", "s.faults", "s.code", exp.alias_(_content(raw), "content")).from_(
        exp.to_table("sick").as_("s")
    )
    query = query.join(raw.scan.subquery("r"), on="r.n = s.n")
    hashed = sql(
        "SELECT *, :hashed AS row_hash FROM :rows AS contents ORDER BY n",
        hashed=identifier_hash_sql(stores.identity_key, _KIND, column("content")),
        rows=query,
    )
    for batch in session.batches(hashed, rows=_BATCH):
        for found in batch.to_pylist():
            number, row = divmod(found["n"], 1 << FILE_SHIFT)
            field, reason, detail = _reason(int(found["faults"]), found["code"], checks)
            yield _Row(
                row_hash=found["row_hash"],
                content=found["content"],
                file=raw.parts[number].file.name,
                line=lines[number].get(row),
                field=field,
                reason=reason,
                detail=detail,
            )


def _content(raw: RawTable) -> exp.Expr:
    """The row as a JSON object of its columns; a JSON line as it is."""
    if raw.has_content:
        return column("content", "r")
    if raw.format == "jsonl":
        return column("c0", "r")
    pairs: list[exp.Expr] = []
    for number, name in enumerate(raw.columns):
        pairs += [exp.Literal.string(name), column(f"c{number}", "r")]
    return sql(
        "CAST(:whole AS varchar)", whole=exp.Anonymous(this="json_object", expressions=pairs)
    )


def _rejected(stores: Stores, part: RawPart) -> Iterator[_Row]:
    if part.text is None or not part.rejects:
        return
    lines = lines_of_rejects(part.text, part.rejects)
    for reject, line in zip(part.rejects, lines, strict=True):
        yield _Row(
            row_hash=_hash_of_reject(stores, reject),
            content=_content_of_reject(reject),
            file=part.file.name,
            line=line,
            field=None,
            reason=reject.reason,
            detail=REJECT_DETAILS[reject.reason],
        )


def _line_numbers(session: Session, raw: RawTable) -> list[Mapping[int, int | None]]:
    """For each file: row → line."""
    rows: list[list[int]] = [[] for _ in raw.parts]
    for (n,) in session.rows(sql("SELECT n FROM sick ORDER BY n")):
        number, row = divmod(n, 1 << FILE_SHIFT)
        rows[number].append(row)
    return [
        lines_of_rows(part, wanted, whole_lines=raw.whole_lines)
        for part, wanted in zip(raw.parts, rows, strict=True)
    ]


def _reason(faults: int, code: str | None, checks: Sequence[Check]) -> tuple[str | None, str, str]:
    """Field and reason of the first fault, and what is wrong with all of them."""
    if code in _MORE:
        return _MORE[code]
    if code is not None:
        return None, code, REJECT_DETAILS[code]
    found = [check for place, check in enumerate(checks) if faults >> place & 1]
    return found[0].field or None, found[0].reason, "; ".join(check.detail for check in found)


def _batches(rows: Iterable[_Row], size: int) -> Iterator[list[_Row]]:
    waiting: list[_Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _lake_rows(rows: Sequence[_Row], provenance: Provenance, schema: pa.Schema) -> pa.Table:
    constant: dict[str, Any] = {
        "source": provenance.source,
        "load_id": provenance.load_id,
        "received_at": provenance.received_at,
    }
    return pa.table(
        [
            pa.array(
                [constant[f.name] if f.name in constant else getattr(row, f.name) for row in rows],
                f.type,
            )
            for f in schema
        ],
        schema=schema,
    )
