"""A limit of time for what people wrote: a thread interrupts the engine when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from aimwell.errors import AimwellError, QueryTimeoutError

__all__ = ["time_limit"]

_AGAIN_SECONDS = 0.1


@contextmanager
def time_limit(seconds: float, interrupt: Callable[[], object]) -> Iterator[None]:
    """Interrupt what runs in the block once `seconds` are over, again and again until the block ends.

    Raises:
        QueryTimeoutError: The block failed after the interruption.
    """
    ended, interrupted = Event(), Event()

    def watch() -> None:
        if ended.wait(seconds):
            return
        interrupted.set()
        while not ended.is_set():
            interrupt()
            ended.wait(_AGAIN_SECONDS)

    watcher = Thread(target=watch, name="time limit", daemon=True)
    watcher.start()
    try:
        yield
    except AimwellError as error:
        if interrupted.is_set():
            raise QueryTimeoutError(seconds) from error
        raise
    finally:
        ended.set()
        watcher.join()
