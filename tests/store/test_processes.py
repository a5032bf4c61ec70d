"""A process is taken for dead only when it certainly is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aimwell.store import processes
from aimwell.store.processes import process_is_gone, process_name
from child import child, eventually

TELL_NAME = (
    "from aimwell.store.processes import process_name; print(process_name(), flush=True); input()"
)


def test_this_process_is_not_gone() -> None:
    assert not process_is_gone(process_name())
    assert str(os.getpid()) in process_name()


def test_a_killed_process_is_gone_also_before_its_parent_has_noticed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TELL_NAME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not process_is_gone(name)
        os.kill(process.pid, 9)  # not waited for: it stays in the table of processes
        eventually(lambda: process_is_gone(name), seconds=10)
        assert Path(f"/proc/{process.pid}").exists()
    assert process_is_gone(name)


def test_another_process_under_the_same_id_does_not_count() -> None:
    host, boot, space, pid, started = process_name().split("/")
    assert process_is_gone("/".join([host, boot, space, pid, str(int(started) - 1)]))


def test_what_ran_before_a_restart_of_the_machine_is_gone() -> None:
    host, _, *rest = process_name().split("/")
    assert process_is_gone("/".join([host, "earlier", *rest]))


@pytest.mark.parametrize(
    "name",
    [
        "elsewhere/boot/1/99999999/1",
        f"{socket.gethostname()}/BOOT/4026000000/99999999/1",  # another container on this host
        f"{socket.gethostname()}/BOOT//99999999/1",  # ids of an unknown space
        "",
        "nonsense",
        f"{socket.gethostname()}/BOOT/SPACE/not-a-number/1",
    ],
)
def test_what_cannot_be_known_counts_as_alive(name: str) -> None:
    _, boot, space, *_ = process_name().split("/")
    assert not process_is_gone(name.replace("BOOT", boot).replace("SPACE", space))


def test_a_process_whose_state_is_hidden_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(_self: Path) -> bytes:
        raise PermissionError

    name = process_name()
    monkeypatch.setattr(Path, "read_bytes", hidden)
    assert not process_is_gone(name)
    monkeypatch.setattr(os, "kill", _no_such)
    assert process_is_gone(name)


def _no_such(_pid: int, _number: int) -> None:
    raise ProcessLookupError


def test_a_name_with_brackets_and_spaces_is_no_trouble(tmp_path: Path) -> None:
    source = """
        import ctypes
        ctypes.CDLL(None).prctl(15, b"a) b (c", 0, 0, 0)  # PR_SET_NAME
        from aimwell.store.processes import process_is_gone, process_name
        print(process_is_gone(process_name()))
    """
    with child(source) as process:
        assert process.line() == "False"


def test_a_machine_without_proc_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    name = process_name().rsplit("/", 2)[0] + "/99999999/1"
    assert process_is_gone(name)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert not process_is_gone(name)
    assert processes.__all__ == ["machine_name", "process_is_gone", "process_name"]
