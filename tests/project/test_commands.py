"""The commands that the README promises are there, explain themselves and do not hide a failure."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project_tree import ROOT

PROMISED = {"help", "demo", "test", "test-fast", "test-long", "check", "bench", "lock", "install"}
# A make that runs these tests must not hand its own switches to the one that they run.
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
}


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=CLEAN | environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_make_help_lists_every_target_with_a_line() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", run("make", "help").stdout, re.MULTILINE))
    assert targets >= PROMISED
    assert set(listed) == targets


def test_help_is_what_make_does_alone() -> None:
    assert run("make").stdout == run("make", "help").stdout


@pytest.mark.parametrize(("code", "expected"), [("true", 0), ("false", 2)])
def test_the_integration_run_passes_on_how_make_test_ended(
    tmp_path: Path, code: str, expected: int
) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / "Makefile").write_text(f"test:\n\t@{code}\n\t@echo 3 passed\n")
    ended = run(str(tmp_path / ".ci" / "run"), cwd=Path("/"))
    assert ended.returncode == expected
    assert ("3 passed" in ended.stdout) is (code == "true")


def test_an_unfit_python_is_refused_with_what_to_do() -> None:
    ended = run("bash", "-c", "source scripts/common.sh; find_python", PYTHON="false")
    assert ended.returncode == 1
    assert "PYTHON is 'false', which is not a Python of 3.11 or later" in ended.stderr


def test_where_no_python_is_found_the_message_says_what_to_install(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    ended = run(bash, "-c", "source scripts/common.sh; find_python", PATH=str(tmp_path), PYTHON="")
    assert ended.returncode == 1
    assert "apt-get install python3 python3-venv" in ended.stderr


def test_a_python_is_found_beside_a_name_that_does_not_run(tmp_path: Path) -> None:
    broken = tmp_path / "python3.11"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    (tmp_path / "python3").symlink_to(sys.executable)
    path = f"{tmp_path}:/nowhere"
    bash = shutil.which("bash")
    assert bash
    ended = run(bash, "-c", "source scripts/common.sh; find_python", PATH=path, PYTHON="")
    assert ended.stdout == "python3\n"


def test_without_roots_rights_the_missing_package_is_named(tmp_path: Path) -> None:
    somebody = tmp_path / "id"
    somebody.write_text("#!/bin/sh\necho 1000\n")
    somebody.chmod(0o755)
    ended = run(
        "bash", "-c", "source scripts/common.sh; need 'the OpenMP library' libgomp1; echo went on",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )  # fmt: skip
    assert ended.returncode == 1
    assert "went on" not in ended.stdout
    assert "the OpenMP library is missing" in ended.stderr
    assert "sudo apt-get install libgomp1" in ended.stderr


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()), ids=lambda file: file.name)
def test_a_script_is_well_formed_and_can_be_run(script: Path) -> None:
    if script.suffix == "":
        assert os.access(script, os.X_OK), "it is run by its name, so it must be executable"
    if script.suffix in {"", ".sh"}:
        assert run("bash", "-n", str(script)).stderr == ""


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A project with two benchmarks and a part that they share."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "run_benchmarks.py", tmp_path / "scripts")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "_shared.py").write_text("raise SystemExit('must not be run')")
    (tmp_path / "benchmarks" / "rules.py").write_text("import sys; print('rules', sys.argv[1:])")
    (tmp_path / "benchmarks" / "broken.py").write_text("raise SystemExit(1)")
    return tmp_path


def test_benchmarks_run_one_by_one_on_a_machine_that_is_named(bench: Path) -> None:
    ended = run(sys.executable, "scripts/run_benchmarks.py", "rules", "--quick", cwd=bench)
    assert ended.returncode == 0, ended.stderr
    assert "rules ['--quick']" in ended.stdout
    assert re.search(r"^Processor .*\d+ cores", ended.stdout, re.MULTILINE)
    assert str(bench) not in ended.stdout


def test_a_failed_benchmark_does_not_stop_the_others_but_is_told(bench: Path) -> None:
    ended = run(sys.executable, "scripts/run_benchmarks.py", cwd=bench)
    assert ended.returncode == 1
    assert "rules []" in ended.stdout
    assert ended.stderr == "\nFailed: broken\n"


def test_an_unknown_benchmark_is_refused_with_the_known_ones(bench: Path) -> None:
    ended = run(sys.executable, "scripts/run_benchmarks.py", "rulez", cwd=bench)
    assert ended.returncode == 2
    assert "no benchmark named rulez; there are: broken, rules" in ended.stderr
