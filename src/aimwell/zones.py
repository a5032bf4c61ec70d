"""The names of time zones that the machine knows."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from aimwell.errors import nearest

__all__ = ["known_zones", "nearest_zone"]


@cache
def known_zones() -> frozenset[str]:
    """All of them; looked for on the disk once, which takes tens of milliseconds."""
    return frozenset(available_timezones())


def nearest_zone(name: str) -> str:
    """A sentence that helps after a mistyped zone."""
    told = nearest(name, sorted(known_zones()))
    if told.startswith("Known"):  # six hundred would help nobody
        return "Names are as Europe/London, America/New_York, Asia/Tokyo or UTC."
    return told
