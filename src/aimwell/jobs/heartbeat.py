"""A thread that keeps the lease of the running job alive while its handler works."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from aimwell.errors import StoreError
from aimwell.jobs.context import JobContext

__all__ = ["heartbeat"]


@contextmanager
def heartbeat(context: JobContext, *, seconds: float) -> Iterator[None]:
    """Give a sign of life for the job of `context` every `seconds` while the block runs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds):
            # The database may be busy or away for a moment; the next beat tries again.
            with contextlib.suppress(SQLAlchemyError, StoreError):
                context.give_sign_of_life()

    thread = threading.Thread(target=beat, name=f"job {context.job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
