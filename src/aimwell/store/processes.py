"""The name of this process, and whether a named one has ended: so that nobody waits for the dead.

A name holds the host, its boot, the space in which process ids count, the id and the kernel's start time. Two
containers may share a host name and not their process ids, and an id may be given again after a restart;
each part keeps a living process from being taken for a dead one. Where it cannot be known, a process counts
as alive.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

__all__ = ["machine_name", "process_is_gone", "process_name"]

_DEAD_STATES = {"Z", "X", "x"}  # ended, and only not yet collected by its parent


@cache
def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip()[:8] if path.exists() else "0"


@cache
def _process_space() -> str:
    """The namespace of process ids; empty where the system tells none."""
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """The kernel's start time of a process, empty where it may not be read; None: it has ended."""
    try:
        # The program's name, in brackets, may itself hold brackets and spaces.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
    except OSError:
        return "" if _exists(pid) else None
    return None if fields[0] in _DEAD_STATES else fields[19]


def _exists(pid: int) -> bool:
    """Whether there is such a process; the system may hide from us what those of others are."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def machine_name() -> str:
    """The running system: the same for all its processes and containers, another one after a restart."""
    return _boot_id() if Path("/proc/sys/kernel/random/boot_id").exists() else socket.gethostname()


def process_name() -> str:
    """This process: host, boot, space of ids, id and start time."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{_boot_id()}/{_process_space()}/{pid}/{_started(pid) or 0}"


def process_is_gone(name: str) -> bool:
    """Whether a process named by `process_name` has certainly ended (unknown machines: False)."""
    parts = name.split("/")
    if len(parts) != 5 or parts[0] != socket.gethostname() or not Path("/proc/self/stat").exists():
        return False
    _, boot, space, pid, started = parts
    if boot != _boot_id():
        return True
    if not space or space != _process_space() or not pid.isdigit():
        return False
    return _started(int(pid)) not in {started, ""}
