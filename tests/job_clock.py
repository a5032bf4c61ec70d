"""A clock for tests of jobs that goes on only when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["SetClock"]


class SetClock:
    """A clock that stands until it is moved; call it for the time."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> datetime:
        """Go on by so many seconds; the time then."""
        self.now += timedelta(seconds=seconds)
        return self.now
