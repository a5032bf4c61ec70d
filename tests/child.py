"""Real child processes for tests: started, spoken with by lines, killed by their own id."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Child", "child", "eventually", "is_stopped"]

WAIT_SECONDS = 60.0
_HERE = Path(__file__).parent
# As the command itself: most of a child's short life is imports, and these make no garbage.
_SELDOM = "import gc; gc.set_threshold(50_000, 20, 50)\n"


class Child:
    """A Python process that runs a piece of source."""

    def __init__(self, source: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                "-c",
                _SELDOM + textwrap.dedent(source),
                *map(str, arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_HERE)},
        )
        self.pid = self._process.pid

    def line(self) -> str:
        """The next line that it prints; fails with what it complained of where there is none."""
        assert self._process.stdout is not None
        found = self._process.stdout.readline().strip()
        if not found:
            assert self._process.stderr is not None
            self.kill()
            raise AssertionError(f"the child said nothing: {self._process.stderr.read()}")
        return found

    def read_on(self) -> None:
        """Read what it prints until it ends, so that it never waits for a reader."""
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed meanwhile
            for _ in self._process.stdout:
                pass

    def go(self) -> None:
        """Let it go on from `input()`."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Let so much time pass; whether it has ended by itself by then."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Wait until it ends by itself; its exit code. Complains of what it wrote to stderr."""
        assert self._process.stderr is not None
        code = self._process.wait(WAIT_SECONDS)
        if code:
            sys.stderr.write(self._process.stderr.read())
        return code

    def close(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def child(source: str, *arguments: object) -> Iterator[Child]:
    """A child for the length of the block; `arguments` are its `sys.argv[1:]`."""
    process = Child(source, *arguments)
    try:
        yield process
    finally:
        process.close()


def eventually(condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> None:
    """Wait until `condition` holds; fails when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen in time"
        time.sleep(0.01)


def is_stopped(pid: int) -> bool:
    """Whether a process has been halted by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"T", "t"}
