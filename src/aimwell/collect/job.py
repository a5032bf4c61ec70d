"""One entity being worked out: its session, its files read, and where the rows for the lake are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
from sqlglot import exp

from aimwell.collect.casts import currency_value
from aimwell.collect.desk import Desk
from aimwell.collect.fields import TargetField
from aimwell.collect.money import first_rates, rate_checks
from aimwell.collect.provenance import Provenance
from aimwell.collect.raw import RawTable
from aimwell.collect.staging import Check
from aimwell.definitions.kinds.source import Source
from aimwell.privacy.erased import not_erased
from aimwell.store.engine import DuckDBSession
from aimwell.store.lake import Snapshot, TableVersion
from aimwell.store.sql import column, sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """What the work on one entity needs.

    `now` is when the load was begun, also where a second attempt ends what a first one began, so that both
    give the same rows. `mapping_changed`: the last load of the entity had another mapping. `superseded`: hashes of rows
    for which a corrected row was replayed. `is_replay`: the rows had waited in quarantine.
    `lenient`: expectations keep none of them out, as a person has said that they are right. `is_marked`: `marks` tells which values were filled or brought into another form.
    `forms`: personal field that is brought into one form → how. `filled`: fields whose gaps are filled by rule.
    `has_erased`: the session has `erased_origins`, of people whose rows are still in the files.
    """

    stores: Stores
    desk: Desk
    source: Source
    raw: RawTable
    fields: tuple[TargetField, ...]
    provenance: Provenance
    snapshot: Snapshot
    folder: Path
    now: datetime
    mapping_changed: bool
    superseded: tuple[str, ...] = ()
    is_replay: bool = False
    lenient: bool = False
    is_marked: bool = False
    has_erased: bool = False
    forms: Mapping[str, str] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()

    @property
    def session(self) -> DuckDBSession:
        """The engine's session."""
        return self.desk.session

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the mapped fields."""
        return tuple(field.name for field in self.fields)

    @property
    def currency(self) -> str:
        """Currency of rows that say none."""
        return self.source.currency or self.stores.settings.currency

    def lake(self, table: str) -> TableVersion | exp.Query:
        """A table of the lake as it was when the work began, to be bound.

        Without what is there of people who were erased by then: what is told of them again is new, also before a purge
        has taken the old rows out of the files.
        """
        version = self.snapshot.tables[table]
        if not self.has_erased or "origin_id" not in LAKE_TABLES[table].names:
            return version
        self.session.bind(f"whole_{table}", version)
        whole = exp.alias_(exp.to_table(f"whole_{table}"), "t", table=True)
        return exp.select("t.*").from_(whole).where(not_erased("t"))

    def bind_own(self, table: str, name: str, *columns: str) -> None:
        """Bind `name` to the columns of the source's own rows in a table of the lake."""
        self.session.bind(f"all_{name}", self.lake(table))
        rows = exp.select(*(column(c) for c in columns)).from_(f"all_{name}")
        self.session.bind(name, rows.where(sql("source = :source", source=self.source.name)))

    def rate_checks(self, time: exp.Expr, has_money: exp.Expr) -> list[Check]:
        """Checks of rows with money in a currency for which there is no rate at their `time`."""
        own, to = self.currency, self.stores.settings.currency
        found = [own]
        if "currency" in self.names:
            value = sql("SELECT DISTINCT :x FROM texts", x=currency_value("currency"))
            found += [row[0] for row in self.session.rows(value) if row[0] is not None]
        firsts = first_rates(self.session, self.lake("market"), sorted(set(found)), to)
        return rate_checks(firsts, to=to, own=own, time=time, has_money=has_money)

    def write(self, table: str, query: exp.Expr) -> int:
        """Write rows for a table of the lake; returns how many."""
        folder = self.folder / table
        self.desk.write_files(query, folder)
        rows = sum(int(pq.read_metadata(file).num_rows) for file in self._files(table))
        if not rows:
            for file in self._files(table):
                file.unlink()
        return rows

    def counts_in(self, table: str, name: str) -> dict[str, int]:
        """How often each value of a column stands in what was written for a table."""
        files = self._files(table)
        if not files:
            return {}
        listed = exp.Array(expressions=[exp.Literal.string(str(file)) for file in files])
        rows = sql(
            "SELECT count(*), :x FROM read_parquet(:files) GROUP BY 2", x=column(name), files=listed
        )
        return {value: count for count, value in self.session.rows(rows)}

    def _files(self, table: str) -> list[Path]:
        return sorted((self.folder / table).glob("*.parquet"))
