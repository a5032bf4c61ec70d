"""Real child processes for tests: started, spoken with by lines, killed by their own id."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nursery

__all__ = ["Child", "child", "eventually", "is_stopped"]

WAIT_SECONDS = 60.0
_HERE = Path(__file__).parent


class Child:
    """A Python process that runs a piece of source."""

    def __init__(self, source: str, *arguments: object, imports: Sequence[str] = ()) -> None:
        theirs, ours = zip(os.pipe(), _turned(os.pipe()), _turned(os.pipe()), strict=True)
        self._stdin = os.fdopen(ours[0], "w")
        self._stdout, self._stderr = (os.fdopen(pipe) for pipe in ours[1:])
        self._process = nursery.begin(
            textwrap.dedent(source),
            [*map(str, arguments)],
            files=theirs,
            environment={**os.environ, "PYTHONPATH": str(_HERE)},
            imports=imports,
        )
        for pipe in theirs:
            os.close(pipe)
        self.pid = self._process.pid

    def line(self) -> str:
        """The next line that it prints; fails with what it complained of where there is none."""
        found = self._stdout.readline().strip()
        if not found:
            self.kill()
            raise AssertionError(f"the child said nothing: {self._stderr.read()}")
        return found

    def read_on(self) -> None:
        """Read what it prints until it ends, so that it never waits for a reader."""
        with contextlib.suppress(ValueError):  # closed meanwhile
            for _ in self._stdout:
                pass

    def lines(self) -> list[str]:
        """All whole lines that it prints until it ends. The last one may have been cut by a kill, and is left out then."""
        return [line.strip() for line in self._stdout if line.endswith("\n")]

    def go(self) -> None:
        """Let it go on from `input()`."""
        self._stdin.write("\n")
        self._stdin.flush()

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
        code = self._process.wait(WAIT_SECONDS)
        if code:
            sys.stderr.write(self._stderr.read())
        return code

    def close(self) -> None:
        """Kill it if it still runs, and close its pipes."""
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _turned(pipe: tuple[int, int]) -> tuple[int, int]:
    """The end to write to, and the end to read from."""
    return pipe[1], pipe[0]


@contextmanager
def child(source: str, *arguments: object, imports: Sequence[str] = ()) -> Iterator[Child]:
    """A child for the length of the block; `arguments` are its `sys.argv[1:]`.

    `imports` are modules that it will import later than at its beginning (see `nursery`).
    """
    process = Child(source, *arguments, imports=imports)
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
