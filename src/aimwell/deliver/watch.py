"""Watches over a handful while it is handed over: keeps its lease, and sees when sending has to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from aimwell.deliver import ledger
from aimwell.deliver.ledger import Claimed
from aimwell.deliver.switches import sending_is_on
from aimwell.errors import StoreError
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["Watch", "watching"]

_plans = metadata.tables["plans"]
_LOOK_SECONDS = 1.0


@dataclass
class Watch:
    """`halted`: nothing more of the handful may leave."""

    halted: bool = False


@asynccontextmanager
async def watching(
    stores: Stores, plan_id: str, claimed: Sequence[Claimed], clock: Callable[[], datetime]
) -> AsyncIterator[Watch]:
    """Watch for the length of the block. A database that does not answer for a moment changes nothing."""
    watch = Watch()
    task = asyncio.create_task(_watch(watch, stores, plan_id, claimed, clock))
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(
    watch: Watch,
    stores: Stores,
    plan_id: str,
    claimed: Sequence[Claimed],
    clock: Callable[[], datetime],
) -> None:
    seconds = stores.settings.lease_seconds
    rounds = 0
    while True:
        await asyncio.sleep(min(_LOOK_SECONDS, seconds / 3))
        rounds += 1
        with suppress(StoreError, sa.exc.SQLAlchemyError):
            watch.halted = watch.halted or await asyncio.to_thread(_is_halted, stores, plan_id)
            if rounds * _LOOK_SECONDS >= seconds / 3:
                rounds = 0
                await asyncio.to_thread(_renew, stores, claimed, clock(), seconds)


def _is_halted(stores: Stores, plan_id: str) -> bool:
    with stores.read_control() as connection:
        if not sending_is_on(connection):
            return True
        state = connection.execute(sa.select(_plans.c.state).where(_plans.c.plan_id == plan_id))
        return bool(state.scalar_one() != "sending")


def _renew(stores: Stores, claimed: Sequence[Claimed], now: datetime, seconds: int) -> None:
    with stores.control.begin() as connection:
        ledger.renew(connection, claimed, now=now, lease_seconds=seconds)
