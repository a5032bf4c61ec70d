"""An erasure and a purge through all the rooms that know of people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from aimwell.collect.loads import not_unified, publish_prepared
from aimwell.collect.tracking.door import inbox_folder
from aimwell.collect.under_way import oldest_under_way
from aimwell.deliver.letters import remove_letters
from aimwell.history.current import bring_collected_up_to_date, refresh_state
from aimwell.privacy.erasure import Receipt, erase, purge
from aimwell.store.inbox import inbox_state
from aimwell.store.nodes import node_of, oldest_elsewhere
from aimwell.store.stores import Stores
from aimwell.unify.around import before_removal
from aimwell.unify.identity import merge_of
from aimwell.unify.live import flush_and_unify
from aimwell.unify.lookup import find_profile
from aimwell.unify.service import unify_touched

__all__ = ["erase_person", "purge_erased"]


def erase_person(
    stores: Stores, who: str, *, now: datetime, by: str, reason: str | None = None
) -> Receipt:
    """Erase whom a profile id, customer id, e-mail address or telephone number names.

    Nobody is joined or parted meanwhile. Killed before the end it has done nothing or all but the letters of trials,
    which the next purge removes.

    Raises:
        UnifyError: Nobody is known by it, or it names several people.
    """
    called_at = time.monotonic()
    concerned: set[str] = set()
    with _everybody_joined(stores, now):
        # What was received while it waited is the person's too.
        now += timedelta(seconds=time.monotonic() - called_at)
        profile_id = find_profile(stores, who)
        with stores.read_control() as connection:
            origins = merge_of(connection, profile_id).origins
        receipt = erase(
            stores,
            profile_id,
            origins,
            now=now,
            by=by,
            reason=reason,
            before=lambda connection: concerned.update(before_removal(connection, origins)),
        )
    # An identifier that too many shared may be somebody's now that there is one fewer.
    unify_touched(
        stores,
        concerned.difference(origins),
        now=now,
        refresh=lambda profiles: refresh_state(stores, profiles, now),
    )
    remove_letters(stores, f"erased:{receipt.erasure_id}:")
    return receipt


@contextmanager
def _everybody_joined(stores: Stores, now: datetime) -> Iterator[None]:
    """The lease of joining people, when all that was collected is joined: an identity that is not yet would stay."""
    while True:
        if not_unified(stores):
            bring_collected_up_to_date(stores, now=now)
        with stores.leases.hold("unify"):
            if not_unified(stores):  # a load that ended between
                continue
            yield
            return


def purge_erased(stores: Stores, *, now: datetime) -> list[Receipt]:
    """Take the erased out of every file: letters of trials, the inbox, tables of the lake and their older versions."""
    remove_letters(stores, "erased:")
    # What waits in the inbox or was prepared by a load that died comes in first; an erasure of whose moment something
    # still waits there, or is under way, ends another time.
    publish_prepared(stores, left_alone=True)
    flush_and_unify(stores, now=now, refresh=refresh_state)
    folder = inbox_folder(stores)
    oldest = inbox_state(folder).oldest_ns
    here = None if oldest is None else datetime.fromtimestamp(oldest / 1e9, UTC)
    there = oldest_elsewhere(stores.control, node_of(folder), now=now)
    loading = oldest_under_way(stores)
    not_before = min((at for at in (here, there, loading) if at is not None), default=None)
    return purge(stores, now=now, not_before=not_before)
