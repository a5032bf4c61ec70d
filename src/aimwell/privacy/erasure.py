"""Erasing a person: at once out of the control database and out of sight, then out of every file.

`erase` works in one transaction: what identifies the person, what they allowed and what the vault holds of them go; in
what must stay (who was in which plan, which messages left, the audit log) a random id takes their place, and the rows of
the lake are hidden from then on. `purge` rewrites the lake's tables without them and removes the older versions; it may be
killed and repeated. Of the person a receipt with counts is left, and keyed hashes of addresses that must not be contacted.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from aimwell.privacy.erased import bind_erased, keep_values, lock_for_erasing, not_erased
from aimwell.privacy.originals import written_contacts
from aimwell.privacy.vault import PERSON_FIELDS
from aimwell.store.listed import among
from aimwell.store.pins import Pins
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from aimwell.store.tables import LAKE_TABLES

__all__ = ["PEOPLE_TABLES", "Receipt", "Rule", "erase", "is_erased", "purge", "receipts"]

Rule = Literal["delete", "stand_in", "keep"]

PEOPLE_TABLES: Mapping[str, Mapping[str, Rule]] = {
    "consents": {"origin_id": "delete"},
    "erased_origins": {"origin_id": "keep"},
    "households": {"profile_id": "delete"},
    "identifiers": {"origin_id": "delete"},
    "identity_candidates": {"origin_a": "delete", "origin_b": "delete"},
    "identity_decision_origins": {"origin_id": "delete"},
    "identity_overrides": {"origin_id": "delete", "profile_id": "delete"},
    "loyalty_entries": {"profile_id": "delete"},
    "messages": {"profile_id": "stand_in"},
    "offer_codes": {"profile_id": "stand_in"},
    "plan_people": {"profile_id": "stand_in", "origin_id": "stand_in"},
    "plan_products": {"profile_id": "delete"},
    "profile_segments": {"profile_id": "delete"},
    "profiles": {"profile_id": "delete"},
    "touched_profiles": {"profile_id": "delete"},
    "tracked_orders": {"origin_id": "delete"},
    "vault_originals": {"origin_id": "delete"},
    "vault_parts": {"origin_id": "delete"},
    "vault_people": {"origin_id": "delete"},
    "vault_statements": {"origin_id": "delete"},
    "vault_texts": {"origin_id": "delete"},
}
"""Control tables whose columns name people → what an erasure does with the rows. Every such table stands here."""

_erasures = metadata.tables["erasures"]
_origins = metadata.tables["erased_origins"]
_values = metadata.tables["erased_values"]
_people = metadata.tables["vault_people"]
_rows = metadata.tables["vault_rows"]
_messages = metadata.tables["messages"]
_audit = metadata.tables["audit_log"]
_TOLD_LENGTH_MIN = 5
"""A shorter value (`7`, `Ann`) would be found in rows of other people too."""
_STAND_IN = "erased:"


def is_erased(person_id: str) -> bool:
    """Whether an id stands in for somebody who was erased."""
    return person_id.startswith(_STAND_IN)


@dataclass(frozen=True)
class Receipt:
    """What is left to show of an erasure. `rows`: by table, how many went or got the stand-in."""

    erasure_id: str
    erased_at: datetime
    erased_by: str
    reason: str | None
    rows: Mapping[str, int]
    purged_at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def erase(
    stores: Stores,
    profile_id: str,
    origins: Collection[str],
    *,
    now: datetime,
    by: str,
    reason: str | None = None,
    before: Callable[[sa.Connection], object] = lambda _connection: None,
) -> Receipt:
    """Erase a person from the control database and hide their rows of the lake.

    Args:
        stores: The workspace.
        profile_id: The person.
        origins: All their origins, `profile_id` among them.
        now: The present; rows of the lake received after the erasure has begun to write are a new person's.
        by: Who does it.
        reason: As the reference of a request; not personal.
        before: Done first in the same transaction, while all is still there.
    """
    erasure_id = secrets.token_hex(8)
    people = sorted({profile_id, *origins})
    # One for each id: a person who was several when a plan was made has several places in it.
    stand_ins = {one: f"{_STAND_IN}{erasure_id}:{place}" for place, one in enumerate(people)}
    begun_at = time.monotonic()
    with stores.control.begin() as connection:
        lock_for_erasing(connection)
        now += timedelta(seconds=time.monotonic() - begun_at)
        before(connection)
        told = _told(connection, people)
        counts = {"vault_rows": _forget_rows(connection, told)}
        counts["messages_stopped"] = _stop_messages(connection, people)
        for table, columns in PEOPLE_TABLES.items():
            counts[table] = _apply(connection, table, columns, stand_ins)
        counts["audit_log"] = _replace(connection, _audit.c.subject, stand_ins)
        counts = {name: count for name, count in sorted(counts.items()) if count}
        connection.execute(
            sa.insert(_erasures).values(
                erasure_id=erasure_id, erased_at=now, erased_by=by, reason=reason, receipt=counts
            )
        )
        # What a load under way sets aside later must not name them either.
        keep_values(connection, stores.identity_key, told, erasure_id)
        # Who was erased before and came again is erased up to now.
        connection.execute(sa.delete(_origins).where(among(_origins.c.origin_id, people)))
        connection.execute(
            sa.insert(_origins),
            [{"origin_id": one, "erasure_id": erasure_id, "erased_at": now} for one in people],
        )
    stores.audit("erase", actor=by, subject=erasure_id, rows=sum(counts.values()))
    return Receipt(erasure_id, now, by, reason, counts)


def _told(connection: sa.Connection, people: Collection[str]) -> set[str]:
    """Values by which the person may be found in rows that wait in quarantine."""
    query = sa.select(*(_people.c[name] for name in PERSON_FIELDS if name in _FINDS)).where(
        among(_people.c.origin_id, people)
    )
    values = {value for row in connection.execute(query) for value in row if value is not None}
    values |= written_contacts(connection, people)
    return {value for value in values if len(value) >= _TOLD_LENGTH_MIN}


_FINDS = frozenset({"customer_id", "email", "phone"})


def _forget_rows(connection: sa.Connection, told: Collection[str]) -> int:
    """Remove quarantined rows that name the person."""
    gone = 0
    for value in sorted(told):
        found = _rows.c.content.contains(value, autoescape=True)
        gone += connection.execute(sa.delete(_rows).where(found)).rowcount
    return gone


def _stop_messages(connection: sa.Connection, people: Collection[str]) -> int:
    """What has not left yet does not leave."""
    waiting = sa.and_(among(_messages.c.profile_id, people), _messages.c.state == "queued")
    return connection.execute(
        sa.update(_messages).where(waiting).values(state="stopped", reason="erased")
    ).rowcount


def _apply(
    connection: sa.Connection,
    name: str,
    columns: Mapping[str, Rule],
    stand_ins: Mapping[str, str],
) -> int:
    table, done = metadata.tables[name], 0
    for column, rule in columns.items():
        if rule == "delete":
            theirs = among(table.c[column], stand_ins)
            done += connection.execute(sa.delete(table).where(theirs)).rowcount
        elif rule == "stand_in":
            done += _replace(connection, table.c[column], stand_ins)
    return done


def _replace(
    connection: sa.Connection, column: sa.Column[Any], stand_ins: Mapping[str, str]
) -> int:
    return sum(
        connection.execute(
            sa.update(column.table).where(column == one).values({column.name: other})
        ).rowcount
        for one, other in stand_ins.items()
    )


def purge(stores: Stores, *, now: datetime, not_before: datetime | None = None) -> list[Receipt]:
    """Take the erased out of every table of the lake, and remove the versions that still hold them.

    An erasure is ended once no version is left with rows of the person; what a plan or reader has pinned is waited
    for. Harmless to repeat.

    Args:
        stores: The workspace.
        now: The present.
        not_before: What was received from then on is not all in the lake yet, so erasures from then on do not end yet.

    Returns:
        The receipts of those that ended.
    """
    with stores.read_control() as connection:
        waiting = connection.execute(sa.select(_origins.c.origin_id, _origins.c.erased_at)).all()
    if not waiting:
        return []
    moments = {row.origin_id: row.erased_at for row in waiting}
    held = {one for one, at in moments.items() if not_before is not None and at >= not_before}
    for name, table in LAKE_TABLES.items():
        if "origin_id" not in table.names:
            continue
        stores.lake.delete_origins(name, moments)
        stores.lake.vacuum(name, retention_hours=0)
        held |= _still_there(stores, name)
    return _end(stores, sorted(moments.keys() - held), now)


def _still_there(stores: Stores, name: str) -> set[str]:
    """The erased whose rows stand in a version that somebody has pinned."""
    found: set[str] = set()
    for version in Pins(stores.control).versions(name):
        pinned = stores.lake.pinned({name: version}).tables[name]
        with stores.engine.session() as session:
            bind_erased(stores, session)
            session.bind("pinned", pinned)
            query = sql(
                "SELECT DISTINCT origin_id FROM pinned WHERE NOT :stays",
                stays=not_erased("pinned"),
            )
            found.update(row[0] for row in session.rows(query))
    return found


def _end(stores: Stores, origins: list[str], now: datetime) -> list[Receipt]:
    with stores.control.begin() as connection:
        connection.execute(sa.delete(_origins).where(among(_origins.c.origin_id, origins)))
        still = set(connection.execute(sa.select(_origins.c.erasure_id)).scalars())
        query = sa.select(_erasures.c.erasure_id).where(_erasures.c.purged_at.is_(None))
        # One of somebody who came again and was erased again has no origins any more, and ends, too.
        done = sorted(set(connection.execute(query).scalars()) - still)
        connection.execute(sa.delete(_values).where(among(_values.c.erasure_id, done)))
        connection.execute(
            sa.update(_erasures).where(among(_erasures.c.erasure_id, done)).values(purged_at=now)
        )
    return [one for one in receipts(stores) if one.erasure_id in done]


def receipts(stores: Stores) -> list[Receipt]:
    """All erasures, newest first."""
    query = sa.select(_erasures).order_by(_erasures.c.erased_at.desc(), _erasures.c.erasure_id)
    with stores.read_control() as connection:
        return [
            Receipt(
                row.erasure_id,
                row.erased_at,
                row.erased_by,
                row.reason,
                row.receipt,
                row.purged_at,
            )
            for row in connection.execute(query)
        ]
