"""Households: people who live at one address, told apart from who is one person.

Addresses are read in the vault and leave it as keyed hashes only. A household is current state: it changes when somebody
moves, and says nothing of who somebody is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from aimwell.privacy.hashing import identifier_hash
from aimwell.store.control import upsert
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Home", "home_of", "households", "refresh_households"]

_people = metadata.tables["vault_people"]
_overrides = metadata.tables["identity_overrides"]
_households = metadata.tables["households"]
_BATCH = 10_000
_TOLD = ("street", "last_name", "full_name")
"""Fields by whose newest words people live together; a postcode belongs to its street."""
_WORD = re.compile(r"\w+")
_SHORT = {
    "street": "st",
    "road": "rd",
    "avenue": "ave",
    "av": "ave",
    "lane": "ln",
    "drive": "dr",
    "court": "ct",
    "square": "sq",
    "strasse": "str",
    "platz": "pl",
    "apartment": "flat",
    "apt": "flat",
}


@dataclass(frozen=True, slots=True)
class Home:
    """Where somebody lives: keyed hashes of the address, and of the address with the last name (if one is known)."""

    address: str
    named: str
    has_name: bool = True


def households(homes: Mapping[str, Home], *, people_max: int) -> dict[str, str | None]:
    """Profile → household of people at some addresses; all who live there must be given.

    All at one address are one household, if they are no more than `people_max`; else those of one last name are; else
    nobody is.
    """
    at = Counter(home.address for home in homes.values())
    named = Counter(home.named for home in homes.values())
    found: dict[str, str | None] = {}
    for profile, home in homes.items():
        if at[home.address] <= people_max:
            found[profile] = home.address
        elif home.has_name and named[home.named] <= people_max:
            found[profile] = home.named
        else:
            found[profile] = None
    return found


def home_of(
    key: bytes,
    *,
    street: str | None,
    postcode: str | None,
    last_name: str | None,
    full_name: str | None = None,
) -> Home | None:
    """Where somebody lives; None where the address does not say which house."""
    place = " ".join(_SHORT.get(word, word) for word in _words(street))
    code = "".join(_words(postcode))
    if not code or not any(char.isdigit() for char in place):
        return None
    name = " ".join(_words(last_name)) or " ".join(_words(full_name)[-1:])
    address = f"{place}|{code}"
    return Home(
        identifier_hash(key, "household", address),
        identifier_hash(key, "household", f"{address}|{name}"),
        bool(name),
    )


def _words(text: str | None) -> list[str]:
    plain = unicodedata.normalize("NFKD", (text or "").replace("ß", "ss"))
    bare = "".join(char for char in plain if not unicodedata.combining(char)).casefold()
    words = _WORD.findall(bare)
    # 'Hauptstraße' and 'Hauptstr.' are one; so are 'Haupt Straße' and 'Haupt Str.', by the list of short forms.
    return [re.sub(r"(?<=\w{3})strasse$", "str", word) for word in words]


def refresh_households(
    stores: Stores, *, now: datetime, profiles: Collection[str] | None = None
) -> int:
    """Bring the households in step with the vault; returns how many rows changed.

    Args:
        stores: The workspace; whoever calls this holds the lease `unify`.
        now: When it was done.
        profiles: Only these, with all at their addresses old and new; name those that were merged away too. The result is
            that of a full run. None: everybody.
    """
    with stores.read_control() as connection:
        homes = _homes(stores, connection, profiles)
        known = {row.profile_id: row for row in connection.execute(_known(profiles, homes))}
    if profiles is not None:
        asked = set(profiles)
        homes |= {
            profile: Home(row.address_hash, row.name_hash, row.has_name)
            for profile, row in known.items()
            if profile not in asked
        }
    wanted = households(homes, people_max=stores.settings.household_people_max)
    rows = [
        {
            "profile_id": profile,
            "address_hash": home.address,
            "name_hash": home.named,
            "has_name": home.has_name,
            "household_id": wanted[profile],
            "updated_at": now,
        }
        for profile, home in sorted(homes.items())
        if _differs(known.get(profile), home, wanted[profile])
    ]
    gone = sorted(known.keys() - homes.keys())
    with stores.control.begin() as connection:
        for start in range(0, len(rows), _BATCH):
            update = ("address_hash", "name_hash", "has_name", "household_id", "updated_at")
            upsert(connection, _households, rows[start : start + _BATCH], update=update)
        for start in range(0, len(gone), _BATCH):
            chosen = among(_households.c.profile_id, gone[start : start + _BATCH])
            connection.execute(sa.delete(_households).where(chosen))
    return len(rows) + len(gone)


def _differs(known: Any, home: Home, household: str | None) -> bool:
    return known is None or (
        (known.address_hash, known.name_hash, known.has_name, known.household_id)
        != (home.address, home.named, home.has_name, household)
    )


def _known(profiles: Collection[str] | None, homes: Mapping[str, Home]) -> sa.Select[Any]:
    """The rows that may change: all, or of the profiles and of whoever lives where they lived or live."""
    query = sa.select(_households)
    if profiles is None:
        return query
    before = sa.select(_households.c.address_hash).where(
        among(_households.c.profile_id, sorted(set(profiles)))
    )
    now = {home.address for home in homes.values()}
    return query.where(
        sa.or_(
            _households.c.address_hash.in_(before),
            among(_households.c.address_hash, sorted(now)),
        )
    )


def _homes(
    stores: Stores, connection: sa.Connection, profiles: Collection[str] | None
) -> dict[str, Home]:
    """Profile → where it lives, by the newest address of all its origins."""
    profile = sa.func.coalesce(_overrides.c.profile_id, _people.c.origin_id)
    query = (
        sa.select(
            profile.label("profile_id"),
            _people.c.street,
            _people.c.postcode,
            _people.c.last_name,
            _people.c.full_name,
            *(_people.c[f"{name}_at"] for name in _TOLD),
        )
        .select_from(_people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id))
        .order_by(_people.c.origin_id)
    )
    if profiles is None:
        # Who has no address has no home; of the others the names may stand at another origin.
        told = sa.select(profile).select_from(
            _people.outerjoin(_overrides, _overrides.c.origin_id == _people.c.origin_id)
        )
        query = query.where(profile.in_(told.where(_people.c.street.is_not(None))))
    else:
        ids = sorted(set(profiles))
        merged = sa.select(_overrides.c.origin_id).where(among(_overrides.c.profile_id, ids))
        own = among(_people.c.origin_id, ids)
        query = query.where(sa.or_(own, _people.c.origin_id.in_(merged)))
        query = query.where(among(profile, ids))
    return _newest(stores.identity_key, connection.execute(query))


def _newest(key: bytes, rows: Iterable[Any]) -> dict[str, Home]:
    told: dict[str, dict[str, str | None]] = {}
    said: dict[tuple[str, str], datetime] = {}
    for row in rows:
        mine = told.setdefault(row.profile_id, {})
        for name in _TOLD:
            at, before = getattr(row, f"{name}_at"), said.get((row.profile_id, name))
            if at is None or (before is not None and at <= before):
                continue
            said[row.profile_id, name] = at
            mine[name] = getattr(row, name)
            if name == "street":
                mine["postcode"] = row.postcode
    homes = {
        profile: home_of(
            key,
            street=mine.get("street"),
            postcode=mine.get("postcode"),
            last_name=mine.get("last_name"),
            full_name=mine.get("full_name"),
        )
        for profile, mine in told.items()
    }
    return {profile: home for profile, home in homes.items() if home is not None}
