"""What unification reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Merge", "UnifyReport"]


@dataclass(frozen=True)
class Merge:
    """Origins that are one person, and the kinds of identifiers that say so."""

    profile_id: str
    origins: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class UnifyReport:
    """Counts after a run. `shared` are identifiers that too many origins have to be one person's."""

    origins: int
    profiles: int
    prospects: int
    merged_profiles: int
    overrides_changed: int
    profiles_changed: int
    shared: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
