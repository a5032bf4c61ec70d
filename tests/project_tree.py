"""The project as files, for the tests that hold the house together; nothing here imports the package."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["PACKAGE", "ROOT", "module_name", "modules", "parsed", "pyproject", "tracked_files"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "aimwell"


@cache
def modules() -> tuple[Path, ...]:
    """Every module of the package, without the migrations: Alembic runs those, nobody imports them."""
    files = (file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py"))
    return tuple(sorted(PACKAGE / file for file in files if "migrations" not in file.parts))


def module_name(file: Path) -> str:
    """`src/aimwell/store/sql.py` → `aimwell.store.sql`."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@cache
def pyproject() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def tracked_files() -> tuple[Path, ...]:
    """The files that git tracks and that are there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    return tuple(file for file in files if file.is_file())
