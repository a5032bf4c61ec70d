"""From what a person at the keyboard knows of somebody to their profile."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from aimwell.collect.unseen import clean_text
from aimwell.errors import UnifyError
from aimwell.privacy.contact_points import normal_email, normal_phone
from aimwell.privacy.hashing import identifier_hash
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["find_origins", "find_profile", "last_seen", "likely_profile", "profiles_of"]

_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_profiles = metadata.tables["profiles"]
_NORMALISED = ("email", "phone", "alias")
"""Kinds whose values are not looked up as they were typed."""
_ID = re.compile(r"[0-9a-f]{24}")

_UNKNOWN = (
    "Nobody is known by that. Give a profile id, a customer id, an e-mail address or a telephone number "
    "as a source gave it."
)


def find_profile(stores: Stores, who: str) -> str:
    """The profile of a profile id (also of one that was merged away), customer id, e-mail address, telephone number or any
    other identifier, as a loyalty card.

    Raises:
        UnifyError: Nobody is known by it, or it names several people.
    """
    with stores.read_control() as connection:
        if _ID.fullmatch(who):
            query = sa.select(_profiles.c.profile_id).where(_profiles.c.profile_id == who)
            if connection.execute(query).first() is not None:
                return who
        origins = _named(stores, connection, who)
        merged = sa.select(_overrides.c.origin_id, _overrides.c.profile_id).where(
            among(_overrides.c.origin_id, origins)
        )
        joined: dict[str, str] = {row[0]: row[1] for row in connection.execute(merged)}
        found = sorted({joined.get(origin, origin) for origin in origins})
    if not found:
        raise UnifyError(_UNKNOWN)
    if len(found) > 1:
        raise UnifyError(
            f"That names {len(found)} people: {', '.join(found[:5])}. Give the profile id of the one you mean."
        )
    return found[0]


def last_seen(stores: Stores) -> datetime | None:
    """When anybody did anything last, as far as the data go; None: nobody is known."""
    with stores.read_control() as connection:
        found: datetime | None = connection.execute(
            sa.select(sa.func.max(_profiles.c.last_seen_at))
        ).scalar()
    return found


def likely_profile(stores: Stores, who: str) -> str:
    """The profile of a profile id or customer id if nobody was merged, without asking the database; it may be nobody's."""
    if _ID.fullmatch(who):
        return who
    return identifier_hash(stores.identity_key, "customer_id", clean_text(who))


def find_origins(stores: Stores, who: str) -> frozenset[str]:
    """The identities (origins) that bear an identifier, or the one of that id.

    Raises:
        UnifyError: There is none.
    """
    with stores.read_control() as connection:
        found = _named(stores, connection, who)
    if not found:
        raise UnifyError(_UNKNOWN)
    return frozenset(found)


def profiles_of(stores: Stores, origins: Collection[str]) -> frozenset[str]:
    """Today's profiles of origins."""
    if not origins:
        return frozenset()
    with stores.read_control() as connection:
        query = sa.select(_overrides.c.origin_id, _overrides.c.profile_id).where(
            among(_overrides.c.origin_id, sorted(origins))
        )
        known = {row.origin_id: row.profile_id for row in connection.execute(query)}
    return frozenset(known.get(one, one) for one in origins)


def _named(stores: Stores, connection: sa.Connection, who: str) -> set[str]:
    """Origins of that id, or that bear what was typed."""
    if _ID.fullmatch(who):
        query = sa.select(_identifiers.c.origin_id).where(_identifiers.c.origin_id == who)
        if connection.execute(query.limit(1)).first() is not None:
            return {who}
    email, phone = normal_email(who), normal_phone(who, stores.settings.country)
    kinds = [row[0] for row in connection.execute(sa.select(_identifiers.c.kind).distinct())]
    # As it was typed, and as it was kept.
    forms = sorted({who, clean_text(who)})
    wanted = [(kind, form) for kind in kinds if kind not in _NORMALISED for form in forms]
    wanted += [("email", email)] if email else []
    wanted += [("phone", phone)] if phone else []
    found: set[str] = set()
    for kind, value in wanted:
        query = sa.select(_identifiers.c.origin_id).where(
            _identifiers.c.kind == kind,
            _identifiers.c.value_hash == identifier_hash(stores.identity_key, kind, value),
        )
        found.update(connection.execute(query).scalars())
    return found
