"""The stage *unify*: identities resolved, then the current state of each profile."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.identity import resolve, shared_identifiers
from aimwell.unify.model import UnifyReport
from aimwell.unify.profiles import refresh_profiles

__all__ = ["unify"]

_profiles = metadata.tables["profiles"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]


def unify(stores: Stores, *, now: datetime) -> UnifyReport:
    """Resolve identities and refresh profiles; harmless to repeat.

    Two runs at once wait for each other.
    """
    with stores.leases.hold("unify"):
        overrides = resolve(stores.control, now=now)
        changed = refresh_profiles(stores, now=now)
        with stores.read_control() as connection:

            def count(query: sa.Select[int]) -> int:
                return connection.execute(query).scalar_one()

            return UnifyReport(
                origins=count(sa.select(sa.func.count(sa.distinct(_identifiers.c.origin_id)))),
                profiles=count(sa.select(sa.func.count()).select_from(_profiles)),
                prospects=count(sa.select(sa.func.count()).where(_profiles.c.orders == 0)),
                merged_profiles=count(
                    sa.select(sa.func.count(sa.distinct(_overrides.c.profile_id)))
                ),
                overrides_changed=overrides,
                profiles_changed=changed,
                shared=shared_identifiers(connection),
            )
