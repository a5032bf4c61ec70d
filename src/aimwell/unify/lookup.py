"""From what a person at the keyboard knows of somebody to their profile."""

from __future__ import annotations

import re

import sqlalchemy as sa

from aimwell.errors import UnifyError
from aimwell.privacy.contact_points import normal_email, normal_phone
from aimwell.privacy.hashing import identifier_hash
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["find_profile"]

_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]
_profiles = metadata.tables["profiles"]
_NORMALISED = ("email", "phone", "alias")
"""Kinds whose values are not looked up as they were typed."""
_ID = re.compile(r"[0-9a-f]{24}")


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
            merged = sa.select(_overrides.c.profile_id).where(_overrides.c.origin_id == who)
            if (keeper := connection.execute(merged).scalar_one_or_none()) is not None:
                return str(keeper)
        found = sorted(_named(stores, connection, who))
    if not found:
        raise UnifyError(
            "Nobody is known by that. Give a profile id, a customer id, an e-mail address or a telephone number "
            "as a source gave it."
        )
    if len(found) > 1:
        raise UnifyError(
            f"That names {len(found)} people: {', '.join(found[:5])}. Give the profile id of the one you mean."
        )
    return found[0]


def _named(stores: Stores, connection: sa.Connection, who: str) -> set[str]:
    email, phone = normal_email(who), normal_phone(who, stores.settings.country)
    kinds = [row[0] for row in connection.execute(sa.select(_identifiers.c.kind).distinct())]
    wanted: list[tuple[str, str]] = [(kind, who) for kind in kinds if kind not in _NORMALISED]
    wanted += [("email", email)] if email else []
    wanted += [("phone", phone)] if phone else []
    profile = sa.func.coalesce(_overrides.c.profile_id, _identifiers.c.origin_id)
    joined = _identifiers.outerjoin(_overrides, _overrides.c.origin_id == _identifiers.c.origin_id)
    found: set[str] = set()
    for kind, value in wanted:
        query = (
            sa.select(profile)
            .select_from(joined)
            .where(
                _identifiers.c.kind == kind,
                _identifiers.c.value_hash == identifier_hash(stores.identity_key, kind, value),
            )
        )
        found.update(connection.execute(query).scalars())
    return found
