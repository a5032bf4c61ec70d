"""Results that were kept, read back from the control database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["latest_documents"]

_reports = metadata.tables["reports"]


def latest_documents(stores: Stores) -> list[dict[str, Any]]:
    """The newest result of each plan, as `CampaignResult.to_dict` wrote it, in order of the campaign's start."""
    query = sa.select(_reports.c.plan_id, _reports.c.document).order_by(
        _reports.c.made_at, _reports.c.report_id
    )
    with stores.read_control() as connection:
        newest = {row.plan_id: row.document for row in connection.execute(query)}
    return sorted(newest.values(), key=lambda one: (one["span"]["starts_at"], one["plan_id"]))
