"""What was counted while a load was worked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Tally"]


@dataclass(frozen=True)
class Tally:
    """The fields of a report that depend on the entity; see LoadReport."""

    first_at: datetime | None = None
    last_at: datetime | None = None
    currencies: tuple[str, ...] = ()
    people: int = 0
    anonymous_lines: int = 0
    return_lines: int = 0
    return_orders: int = 0
    without_goods: int = 0
    sales: int = 0
    additions: int = 0
    returns: int = 0
    statements: int = 0
    consents: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
