"""One holder at a time; the dead and the silent lose what they held."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from aimwell.errors import LeaseBusyError, LeaseLostError, StorageFullError
from aimwell.store.control import Control
from aimwell.store.leases import Leases
from aimwell.store.schema import metadata
from child import child, eventually

TABLE = metadata.tables["leases"]

# argv: URL, seconds of the lease. Holds 'x', says so, lets go on a line.
HOLD = """
import sys
from aimwell.store.control import Control
from aimwell.store.leases import Leases
control = Control(sys.argv[1])
with Leases(control, seconds=int(sys.argv[2])).hold("x", wait_seconds=30) as held:
    print("held")
    input()
    print(held.is_mine)
print("free")
control.close()
"""


def url_of(control: Control) -> str:
    return control.url.render_as_string(hide_password=False)


def row_of(control: Control) -> sa.Row[object] | None:
    with control.read() as connection:
        return connection.execute(sa.select(TABLE).where(TABLE.c.name == "x")).one_or_none()


def test_a_lease_is_there_while_it_is_held_and_gone_afterwards(control: Control) -> None:
    with Leases(control).hold("x") as held:
        row = row_of(control)
        assert row is not None
        assert row.token == held.token
        assert held.is_mine
        held.check()
    assert row_of(control) is None


def test_a_lease_is_given_back_when_the_block_raises(control: Control) -> None:
    with pytest.raises(KeyError), Leases(control).hold("x"):
        raise KeyError
    assert row_of(control) is None


def test_the_same_thread_may_hold_it_again_inside(control: Control) -> None:
    leases = Leases(control)
    with leases.hold("x") as outer:
        with leases.hold("x", wait_seconds=0) as inner:
            assert inner is outer
        assert row_of(control) is not None, "the inner block must not give the lease back"
    assert row_of(control) is None


def test_another_thread_waits(control: Control) -> None:
    leases, refused = Leases(control), []

    def try_it() -> None:
        try:
            with leases.hold("x", wait_seconds=0.1):
                pass
        except LeaseBusyError as error:
            refused.append(error)

    with leases.hold("x"):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        with leases.hold("y", wait_seconds=0):
            pass
    assert len(refused) == 1
    assert refused[0].retryable
    assert "'x' is held by another process" in str(refused[0])


def test_other_processes_wait_until_it_is_free(control: Control) -> None:
    with child(HOLD, url_of(control), 30) as process:
        assert process.line() == "held"
        with pytest.raises(LeaseBusyError), Leases(control).hold("x", wait_seconds=0.2):
            pass
        process.go()
        assert [process.line(), process.line()] == ["True", "free"]
        with Leases(control).hold("x", wait_seconds=5):
            pass


def test_the_lease_of_a_killed_process_is_taken_over_at_once(control: Control) -> None:
    with child(HOLD, url_of(control), 3600) as process:
        assert process.line() == "held"
        os.kill(process.pid, 9)  # not waited for, as when a supervisor has not yet looked
        started = time.monotonic()
        with Leases(control).hold("x", wait_seconds=30):
            assert time.monotonic() - started < 10


def test_a_lease_is_renewed_while_it_is_held(control: Control) -> None:
    with Leases(control, seconds=1).hold("x"):
        first = row_of(control)
        assert first is not None
        eventually(lambda: row_of(control).until > first.until + timedelta(seconds=1))
        with pytest.raises(LeaseBusyError), Leases(control).hold("x", wait_seconds=0):
            pass


def test_a_process_that_was_halted_loses_its_lease_and_is_told(control: Control) -> None:
    with child(HOLD, url_of(control), 2) as process:
        assert process.line() == "held"
        os.kill(process.pid, 19)  # SIGSTOP: alive, and silent
        with Leases(control, seconds=30).hold("x", wait_seconds=30) as held:
            os.kill(process.pid, 18)  # SIGCONT
            process.go()
            assert process.line() == "False", "it must know that the lease is no longer its own"
            assert process.line() == "free"
            assert held.is_mine, "the loser must not give back the winner's lease"


def test_check_raises_once_another_has_the_lease(control: Control) -> None:
    with Leases(control).hold("x") as held:
        with control.begin() as connection:
            connection.execute(sa.update(TABLE).values(token="another"))
        with pytest.raises(LeaseLostError, match="gone to another process") as caught:
            held.check()
        assert caught.value.retryable
    assert row_of(control) is not None


def test_a_lease_that_ran_out_is_taken_from_an_unknown_machine(control: Control) -> None:
    now = datetime.now(UTC)
    old = {"name": "x", "token": "t", "owner": "elsewhere/b/1/2/3"}
    with control.begin() as connection:
        connection.execute(sa.insert(TABLE).values(**old, until=now + timedelta(seconds=0.5)))
    with (
        pytest.raises(LeaseBusyError, match="elsewhere"),
        Leases(control).hold("x", wait_seconds=0),
    ):
        pass
    with Leases(control).hold("x", wait_seconds=30):
        assert datetime.now(UTC) >= now + timedelta(seconds=0.5)


def test_an_error_while_giving_back_does_not_hide_the_error_of_the_block(control: Control) -> None:
    def fail() -> None:
        with Leases(control).hold("x"):
            with control.begin() as connection:
                TABLE.drop(connection)
            raise KeyError("the real one")

    with pytest.raises(KeyError, match="the real one"):
        fail()


# argv: URL, file, name. Writes into the file when it comes and when it leaves, ten times.
CROWD = """
import sys, time
from pathlib import Path
from aimwell.store.control import Control
from aimwell.store.leases import Leases
control = Control(sys.argv[1])
leases, name = Leases(control, seconds=30), sys.argv[3]
print("ready")
input()
with open(sys.argv[2], "a", buffering=1) as log:
    for _ in range(10):
        with leases.hold("x", wait_seconds=60):
            log.write(f"in {name}\\n")
            time.sleep(0.002)
            log.write(f"out {name}\\n")
control.close()
"""


def test_what_could_not_be_given_back_is_free_for_the_same_process_at_once(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = Leases(control, seconds=3600)

    def full(_held: object) -> None:
        raise StorageFullError("full")

    with monkeypatch.context() as patch:
        patch.setattr(leases, "_release", full)
        with leases.hold("x"):
            pass
    assert row_of(control) is not None
    with leases.hold("x", wait_seconds=0) as held:
        assert held.is_mine
    assert row_of(control) is None


def test_of_several_processes_only_one_is_inside_at_a_time(
    control: Control, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with (
        child(CROWD, url_of(control), log, "a") as one,
        child(CROWD, url_of(control), log, "b") as two,
        child(CROWD, url_of(control), log, "c") as three,
    ):
        for process in (one, two, three):
            assert process.line() == "ready"
        for process in (one, two, three):
            process.go()
        assert [one.end(), two.end(), three.end()] == [0, 0, 0]
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len(lines) == 60
    for (came, who), (went, same) in list(pairwise(lines))[::2]:
        assert (came, went, who) == ("in", "out", same)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_not_got_the_lease(control: Control) -> None:
    leases = Leases(control)
    with leases.hold("x"):
        pid = os.fork()
        if pid == 0:
            try:
                with leases.hold("x", wait_seconds=0):
                    os._exit(1)
            except LeaseBusyError:
                os._exit(0)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
