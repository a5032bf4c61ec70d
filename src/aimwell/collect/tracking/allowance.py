"""How many messages a source may send: so many a second on average, and a burst of some seconds at once."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Allowance"]


@dataclass
class Allowance:
    """A bucket for each source that fills steadily and that messages empty.

    Args:
        per_second: Messages a second; None allows any number.
        burst_seconds: How many seconds' worth may come at once.
    """

    per_second: float | None
    burst_seconds: float = 10.0
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait_for(self, source: str, messages: int, now: float) -> float:
        """Take `messages` from the source's allowance: 0.0, or the seconds after which they may be sent again.

        A batch larger than the whole burst passes when the bucket is full, for it would never pass otherwise.

        Args:
            now: Seconds of a clock that never goes back.
        """
        if self.per_second is None:
            return 0.0
        most = self.per_second * self.burst_seconds
        left, at = self._left.get(source, (most, now))
        left = min(most, left + (now - at) * self.per_second)
        needed = min(float(messages), most)
        if left < needed:
            self._left[source] = (left, now)
            return (needed - left) / self.per_second
        self._left[source] = (left - messages, now)
        return 0.0
