"""The whole current state brought up to date: who is one person, what is known of each, what is computed of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlglot import exp

from aimwell.collect.loads import mark_unified, not_unified
from aimwell.collect.touching import touched_by
from aimwell.history.computed import (
    COMPUTED_LEASE,
    compute_within,
    question_kinds,
    refresh_computed,
)
from aimwell.history.moment import gathered, open_moment
from aimwell.history.touched import note_touched
from aimwell.store.again import again_where_gone
from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores
from aimwell.unify.merging import profile_rules
from aimwell.unify.model import UnifyReport
from aimwell.unify.profiles import STATE_TABLES, refresh_profiles, refresh_within
from aimwell.unify.service import counted, unify, unify_around, unify_touched

__all__ = [
    "bring_collected_up_to_date",
    "bring_touched_up_to_date",
    "bring_up_to_date",
    "refresh_state",
]

_STATE = 2
"""Raised when the state is made in another way, so that everybody's is made anew."""

_SHARE_MAX = 0.2
"""More of the people than that, and everybody is looked at: that is quicker."""

_RULE = "state_rule"
_meta = metadata.tables["workspace_meta"]
_profiles = metadata.tables["profiles"]

# A state ends before its moment; people and statements that came in at that very moment belong to it.
_TICK = timedelta(microseconds=1)


def bring_up_to_date(stores: Stores, *, now: datetime) -> UnifyReport:
    """Unify, then the computed traits of everybody; harmless to repeat.

    Loads count as unified only when both are done, so a crash in between is made good by the next run.
    """
    rule, moment = _rule(stores), now + _TICK

    def compute() -> None:
        refresh_computed(stores, now=moment)
        with stores.control.begin() as connection:
            upsert(connection, _meta, [{"key": _RULE, "value": rule}], update=("value",))
        note_touched(stores, None)

    return again_where_gone(lambda: unify(stores, now=moment, then=compute))


def bring_collected_up_to_date(stores: Stores, *, now: datetime) -> UnifyReport:
    """The same after something was collected, for those alone whom the loads touched; the result is that of looking at all.

    Everybody is looked at where a load does not say whom it touched, as the first one; where the loads touched more than a
    fifth of all people; and where settings or `profile_rules` have changed since everybody was looked at last.
    """
    waiting = not_unified(stores)
    rule = _rule(stores)
    with stores.read_control() as connection:
        known = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == _RULE)).scalar()
        people = connection.execute(sa.select(sa.func.count()).select_from(_profiles)).scalar_one()
    origins = touched_by(stores, waiting) if known == rule else None
    if origins is None or len(origins) > _SHARE_MAX * people:
        return bring_up_to_date(stores, now=now)
    done = again_where_gone(
        lambda: unify_around(
            stores,
            origins,
            now=now + _TICK,
            refresh=lambda profiles: refresh_state(stores, profiles, now),
        )
    )
    mark_unified(stores, waiting)
    return counted(
        stores,
        overrides_changed=done.overrides_changed,
        profiles_changed=done.profiles_changed,
    )


def refresh_state(stores: Stores, profiles: Collection[str] | None, now: datetime) -> int:
    """What sources say of profiles and what is computed of them, from one reading of their rows; None: of everybody.

    For whoever holds the lease `unify`, as a flush of messages does. Returns how many have another state.
    """
    now += _TICK
    if profiles is None:
        changed = refresh_profiles(stores, now=now)
        refresh_computed(stores, now=now)
        note_touched(stores, None)
        return changed
    if not profiles:
        return 0
    with (
        stores.leases.hold(COMPUTED_LEASE),
        open_moment(stores, as_of=now, people=profiles) as moment,
    ):
        for name in STATE_TABLES:
            moment.session.bind(f"all_{name}", exp.select("*").from_(gathered(name)))
        changed = refresh_within(stores, moment.session, now=now, profiles=profiles)
        compute_within(moment)
    note_touched(stores, profiles)
    return changed


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


def _rule(stores: Stores) -> str:
    """Equal where the same rows give the same state; who is one person has a rule of its own."""
    settings = stores.settings
    made_by = [
        _STATE,
        profile_rules(stores.control).document(),
        settings.household_people_max,
        settings.timezone,
        question_kinds(stores),
    ]
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()
