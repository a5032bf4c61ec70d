"""Workspaces in difficult places, damaged ones, and a control database that is away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aimwell.settings import FILE_NAME
from command import Run
from live_server import free_port
from read_only import run_read_only
from trial_shop import TAKE, documents, orders


@pytest.mark.parametrize("folder", ["with spaces, é ü ß 店", "# + & a'b"])
def test_the_whole_way_works_in_a_folder_of_any_usual_name(run: Run, folder: str) -> None:
    root = Path(folder).absolute() / "work shop"
    run("init", root, "--currency", "GBP")
    Path("orders.csv").write_text(orders(0, 60), encoding="utf-8")
    Path("spring.yaml").write_text(documents(), encoding="utf-8")
    run("collect", "orders", "orders.csv", *TAKE, "-w", root)
    run("apply", "spring.yaml", "-w", root)
    plan = run("decide", "plan", "spring", "-w", root, "--json").json
    run("decide", "approve", plan["plan_id"], "-w", root)
    sent = run("deliver", "run", plan["plan_id"], "-w", root, "--json").json
    assert sent["messages"]["sent"][""] == len(list((root / "outbox").rglob("*.eml"))) > 0


@pytest.mark.parametrize("folder", ["a*b", "a[b]", "what?"])
def test_a_path_that_reads_as_a_pattern_is_refused_and_nothing_is_made(
    run: Run, tmp_path: Path, folder: str
) -> None:
    assert "cannot lie in" in run("init", folder, code=1).err
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_or_cannot_be_one_is_refused(run: Run, tmp_path: Path) -> None:
    Path("file").write_text("mine", encoding="utf-8")
    assert "is a file" in run("init", "file", code=1).err
    assert "cannot be written" in run("init", "file/below", code=1).err
    assert Path("file").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_workspace_that_cannot_be_written_says_so(workspace: Path) -> None:
    ran = run_read_only(workspace, "unify", "-w", str(workspace), "--json")
    assert ran.returncode == 1
    assert f"The folder {workspace} cannot be written" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_control_database_that_is_away_is_told_without_its_password(
    run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIMWELL_CONTROL_URL", f"postgresql://ann:geheim@127.0.0.1:{free_port()}/shop"
    )
    for arguments in (["init", "new"], ["get", "-w", workspace], ["unify", "-w", workspace]):
        told = run(*arguments, code=1)
        assert "cannot be reached" in told.err
        assert "geheim" not in told.err + told.out
        assert "Traceback" not in told.err
    monkeypatch.delenv("AIMWELL_CONTROL_URL")
    run("get", "-w", workspace)


DAMAGE = [
    (FILE_NAME, b'currency = "pou', 1, "not valid TOML"),
    (FILE_NAME, b"\xff\xfe", 1, "not UTF-8"),
    ("control.sqlite3", b"garbage" * 500, 1, "not a database"),
]


@pytest.mark.parametrize(("name", "content", "code", "words"), DAMAGE)
def test_a_damaged_workspace_is_told_and_left_as_it_is(
    run: Run, workspace: Path, name: str, content: bytes, code: int, words: str
) -> None:
    for file in workspace.glob(f"{name}*"):
        file.unlink()
    (workspace / name).write_bytes(content)
    for arguments in (["get"], ["unify"], ["collect", "status"]):
        assert words in run(*arguments, "-w", workspace, code=code).err
    assert (workspace / name).read_bytes() == content


def test_a_lake_that_is_damaged_or_gone_is_told_by_its_file(run: Run, workspace: Path) -> None:
    Path("orders.csv").write_text(orders(0, 60), encoding="utf-8")
    run("collect", "orders", "orders.csv", *TAKE, "-w", workspace)
    [file] = (workspace / "lake" / "orders").glob("*.parquet")
    good = file.read_bytes()
    file.write_bytes(good[:-40])
    told = run("segment", "rfm", "-w", workspace, code=1).err
    assert f"{file} is damaged" in "".join(told.splitlines())
    assert "SELECT" not in told
    file.unlink()
    assert "restore the lake" in run("segment", "rfm", "-w", workspace, code=1).err
    file.write_bytes(good)
    assert run("segment", "rfm", "-w", workspace, "--json").json
    shutil.rmtree(workspace / "lake" / "orders")
    assert "Repair the workspace" in run("segment", "rfm", "-w", workspace, code=1).err
