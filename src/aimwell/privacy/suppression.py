"""Suppressions: addresses that must not be contacted, kept as keyed hashes, which survive an erasure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from aimwell.privacy.contact_points import normal_email, normal_phone
from aimwell.privacy.hashing import identifier_hash
from aimwell.store.control import insert_missing
from aimwell.store.listed import Ids, among, aside, listed
from aimwell.store.schema import metadata

__all__ = [
    "ADDRESS_KINDS",
    "Reason",
    "address_hash",
    "of_profiles",
    "suppress",
    "suppressed_profiles",
]

Reason = Literal["unsubscribed", "bounced", "complaint", "opted_out", "manual"]

ADDRESS_KINDS = {"email": "email", "sms": "phone"}
"""Medium → kind of identifier that is its address."""

_suppressions = metadata.tables["suppressions"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]


def address_hash(key: bytes, channel: str, address: str) -> str:
    """The keyed hash of an address, equal to that of the identifier; address forms that differ only in
    spelling give the same hash."""
    kind = ADDRESS_KINDS.get(channel, channel)
    normal = normal_email(address) if kind == "email" else normal_phone(address, None)
    return identifier_hash(key, kind, normal or address.strip().lower())


def suppress(
    connection: sa.Connection,
    *,
    channel: str,
    hashed: str,
    reason: Reason,
    source: str,
    occurred_at: datetime,
) -> None:
    """Never contact the address with that hash through `channel` ('all': through any). The first reason stays."""
    insert_missing(
        connection,
        _suppressions,
        [
            {
                "channel": channel,
                "address_hash": hashed,
                "reason": reason,
                "source": source,
                "occurred_at": occurred_at,
            }
        ],
    )


def lift_suppression(
    connection: sa.Connection, *, channel: str, hashes: Sequence[str], reason: Reason
) -> None:
    """Let addresses be contacted again that were suppressed for `reason`: the person asked for it.

    A suppression for another reason (it bounced, they complained) stays.
    """
    connection.execute(
        sa.delete(_suppressions).where(
            _suppressions.c.channel == channel,
            _suppressions.c.address_hash.in_(hashes),
            _suppressions.c.reason == reason,
        )
    )


def suppressed_profiles(*, channel: str, profile_ids: Ids | None = None) -> sa.Select[str, str]:
    """A query for the control database: profile_id and reason of everybody who has a suppressed address.

    A person with two addresses, one of them suppressed, is suppressed: they said no once.
    """
    profile = sa.func.coalesce(_overrides.c.profile_id, _identifiers.c.origin_id)
    # The kind is named because the identifiers are indexed by (kind, value_hash).
    kinds = [ADDRESS_KINDS[channel]] if channel in ADDRESS_KINDS else sorted(ADDRESS_KINDS.values())
    # For given people their identifiers are looked up first, however many are suppressed.
    kind = _identifiers.c.kind if profile_ids is None else aside(_identifiers.c.kind)
    same = sa.and_(kind.in_(kinds), _identifiers.c.value_hash == _suppressions.c.address_hash)
    query = (
        sa.select(profile.label("profile_id"), sa.func.min(_suppressions.c.reason).label("reason"))
        .select_from(
            _suppressions.join(_identifiers, same).outerjoin(
                _overrides, _overrides.c.origin_id == _identifiers.c.origin_id
            )
        )
        .where(_suppressions.c.channel.in_([channel, "all"]))
        .group_by(profile)
    )
    return query if profile_ids is None else query.where(of_profiles(_identifiers, profile_ids))


def of_profiles(table: sa.Table, profile_ids: Ids) -> sa.ColumnElement[bool]:
    """Rows of `table` whose origin belongs to one of the profiles, by its index on origin_id."""
    merged = sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, profile_ids))
    return table.c.origin_id.in_(sa.union_all(listed(profile_ids), merged))
