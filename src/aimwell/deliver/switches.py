"""The switch that stops all sending."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from aimwell.store.control import upsert
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["sending_is_on", "set_sending"]

_switches = metadata.tables["switches"]
_SENDING = "sending"
_IS_ON = sa.select(_switches.c.on).where(_switches.c.name == _SENDING)


def sending_is_on(connection: sa.Connection) -> bool:
    """Whether anything may be sent. It may until somebody says otherwise."""
    on = connection.execute(_IS_ON).scalar_one_or_none()
    return on is None or bool(on)


def set_sending(
    stores: Stores, on: bool, *, now: datetime, by: str, reason: str | None = None
) -> None:
    """Stop all sending, or let it go on; what is under way stops before its next handful of messages."""
    row = {"name": _SENDING, "on": on, "reason": reason, "changed_at": now, "changed_by": by}
    with stores.control.begin() as connection:
        upsert(connection, _switches, [row], update=("on", "reason", "changed_at", "changed_by"))
    stores.audit("sending on" if on else "sending off", actor=by)
