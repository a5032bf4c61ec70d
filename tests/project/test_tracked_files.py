"""No tracked file tells where it was written, or from which index its libraries came."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from project_tree import ROOT, pyproject, tracked_files

_HOMES = re.compile(rb"/(?:home|Users)/[A-Za-z_][\w.-]*/")
_INDEX_SETTINGS = ("index-url", "find-links", "trusted-host", "default-index")


def places_of_this_machine() -> set[str]:
    """Folders that only this machine has: the checkout and what it lies in, the home folder."""
    shared_by_all = {
        Path("/"),
        Path("/home"),
        Path("/srv"),
        Path("/opt"),
        Path("/usr"),
        Path("/var"),
    }
    temporary = Path(tempfile.gettempdir()).resolve()
    folders = {ROOT, ROOT.parent, Path.home().resolve()} - shared_by_all - {temporary}
    return {f"{folder}/" for folder in folders}


def package_indexes() -> set[str]:
    """Hosts and folders from which pip and uv fetch here, but for the public index."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = [line.partition("=")[::2] for line in told.splitlines()]
    values = [
        str(ast.literal_eval(value)) for name, value in settings if name.endswith(_INDEX_SETTINGS)
    ]
    values += [value for name, value in os.environ.items() if re.match(r"(PIP|UV)_.*INDEX", name)]
    places = [
        re.sub(r"^[a-z+]+://([^/@]*@)?", "", place) for value in values for place in value.split()
    ]
    return {place.rstrip("/") for place in places if not place.startswith("pypi.org")} - {""}


def files_with(pattern: re.Pattern[bytes]) -> list[str]:
    return [str(f.relative_to(ROOT)) for f in tracked_files() if pattern.search(f.read_bytes())]


def test_no_tracked_file_names_a_folder_or_package_index_of_this_machine() -> None:
    places = sorted(places_of_this_machine() | package_indexes())
    assert files_with(re.compile(b"|".join(re.escape(place.encode()) for place in places))) == []


def test_no_tracked_file_names_somebodys_home() -> None:
    assert files_with(_HOMES) == []


def test_the_changelog_tells_of_this_version() -> None:
    version = re.escape(pyproject()["project"]["version"])
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = re.search(
        rf"^## {version}\b[^\n]*\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL
    )
    assert entry, f"CHANGELOG.md has no entry for {version}"
    assert re.search(r"^- \S", entry[1], re.MULTILINE), "the entry says nothing"
