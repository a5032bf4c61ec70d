"""What one look at the workspace found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "State", "fault", "fine", "warning"]

State = Literal["fine", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What was looked at, as "lake".
        state: A fault keeps something from working; a warning will, or may.
        told: What was found.
        remedy: What to do; empty where all is fine.
    """

    check: str
    state: State
    told: str
    remedy: str = ""


def fine(check: str, told: str) -> Finding:
    """All is well."""
    return Finding(check, "fine", told)


def warning(check: str, told: str, remedy: str) -> Finding:
    """It works, and may not tomorrow."""
    return Finding(check, "warning", told, remedy)


def fault(check: str, told: str, remedy: str) -> Finding:
    """Something does not work."""
    return Finding(check, "fault", told, remedy)
