"""How the command fails: no traceback, the right exit code, one JSON document, nothing personal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aimwell.cli import unify as unify_command
from command import Run

WORDS_OF_A_ROW = "ann@example.com"


@pytest.mark.parametrize(
    ("error", "words", "kind"),
    [
        (KeyError(WORDS_OF_A_ROW), "Aimwell made a mistake (KeyError at", "KeyError"),
        (RecursionError(), "Aimwell made a mistake (RecursionError", "RecursionError"),
        (MemoryError(), "not enough memory", "MemoryError"),
        (
            PermissionError(13, "Permission denied", "/x/y"),
            "Permission denied (/x/y)",
            "PermissionError",
        ),
        (KeyboardInterrupt(), "Interrupted", "KeyboardInterrupt"),
    ],
)
def test_an_error_that_nobody_foresaw_is_told_in_words_and_without_values(
    run: Run,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    words: str,
    kind: str,
) -> None:
    def fail(*_given: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(unify_command, "bring_up_to_date", fail)
    told = run("unify", "-w", workspace, "--json", code=1)
    assert words in told.err
    assert told.json["error"]["kind"] == kind
    assert WORDS_OF_A_ROW not in told.err + told.out
    assert "Traceback" not in told.err


def test_whoever_looks_for_the_mistake_can_have_all_of_it(
    run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object, **_named: object) -> None:
        raise KeyError

    monkeypatch.setattr(unify_command, "bring_up_to_date", fail)
    monkeypatch.setenv("AIMWELL_TRACEBACK", "1")
    with pytest.raises(KeyError):
        run("unify", "-w", workspace)


def test_a_wrong_call_gives_one_document_too(run: Run, workspace: Path) -> None:
    for arguments in (["unify", "--nonsense"], ["nonsense"], ["decide", "plan"]):
        told = run(*arguments, "--json", code=2)
        assert told.json["error"]["kind"] == "UsageError"
        assert "nonsense" in told.err or "Missing argument" in told.err
    assert run("get", "offer", "none", "-w", workspace, "--json", code=1).json["error"]["kind"]


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("policy", "--gain", "inf"),
        ("policy", "--seed", "-1"),
        ("policy", "--days", "inf"),
        ("uplift", "--seed", "-1"),
        ("uplift", "--days", "1e12"),
        ("timing", "--gain", "inf"),
        ("timing", "--seed", "-1"),
        ("offer", "--days", "99999999"),
        ("simulate", "--every", "inf"),
        ("offer", "--contact-cost", "inf"),
    ],
)
def test_numbers_that_nothing_can_be_are_refused_with_what_is_allowed(
    run: Run, workspace: Path, command: str, option: str, value: str
) -> None:
    told = run("decide", command, "x", option, value, "-w", workspace, "--json", code=2)
    assert f"'{option}'" in told.err
    assert "than or equal to" in told.err


def test_a_moment_before_all_records_is_refused(run: Run, workspace: Path) -> None:
    run("apply", _offer(), "-w", workspace)
    told = run("decide", "offer", "ten", "--as-of", "0001-01-05", "-w", workspace, code=2)
    assert "lies before 1900" in told.err


def _offer() -> Path:
    file = Path("offer.yaml")
    file.write_text("{kind: offer, name: ten, benefit: {percent: 10}}", encoding="utf-8")
    return file


def test_a_segment_with_two_arms_in_one_call_is_not_half_forgotten(
    run: Run, workspace: Path
) -> None:
    twice = ("--rule", "vip=ten", "--rule", "vip=five")
    told = run("decide", "policy", "x", *twice, "-w", workspace, "--json", code=2)
    assert "'vip' stands for both 'ten' and 'five'" in told.json["error"]["message"]


def test_outside_a_workspace_the_command_says_how_to_make_one(run: Run) -> None:
    for arguments in (["get"], ["collect", "status"], ["unify"], ["decide", "plans"]):
        told = run(*arguments, "--json", code=1)
        assert "Make one with: aimwell init" in told.err
        assert told.json["error"]["kind"] == "WorkspaceError"


def test_a_reader_that_goes_away_is_no_error_to_tell(workspace: Path) -> None:
    """As with `aimwell tables | head -1`."""
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [Path(sys.executable).with_name("aimwell"), "tables"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
