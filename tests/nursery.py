"""Processes that begin at once: forked from one that has imported already what the earlier ones did.

Half of what a test with killed processes costs would be imports. A process from here is one like any other (its own
memory, files and signals), but for the modules that it finds imported. Whatever a source names in its first imports is
imported before the fork, so the next one finds it.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Process", "begin"]

_HERE = Path(__file__).parent
_LONGEST = 1 << 17
_NURSERY = "import sys, nursery; nursery.run(int(sys.argv[1]))"


class Process:
    """A process that runs; what `subprocess.Popen` tells and does of one."""

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, encoding="ascii")
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended (minus the signal that killed it), or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended; waits for it, and raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("the process", timeout or 0)
        return code

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def kill(self) -> None:
        """Send it SIGKILL, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def begin(
    source: str,
    arguments: Sequence[str],
    *,
    files: tuple[int, int, int],
    environment: Mapping[str, str],
    imports: Sequence[str] = (),
) -> Process:
    """A process that runs `source`, with `files` as its standard input, output and error.

    `imports` are modules that it will import later than at its beginning.
    """
    told, telling = os.pipe()
    asked = {
        "source": source,
        "arguments": list(arguments),
        "environment": dict(environment),
        "imports": list(imports),
        "folder": str(Path.cwd()),
    }
    line = json.dumps(asked).encode()
    assert len(line) < _LONGEST, "what the process is given does not fit one message"
    socket.send_fds(_nursery(), [line], [*files, telling])
    os.close(telling)
    return Process(told)


_running: tuple[int, socket.socket] | None = None


def _nursery() -> socket.socket:
    """The connection to the nursery of this process."""
    global _running
    if _running is None or _running[0] != os.getpid():
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _NURSERY, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(_HERE)},
        )
        theirs.close()
        _running = (os.getpid(), ours)
        atexit.register(_close, process, ours)
    return _running[1]


def _close(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.wait()


def run(connection: int) -> None:
    """What the nursery does: fork until nobody asks any more; what this returns in is the forked process."""
    gc.set_threshold(50_000, 20, 50)
    asked = _next(socket.socket(fileno=connection))
    if asked is not None:
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(asked["source"], "<child>", "exec"), vars(main))  # noqa: S102 - a source of a test


def _next(connection: socket.socket) -> dict[str, Any] | None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for a process
    while True:
        line, files, _, _ = socket.recv_fds(connection, _LONGEST, 4)
        if not line:
            return None
        asked = json.loads(line)
        _import(asked)
        if not os.fork():
            connection.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _waited_for(asked, files)
        for file in files:
            os.close(file)


def _import(asked: dict[str, Any]) -> None:
    """Import what the source begins with. What cannot be read or imported is the source's to complain of."""
    there = len(sys.modules)
    for name in [*asked["imports"], *_named(asked["source"])]:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    if len(sys.modules) > there:
        gc.collect()
        gc.freeze()


def _named(source: str) -> Iterator[str]:
    try:
        parts = ast.parse(source).body
    except SyntaxError:
        return
    for part in parts:
        if isinstance(part, ast.Import):
            yield from (name.name for name in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module:
            yield part.module
            yield from (f"{part.module}.{name.name}" for name in part.names)


def _waited_for(asked: dict[str, Any], files: list[int]) -> dict[str, Any]:
    """Fork the process itself and tell how it ends; this returns in that process alone."""
    *streams, telling = files
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        os.write(telling, b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
            os.write(telling, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(telling)
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = ["-c", *asked["arguments"]]
    return asked
