"""Rows that leave the quarantine, because a replay took them up: noted in the transaction that prepares its load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlglot import exp

from aimwell.store.control import insert_missing
from aimwell.store.engine import Session
from aimwell.store.schema import metadata

__all__ = ["Replayed", "Settled", "settle_rows"]

_table = metadata.tables["quarantine_settled"]
_BATCH = 5_000


@dataclass(frozen=True)
class Settled:
    """A row that no longer waits. `corrected`: another row stands for it; `taken` is False where that one waits."""

    source: str
    entity: str
    row_hash: str
    corrected: bool
    taken: bool


@dataclass(frozen=True)
class Replayed:
    """The rows of a replay, by their number `n` in its raw table: the hash under which each waited, and whether it
    was corrected. `accepted`: they are taken against the expectations, and are nothing new in a later file."""

    source: str
    entity: str
    rows: Sequence[tuple[int, str, bool]]
    accepted: bool = False

    def settles(self, session: Session) -> tuple[Settled, ...]:
        """Which of them leave the quarantine; the session has `sick`, the rows that are set aside again.

        One that was not corrected and is set aside again waits on, with its new reason.
        """
        sick = {n for (n,) in session.rows(exp.select("n").from_("sick"))}
        found: dict[str, Settled] = {}
        stays = {row_hash for n, row_hash, corrected in self.rows if n in sick and not corrected}
        for n, row_hash, corrected in self.rows:
            if row_hash in stays:
                continue
            before = found.get(row_hash)
            found[row_hash] = Settled(
                self.source,
                self.entity,
                row_hash,
                corrected=corrected or self.accepted or (before is not None and before.corrected),
                taken=n not in sick or (before is not None and before.taken),
            )
        return tuple(found.values())


def settle_rows(
    connection: sa.Connection, load_id: str, rows: Sequence[Settled], *, at: datetime
) -> None:
    """Note them with the load that took them up; harmless to repeat."""
    values = [{**asdict(row), "load_id": load_id, "settled_at": at} for row in rows]
    for start in range(0, len(values), _BATCH):
        insert_missing(connection, _table, values[start : start + _BATCH])
