"""What the vault holds in a form that its source's rules would not give to it now, and how that is put right.

Read a part at a time and twice: once to count, once to write, in the transaction of the load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from aimwell.collect.reforms import FormRule, formed
from aimwell.definitions.kinds.source import Source
from aimwell.privacy.hashing import identifier_hash
from aimwell.privacy.vault import PERSON_FIELDS
from aimwell.store.control import insert_missing, upsert
from aimwell.store.engine import Session
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["Change", "VaultForms"]

_people = metadata.tables["vault_people"]
_originals = metadata.tables["vault_originals"]
_statements = metadata.tables["vault_statements"]
_identifiers = metadata.tables["identifiers"]
_PART = 20_000
_CONTACTS = ("email", "phone")


@dataclass(frozen=True)
class Change:
    """A value that gets another form: `old` and `new` are empty where nothing could be made of `written`."""

    origin_id: str
    field: str
    old: str
    new: str
    written: str
    set_at: datetime


class VaultForms:
    """The values of one source in the vault.

    Args:
        stores: The workspace.
        source: As it is now.
        rules: Field → its rule.
        country: Of telephone numbers without a prefix, where the person's trait `country` says none.
        session: With `as_came` and `reformed`, the traits of the source and those that change.
    """

    def __init__(
        self,
        stores: Stores,
        source: Source,
        rules: Mapping[str, FormRule],
        country: str | None,
        session: Session,
    ) -> None:
        self._stores, self._source, self._rules = stores, source, rules
        self._country, self._session = country, session
        session.materialise(
            "countries",
            sql(
                """
                SELECT a.origin_id, arg_max(coalesce(r.value, a.value), a.set_at) AS country
                FROM as_came AS a LEFT JOIN reformed AS r USING (origin_id, name, set_at)
                WHERE a.name = 'country' GROUP BY a.origin_id
                """
            ),
        )

    def changes(self) -> Iterator[Change]:
        """All that has another form now."""
        with self._stores.read_control() as connection:
            streamed = connection.execution_options(stream_results=True)
            for name, rule in self._rules.items():
                for query in self._queries(name):
                    for part in streamed.execute(query).partitions(_PART):
                        yield from self._changed(name, rule, part)

    def _queries(self, name: str) -> list[sa.Select[Any]]:
        """origin_id, value, written, set_at of the originals; and of values that are as they came."""
        kept = sa.select(
            _originals.c.origin_id, _originals.c.value, _originals.c.written, _originals.c.set_at
        ).where(_originals.c.source == self._source.name, _originals.c.field == name)
        if name in _CONTACTS:  # one that needed no original is in its form
            return [kept]
        own = name in PERSON_FIELDS
        value = _people.c[name] if own else _people.c.extra[name].as_string()
        said_at = _people.c[f"{name}_at"] if own else _people.c.extra_at
        whose = _people.c[f"{name}_source"] if own else _people.c.extra_words[(name, 1)].as_string()
        made = sa.exists().where(
            _originals.c.origin_id == _people.c.origin_id,
            _originals.c.field == name,
            _originals.c.value == value,
        )
        as_came = sa.select(_people.c.origin_id, value, value, said_at).where(
            sa.func.coalesce(whose, _people.c.source) == self._source.name,
            value.is_not(None),
            ~made,
        )
        return [kept, as_came]

    def _changed(self, name: str, rule: FormRule, part: Sequence[Any]) -> Iterator[Change]:
        origins, values, written, told = zip(*part, strict=True)
        made = formed(
            name,
            pa.array(written, pa.string()),
            rule,
            dates=self._source.dates,
            nobody=self._source.nobody,
            countries=self._countries(origins) if name == "phone" else None,
        ).to_pylist()
        for origin, old, new, text, when in zip(origins, values, made, written, told, strict=True):
            if old != (new or ""):
                yield Change(origin, name, old, new or "", text, when)

    def _countries(self, origins: Sequence[str]) -> pa.Array:
        self._session.bind("asked", pa.table({"origin_id": pa.array(origins, pa.string())}))
        said = dict(
            self._session.rows(
                sql(
                    "SELECT origin_id, country FROM countries WHERE origin_id IN (SELECT origin_id FROM asked)"
                )
            )
        )
        return pa.array([said.get(one) or self._country for one in origins], pa.string())

    def write(self, connection: sa.Connection) -> None:
        """Put it right, in the transaction of `connection`. Of those who were erased meanwhile nothing comes back."""
        part: list[Change] = []
        for change in self.changes():
            part.append(change)
            if len(part) >= _PART:
                self._write(connection, part)
                part = []
        self._write(connection, part)

    def _write(self, connection: sa.Connection, changes: Sequence[Change]) -> None:
        known = set(
            connection.execute(
                sa.select(_people.c.origin_id).where(
                    among(_people.c.origin_id, sorted({change.origin_id for change in changes}))
                )
            ).scalars()
        )
        there = [change for change in changes if change.origin_id in known]
        for name, group in groupby(there, key=lambda change: change.field):
            rows = list(group)
            if name in PERSON_FIELDS:
                _put_column(connection, name, rows)
            else:
                _put_extra(connection, name, rows)
            self._put_originals(connection, name, rows)
            if name in _CONTACTS:
                self._put_identifiers(connection, name, rows)

    def _put_originals(self, connection: sa.Connection, name: str, rows: Sequence[Change]) -> None:
        source = self._source.name
        connection.execute(
            sa.delete(_originals).where(
                _originals.c.origin_id == sa.bindparam("origin"),
                _originals.c.source == source,
                _originals.c.field == name,
                _originals.c.value == sa.bindparam("old"),
            ),
            [{"origin": row.origin_id, "old": row.old} for row in rows],
        )
        newest = {(row.origin_id, row.new): row for row in sorted(rows, key=lambda row: row.set_at)}
        kept = [
            {
                "origin_id": row.origin_id,
                "source": source,
                "field": name,
                "value": row.new,
                "written": row.written,
                "how": self._rules[name].how,
                "set_at": row.set_at,
            }
            for row in newest.values()
            if row.written != row.new
        ]
        upsert(connection, _originals, kept, update=("written", "how", "set_at"))

    def _put_identifiers(
        self, connection: sa.Connection, name: str, rows: Sequence[Change]
    ) -> None:
        """The new form identifies as the old one did; that goes, unless somebody else says it too."""
        key, source = self._stores.identity_key, self._source.name
        insert_missing(
            connection,
            _identifiers,
            [
                {
                    "kind": name,
                    "value_hash": identifier_hash(key, name, row.new),
                    "origin_id": row.origin_id,
                    "source": source,
                    "first_seen_at": row.set_at,
                }
                for row in rows
                if row.new
            ],
        )
        gone = [
            {"hash": identifier_hash(key, name, row.old), "origin": row.origin_id, "old": row.old}
            for row in rows
            if row.old
        ]
        if gone:
            statement = sa.delete(_identifiers).where(
                _identifiers.c.kind == name,
                _identifiers.c.value_hash == sa.bindparam("hash"),
                _identifiers.c.origin_id == sa.bindparam("origin"),
                _identifiers.c.source == source,
                ~sa.or_(*_also_said(name)),
            )
            connection.execute(statement, gone)


def _also_said(name: str) -> list[sa.ColumnElement[bool]]:
    """Whether tracking, or the original of any source, says the same of the same origin."""
    return [
        sa.exists().where(
            table.c.origin_id == sa.bindparam("origin"),
            table.c.field == name,
            table.c.value == sa.bindparam("old"),
        )
        for table in (_statements, _originals)
    ]


def _put_column(connection: sa.Connection, name: str, rows: Sequence[Change]) -> None:
    """Where the vault's word is another one by now it stands."""
    update = sa.update(_people).where(_people.c.origin_id == sa.bindparam("origin"))
    update = update.values({name: sa.bindparam("new")})
    had = [
        {"origin": row.origin_id, "old": row.old, "new": row.new or None} for row in rows if row.old
    ]
    lacked = [{"origin": row.origin_id, "new": row.new} for row in rows if not row.old]
    if had:
        connection.execute(update.where(_people.c[name] == sa.bindparam("old")), had)
    if lacked:
        connection.execute(update.where(_people.c[name].is_(None)), lacked)


def _put_extra(connection: sa.Connection, name: str, rows: Sequence[Change]) -> None:
    by_origin: dict[str, list[Change]] = {}
    for row in rows:
        by_origin.setdefault(row.origin_id, []).append(row)
    query = sa.select(_people.c.origin_id, _people.c.extra).where(
        among(_people.c.origin_id, sorted(by_origin))
    )
    for origin, extra in connection.execute(query).all():
        values = dict(extra or {})
        for row in by_origin[origin]:
            if (values.get(name) or "") == row.old:
                values[name] = row.new or None
                break
        left = {key: value for key, value in values.items() if value is not None}
        connection.execute(
            sa.update(_people).where(_people.c.origin_id == origin).values(extra=left or sa.null())
        )
