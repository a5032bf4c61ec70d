"""What tests of bad input share: the command, a workspace, and a file of orders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aimwell.store.stores import create_stores
from command import Run, command_in


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty workspace, to copy."""
    root = tmp_path_factory.mktemp("made") / "shop"
    create_stores(root, currency="GBP", timezone="Europe/London").close()
    return root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    """A workspace `shop` in the folder of the test."""
    return shutil.copytree(made, tmp_path / "shop")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `aimwell` with arguments, in the folder `tmp_path`."""
    return command_in(tmp_path, monkeypatch, capsys)
