"""The whole current state brought up to date: who is one person, what is known of each, what is computed of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from aimwell.history.computed import refresh_computed
from aimwell.store.stores import Stores
from aimwell.unify.model import UnifyReport
from aimwell.unify.service import unify, unify_touched

__all__ = ["AFFECTED", "bring_touched_up_to_date", "bring_up_to_date", "compute_touched"]


def bring_up_to_date(stores: Stores, *, now: datetime) -> UnifyReport:
    """Unify, then the computed traits of everybody; harmless to repeat.

    Loads count as unified only when both are done, so a crash in between is made good by the next run.
    """
    return unify(stores, now=now, then=lambda: refresh_computed(stores, now=now))


def compute_touched(stores: Stores, profiles: Collection[str], now: datetime) -> None:
    """What hangs on profiles that were touched: their computed traits."""
    refresh_computed(stores, now=now, profiles=profiles)


AFFECTED = (compute_touched,)
"""What a flush of messages tells the profiles that it touched."""


def bring_touched_up_to_date(
    stores: Stores, origins: Collection[str], *, now: datetime
) -> frozenset[str]:
    """The same for those whom some origins concern, and nobody else; returns their profiles, also those that are no more."""

    def compute(profiles: frozenset[str]) -> None:
        compute_touched(stores, profiles, now)

    return unify_touched(stores, origins, now=now, then=compute)
