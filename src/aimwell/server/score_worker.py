"""The one thread beside the event loop that reads scores and works them out; requests wait for it, or do not."""

from __future__ import annotations

import asyncio
import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from aimwell.errors import AimwellError
from aimwell.predict.serving import ServedScores

__all__ = ["ScoreWorker"]

_PAUSE_SECONDS = 1.0
_END_SECONDS = 60.0
_log = logging.getLogger(__name__)


class ScoreWorker:
    """Keeps `served` up to date from the first request on, looking again each second. Use it in one event loop.

    What many ask for at once is worked out together.
    """

    def __init__(self, served: ServedScores) -> None:
        self.served = served
        self._wanted: dict[str, set[str]] = {}
        self._done: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    async def work_out(self, wanted: dict[str, set[str]], *, wait_seconds: float) -> None:
        """Return when these were looked at (profile → models), or after so many seconds; the work then goes on."""
        loop = asyncio.get_running_loop()
        with self._wake:
            for profile, models in wanted.items():
                self._wanted.setdefault(profile, set()).update(models)
            if self._done is None:
                self._done = loop.create_future()
            done = self._done
            self._wake.notify()
        if self._thread is None:
            self._loop = loop
            self._thread = threading.Thread(target=self._run, name="aimwell-scores", daemon=True)
            self._thread.start()
        await asyncio.wait([done], timeout=wait_seconds)

    def stop(self) -> None:
        """End after what is at work."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(
                    lambda: self._done is not None or self._stopping, _PAUSE_SECONDS
                )
                if self._stopping:
                    return
                wanted, self._wanted = self._wanted, {}
                done, self._done = self._done, None
            try:
                self.served.look()
                if wanted:
                    self.served.work(wanted)
            except (AimwellError, SQLAlchemyError) as error:
                _log.warning("scores are not kept up just now: %s", type(error).__name__)
            except Exception:
                # Whatever it was, those who ask get what is known, and the next look is another try.
                _log.exception("scores were not kept up")
            finally:
                self._tell(done)

    def _tell(self, done: asyncio.Future[None] | None) -> None:
        if done is None or self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(_end, done)
        except RuntimeError:  # the loop has ended, and nobody waits
            return


def _end(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
