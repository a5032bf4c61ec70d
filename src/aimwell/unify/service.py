"""The stage *unify*: identities resolved, then the current state of each profile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from aimwell.collect.loads import mark_unified, not_unified
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.identity import resolve, shared_identifiers
from aimwell.unify.model import UnifyReport
from aimwell.unify.profiles import refresh_profiles

__all__ = ["unify"]

_profiles = metadata.tables["profiles"]
_identifiers = metadata.tables["identifiers"]
_overrides = metadata.tables["identity_overrides"]


def unify(
    stores: Stores, *, now: datetime, then: Callable[[], object] = lambda: None
) -> UnifyReport:
    """Resolve identities and refresh profiles, then do what else hangs on them; harmless to repeat.

    Two runs at once wait for each other. Loads that were collected before are noted as unified at the end, so that
    whoever collects the same again after a crash knows that this is still to be done.
    """
    with stores.leases.hold("unify"):
        collected = not_unified(stores)
        overrides = resolve(stores.control, now=now)
        changed = refresh_profiles(stores, now=now)
        then()
        mark_unified(stores, collected)
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
