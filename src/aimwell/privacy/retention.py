"""What the vault holds for a time only: rows of the quarantine, and where it is asked for, older message parts and texts.

Each night, after the erasures. What goes is gone for good; the lake's rows, which hold nothing personal, stay.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["forget_old"]

_rows = metadata.tables["vault_rows"]
_parts = metadata.tables["vault_parts"]
_texts = metadata.tables["vault_texts"]
_originals = metadata.tables["vault_originals"]


def forget_old(stores: Stores, *, now: datetime) -> dict[str, int]:
    """Remove what is older than the settings allow; the audit log says how many rows of which table.

    Returns:
        Table → rows that went; tables of which none did are left out.
    """
    settings = stores.settings
    ages: list[tuple[sa.Column[datetime], int]] = [
        (_rows.c.kept_at, settings.quarantine_days),
        (_parts.c.last_at, settings.message_parts_days),
        (_texts.c.said_at, settings.texts_days),
        (_originals.c.set_at, settings.originals_days),
    ]
    gone: dict[str, Any] = {}
    for time, days in ages:
        if not days:
            continue
        with stores.control.begin() as connection:
            old = sa.delete(time.table).where(time < now - timedelta(days=days))
            rows = connection.execute(old).rowcount
        if rows:
            gone[time.table.name] = rows
    if gone:
        stores.audit("retention", actor="privacy", **gone)
    return gone
