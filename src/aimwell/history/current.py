"""The whole current state brought up to date: who is one person, what is known of each, what is computed of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlglot import exp

from aimwell.history.computed import COMPUTED_LEASE, compute_within, refresh_computed
from aimwell.history.moment import gathered, open_moment
from aimwell.store.stores import Stores
from aimwell.unify.model import UnifyReport
from aimwell.unify.profiles import STATE_TABLES, refresh_profiles, refresh_within
from aimwell.unify.service import unify, unify_touched

__all__ = ["bring_touched_up_to_date", "bring_up_to_date", "refresh_state"]

# A state ends before its moment; people and statements that came in at that very moment belong to it.
_TICK = timedelta(microseconds=1)


def bring_up_to_date(stores: Stores, *, now: datetime) -> UnifyReport:
    """Unify, then the computed traits of everybody; harmless to repeat.

    Loads count as unified only when both are done, so a crash in between is made good by the next run.
    """
    moment = now + _TICK
    return unify(stores, now=moment, then=lambda: refresh_computed(stores, now=moment))


def refresh_state(stores: Stores, profiles: Collection[str] | None, now: datetime) -> None:
    """What sources say of profiles and what is computed of them, from one reading of their rows; None: of everybody.

    For whoever holds the lease `unify`, as a flush of messages does.
    """
    now += _TICK
    if profiles is None:
        refresh_profiles(stores, now=now)
        refresh_computed(stores, now=now)
    elif profiles:
        with (
            stores.leases.hold(COMPUTED_LEASE),
            open_moment(stores, as_of=now, people=profiles) as moment,
        ):
            for name in STATE_TABLES:
                moment.session.bind(f"all_{name}", exp.select("*").from_(gathered(name)))
            refresh_within(stores, moment.session, now=now, profiles=profiles)
            compute_within(moment)


def bring_touched_up_to_date(
    stores: Stores, origins: Collection[str], *, now: datetime
) -> frozenset[str]:
    """The same for those whom some origins concern, and nobody else; returns their profiles, also those that are no more."""
    return unify_touched(
        stores,
        origins,
        now=now + _TICK,
        refresh=lambda profiles: refresh_state(stores, profiles, now),
    )
