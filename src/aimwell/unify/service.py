"""The stage *unify*: identities resolved, then the current state of each profile."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from aimwell.collect.loads import mark_unified, not_unified
from aimwell.store.listed import among
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.households import refresh_households
from aimwell.unify.identity import resolve, resolve_around, set_aside_counts
from aimwell.unify.model import UnifyReport
from aimwell.unify.profiles import refresh_profiles

__all__ = ["Touched", "counted", "unify", "unify_around", "unify_touched"]

_profiles = metadata.tables["profiles"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]


@dataclass(frozen=True)
class Touched:
    """What a look at a few people did.

    Args:
        profiles: Those whose identity or state may have changed, also those that are no more.
        overrides_changed: How many identities went to another profile.
        profiles_changed: How many profiles have another state, as far as `refresh` counts them.
        everybody: All had to be looked at.
    """

    profiles: frozenset[str] = frozenset()
    overrides_changed: int = 0
    profiles_changed: int = 0
    everybody: bool = False


def unify(
    stores: Stores, *, now: datetime, then: Callable[[], object] = lambda: None
) -> UnifyReport:
    """Resolve identities and refresh profiles, then do what else hangs on them; harmless to repeat.

    Two runs at once wait for each other. Loads that were collected before are noted as unified at the end, so that
    whoever collects the same again after a crash knows that this is still to be done.
    """
    with stores.leases.hold("unify"):
        collected = not_unified(stores)
        overrides = resolve(stores, now=now).rows
        changed = refresh_profiles(stores, now=now)
        refresh_households(stores, now=now)
        then()
        mark_unified(stores, collected)
        return counted(stores, overrides_changed=overrides, profiles_changed=changed)


def counted(stores: Stores, *, overrides_changed: int, profiles_changed: int) -> UnifyReport:
    """The counts as they are, after a run that changed so much."""
    with stores.read_control() as connection:
        shared, set_aside = set_aside_counts(connection)

        people = sa.select(sa.func.count()).select_from(_profiles).where(~_profiles.c.visitor)

        def count(query: sa.Select[int]) -> int:
            return connection.execute(query).scalar_one()

        return UnifyReport(
            origins=count(sa.select(sa.func.count(sa.distinct(_identifiers.c.origin_id)))),
            profiles=count(people),
            prospects=count(people.where(_profiles.c.orders == 0)),
            visitors=count(sa.select(sa.func.count()).where(_profiles.c.visitor)),
            merged_profiles=count(sa.select(sa.func.count(sa.distinct(_overrides.c.profile_id)))),
            overrides_changed=overrides_changed,
            profiles_changed=profiles_changed,
            shared=shared,
            set_aside=set_aside,
        )


def unify_touched(
    stores: Stores,
    origins: Collection[str],
    *,
    now: datetime,
    then: Callable[[frozenset[str]], object] = lambda _profiles: None,
    refresh: Callable[[Collection[str] | None], object] | None = None,
) -> frozenset[str]:
    """As `unify_around`; returns the profiles alone."""
    return unify_around(stores, origins, now=now, then=then, refresh=refresh).profiles


def unify_around(
    stores: Stores,
    origins: Collection[str],
    *,
    now: datetime,
    then: Callable[[frozenset[str]], object] = lambda _profiles: None,
    refresh: Callable[[Collection[str] | None], object] | None = None,
) -> Touched:
    """Resolve identity around some origins only, and refresh the profiles that this concerns.

    Args:
        stores: The workspace.
        origins: All whose identifiers, names or facts have changed since; for those that are removed see
            `around.before_removal`.
        now: The moment.
        then: What else hangs on the profiles concerned, done before another run may begin.
        refresh: Brings the state of profiles (None: everybody's) up to date, and may say how many it changed; default:
            `refresh_profiles` alone.

    Returns:
        What it did. The control database is as `unify` would have left it.
    """
    if not origins:
        return Touched()
    with stores.leases.hold("unify"):
        found = resolve_around(stores, origins, now=now)
        changed = found or resolve(stores, now=now)
        with stores.read_control() as connection:
            query = sa.select(_overrides.c.origin_id, _overrides.c.profile_id).where(
                among(_overrides.c.origin_id, sorted(set(origins)))
            )
            known = {row.origin_id: row.profile_id for row in connection.execute(query)}
        concerned = changed.profiles | {known.get(origin, origin) for origin in origins}
        only = None if found is None else concerned
        if refresh is None:
            told: object = refresh_profiles(stores, now=now, profiles=only)
        else:
            told = refresh(only)
        refresh_households(stores, now=now, profiles=only)
        then(concerned)
    return Touched(
        profiles=concerned,
        overrides_changed=changed.rows,
        profiles_changed=told if isinstance(told, int) else 0,
        everybody=only is None,
    )
