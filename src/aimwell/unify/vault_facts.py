"""What the vault says of origins that might be one person: keys of names, days of birth, and addresses of roles.

Only where two of a kind share an identifier are people's names and days of birth looked at; nothing of them is kept.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from aimwell.privacy.hashing import identifier_hash
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.unify.births import birth_of
from aimwell.unify.model import Facts
from aimwell.unify.names import generation_of, is_role_address, name_keys

__all__ = ["facts_of"]

_people = metadata.tables["vault_people"]


def facts_of(
    connection: sa.Connection, origins: Collection[str], *, key: bytes
) -> dict[str, Facts]:
    """Origin → what decides; those of whom the vault says nothing that does are left out."""
    query = sa.select(
        _people.c.origin_id,
        _people.c.email,
        _people.c.first_name,
        _people.c.last_name,
        _people.c.full_name,
        _people.c.birth_date,
    ).where(among(_people.c.origin_id, origins))
    found: dict[str, Facts] = {}
    for origin, email, first, last, full, born in connection.execute(query):
        names = name_keys(first, last, full)
        role = email is not None and is_role_address(email)
        roles = frozenset({identifier_hash(key, "email", email)} if role else ())
        birth, generation = birth_of(born), generation_of(first, last, full)
        if names or roles or birth:
            found[origin] = Facts(
                names,
                roles,
                frozenset([birth] if birth else ()),
                frozenset([generation] if generation else ()),
            )
    return found
