"""Messages and their answers, read as of a moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aimwell.history.moment import open_moment
from aimwell.predict.responding.counts import MessageCounts
from aimwell.predict.responding.queries import message_counts
from aimwell.predict.training import span_days
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["read_messages"]


def read_messages(
    stores: Stores,
    settings: Mapping[str, Any],
    *,
    as_of: datetime,
    snapshot: Snapshot | None = None,
) -> MessageCounts:
    """Messages and answers before a moment; the later period is the `check_days` before it.

    Args:
        stores: The workspace.
        settings: `answer`, `horizon_days` (within which it counts) and `check_days`, as a registered model has them.
        as_of: Nothing from this moment on is seen.
        snapshot: Versions of the lake's tables; default: the newest.
    """
    within = span_days(int(settings["horizon_days"]))
    ends = as_of.astimezone(UTC)
    with open_moment(
        stores, as_of=as_of, snapshot=snapshot, engine=stores.history_engine
    ) as moment:
        table = moment.session.table(
            message_counts(
                settings["answer"],
                seconds=int(within.total_seconds()),
                last=ends - within,
                cut=ends - span_days(int(settings["check_days"])),
            )
        )
    return MessageCounts.of(table)
