"""The contract of the layers catches what it is for: tried on a small house with one import in it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project_tree import PACKAGE, ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def floors() -> list[str]:
    """The rooms as `.importlinter` lists them, without the brackets."""
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter")
    lines = contract["importlinter:contract:floors"]["layers"].split()
    return [line.strip("()") for line in lines if line != "|"]


def house(folder: Path, rooms: list[str]) -> Path:
    """A package of empty rooms under the project's own contract."""
    package = folder / "aimwell"
    package.mkdir()
    (package / "__init__.py").touch()
    for room in rooms:
        (package / room).mkdir()
        (package / room / "__init__.py").touch()
    shutil.copy(ROOT / ".importlinter", folder)
    return package


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("room", "imports", "kept"),
    [
        ("store", "settings", True),
        ("privacy", "definitions", True),
        ("segment", "history", True),
        ("workspace", "simulate", True),
        ("cli", "workspace", True),
        ("simulate", "errors", True),
        ("settings", "store", False),
        ("definitions", "privacy", False),
        ("history", "segment", False),
        ("workspace", "server", False),
        ("cli", "server", False),
        ("simulate", "settings", False),
        ("simulate", "measure", False),
        ("errors", "settings", False),
    ],
)
def test_a_room_may_import_rooms_below_it_only(
    tmp_path: Path, room: str, imports: str, kept: bool
) -> None:
    package = house(tmp_path, floors())
    (package / room / "topic.py").write_text(f"def work():\n    from aimwell.{imports} import x\n")
    result = lint(tmp_path)
    assert (result.returncode == 0) is kept, result.stdout


def test_a_room_that_has_no_floor_is_refused(tmp_path: Path) -> None:
    house(tmp_path, [*floors(), "attic"])
    result = lint(tmp_path)
    assert result.returncode == 1
    assert "attic" in result.stdout


def test_a_house_that_is_still_being_built_is_accepted(tmp_path: Path) -> None:
    house(tmp_path, ["errors", "store", "simulate"])
    result = lint(tmp_path)
    assert result.returncode == 0, result.stdout


def test_every_room_of_the_package_has_a_floor() -> None:
    rooms = {file.stem for file in PACKAGE.iterdir() if (file / "__init__.py").exists()}
    rooms |= {file.stem for file in PACKAGE.glob("*.py") if not file.stem.startswith("__")}
    assert rooms <= set(floors())
