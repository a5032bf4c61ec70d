"""Processes from the nursery are as any others, but for the imports that they find done."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from child import Child, child


def test_it_runs_the_source_with_its_arguments_environment_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOLD_TO_IT", "yes")
    source = """
    import os, sys
    print(sys.argv[1:], os.environ["TOLD_TO_IT"], os.getcwd(), __name__, flush=True)
    print(input())
    """
    with child(source, 1, "two") as process:
        assert process.line() == f"['1', 'two'] yes {tmp_path} __main__"
        process.go()
        assert process.end() == 0


@pytest.mark.parametrize(
    ("source", "code"),
    [("raise SystemExit(7)", 7), ("import sys; sys.exit()", 0), ("1 / 0", 1), ("1 +", 1)],
)
def test_its_exit_code_is_that_of_an_interpreter(source: str, code: int) -> None:
    with child(source) as process:
        assert process.end() == code


def test_what_it_complains_of_is_told_where_it_said_nothing() -> None:
    with child("import no_such_module") as process, pytest.raises(AssertionError) as told:
        process.line()
    assert "ModuleNotFoundError: No module named 'no_such_module'" in str(told.value)


def test_a_warning_is_an_error_and_what_is_due_at_the_end_is_done() -> None:
    source = """
    import atexit, warnings
    atexit.register(lambda: print("at the end", flush=True))
    warnings.warn("beware")
    """
    with child(source) as process:
        assert process.line() == "at the end"
        assert process.end() == 1


def test_processes_share_nothing_but_what_was_imported() -> None:
    source = """
    import os, wave
    print(hasattr(wave, "seen"), flush=True)
    wave.seen = True
    os.environ["SEEN"] = "yes"
    input()
    """
    with child(source) as one, child(source) as two:
        assert one.line() == "False"
        assert two.line() == "False"
        assert one.pid != two.pid
        one.go()
        assert one.end() == 0
        assert not two.wait(0.05)


def test_modules_named_by_a_source_or_beside_it_are_there_at_its_beginning() -> None:
    ends = [child("import colorsys"), child("", imports=["sched"])]
    for process in ends:
        with process as one:
            assert one.end() == 0
    looking = (
        "import sys\nprint([name in sys.modules for name in ('colorsys', 'sched')], flush=True)"
    )
    with child(looking) as process:
        assert process.line() == "[True, True]"


def test_a_killed_one_is_told_as_killed_and_the_next_one_begins() -> None:
    source = "import time\nprint('ready', flush=True)\ntime.sleep(60)"
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = Child(source)
        assert process.line() == "ready"
        process.send(number)
        assert process.wait(30)
        assert process.end() == -number
        process.close()
        assert not Path(f"/proc/{process.pid}").exists()


def test_one_that_is_closed_is_gone() -> None:
    with child("import time; time.sleep(60)") as process:
        assert not process.wait(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
