from __future__ import annotations

import asyncio

from aimwell.deliver.rate import RateLimit


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def moments(
    per_second: float | None, *, count: int, pause_after: int = 0, pause: float = 0.0
) -> list[float]:
    clock = Clock()
    limit = RateLimit(per_second, clock=clock, sleep=clock.sleep)

    async def scenario() -> list[float]:
        found = []
        for number in range(count):
            await limit.wait()
            found.append(clock.now - 100.0)
            if number + 1 == pause_after:
                clock.now += pause
        return found

    return asyncio.run(scenario())


def test_messages_go_at_an_even_pace() -> None:
    assert moments(4.0, count=5) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_no_burst_makes_up_for_a_pause() -> None:
    assert moments(2.0, count=4, pause_after=2, pause=10.0) == [0.0, 0.5, 10.5, 11.0]


def test_without_a_limit_nobody_waits() -> None:
    assert moments(None, count=3) == [0.0, 0.0, 0.0]


def test_several_at_once_share_one_pace() -> None:
    clock = Clock()
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    async def scenario() -> None:
        limit = RateLimit(10.0, clock=clock, sleep=sleep)
        await asyncio.gather(*(limit.wait() for _ in range(4)))

    asyncio.run(scenario())
    assert [round(nap, 6) for nap in naps] == [0.1, 0.2, 0.3]
