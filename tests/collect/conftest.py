"""Workspaces for the tests of this room: an empty one is made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimwell.store.stores import Stores, create_stores, open_stores
from collecting import Shop
from workspaces import new_workspace

IDENTITY_KEY = bytes(range(32))


@pytest.fixture(scope="session")
def empty_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty workspace in pounds; do not open it."""
    root = tmp_path_factory.mktemp("empty") / "workspace"
    stores = create_stores(root, identity_key=IDENTITY_KEY, currency="GBP", country="GB")
    stores.close()
    return root


@pytest.fixture
def stores(empty_workspace: Path, tmp_path: Path) -> Iterator[Stores]:
    """A workspace of the test's own."""
    root = shutil.copytree(empty_workspace, tmp_path / "workspace")
    opened = open_stores(root)
    yield opened
    opened.close()


@pytest.fixture
def shop(stores: Stores, tmp_path: Path) -> Shop:
    """The workspace, and an empty folder of files."""
    folder = tmp_path / "files"
    folder.mkdir()
    return Shop(stores, folder)


@pytest.fixture
def shop_on_both(control_url: str, tmp_path: Path) -> Iterator[Shop]:
    """A workspace on each of the two control databases."""
    folder = tmp_path / "files"
    folder.mkdir()
    stores = new_workspace(
        tmp_path / "workspace",
        identity_key=IDENTITY_KEY,
        control_url=control_url,
        currency="GBP",
        country="GB",
    )
    yield Shop(stores, folder)
    stores.close()
