"""The warning of commands that group people by orders which are long ago."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from aimwell.cli.context import Opened
from aimwell.history.freshness import order_days, stale_orders
from aimwell.history.moment import Moment

__all__ = ["note_old_orders"]


def note_old_orders(ws: Opened, moment: Moment) -> None:
    """Warn where the newest order known at the moment is older than the shop's habits let one expect."""
    words = stale_orders(
        order_days(moment),
        moment=moment.as_of.astimezone(ZoneInfo(ws.stores.settings.timezone)).date(),
        what="the moment that is looked from",
        advice="Groups say who was so long ago. Collect newer orders, or look as of soon after that day (--as-of).",
    )
    if words is not None:
        ws.output.note(f"Warning: {words}")
