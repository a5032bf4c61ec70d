"""How long to wait before a failed job is tried again."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(frozen=True)
class Backoff:
    """Waits that double with each attempt, drawn a little apart so that many jobs do not return at once.

    Args:
        first_seconds: The longest wait after the first attempt.
        factor: Each further one may be this many times longer …
        longest_seconds: … up to this.
        spread: Share of the wait that is left to chance, 0 to 1.
    """

    first_seconds: float = 5.0
    factor: float = 2.0
    longest_seconds: float = 3600.0
    spread: float = 0.5

    def seconds(self, attempt: int, *, draw: float) -> float:
        """The wait after attempt number `attempt` (from 1), with `draw` from 0 to 1 given by chance."""
        # Capped before it is raised: 2.0 ** 5000 is no number any more.
        longest = self.first_seconds
        for _ in range(attempt - 1):
            if longest >= self.longest_seconds:
                break
            longest *= self.factor
        longest = min(longest, self.longest_seconds)
        return longest * (1 - self.spread * (1 - draw))
