"""The flusher beside the server: a process of its own, so that its work never keeps a request waiting.

It ends when the server does, however that ends: it watches a pipe that nobody writes to. One that died is begun anew.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

__all__ = ["Flusher"]

_AGAIN_SECONDS = 1.0
_END_SECONDS = 60.0
_RUN = "from aimwell.cli.app import main; main()"

_log = logging.getLogger(__name__)


class Flusher:
    """Keeps `aimwell collect flush --every …` running.

    Args:
        root: The workspace.
        seconds: How long it waits before it looks again.
    """

    def __init__(self, root: Path, *, seconds: float) -> None:
        self._root, self._seconds = root, seconds
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="aimwell-flusher", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process at work."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let it end what it is at, and wait for it."""
        self._stopping.set()
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
        self._thread.join(_END_SECONDS)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._process = self._begin()
            except OSError as error:
                _log.warning("the flusher could not be started: %s", error.strerror)
            else:
                if self._stopping.is_set() and self._process.stdin is not None:
                    self._process.stdin.close()
                code = self._process.wait()
                # A signal to the whole group ends it a moment before the server is told to stop.
                if not self._stopping.wait(_AGAIN_SECONDS):
                    _log.warning("the flusher ended (%d) and is started again", code)
                continue
            self._stopping.wait(_AGAIN_SECONDS)

    def _begin(self) -> subprocess.Popen[bytes]:
        words = ["collect", "flush", "--every", str(self._seconds), "--while-stdin"]
        return subprocess.Popen(  # noqa: S603 - our own program and words
            [sys.executable, "-c", _RUN, *words, "--workspace", str(self._root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
