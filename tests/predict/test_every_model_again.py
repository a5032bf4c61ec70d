"""Every kind of model, twice: the same data, moment and seed give the same answer, byte by byte, also in another process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimwell.store.stores import Stores, open_stores
from every_model import KINDS, add_everything, told
from shop import make_stores

_CHILD = """
import json, sys
from pathlib import Path
from aimwell.store.stores import open_stores
from every_model import KINDS, told

stores = open_stores(Path(sys.argv[1]))
print(json.dumps({kind: told(kind, stores) for kind in KINDS}))
stores.close()
"""


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, Path]]:
    """A shop, and a copy of it from before anything was asked."""
    folder = tmp_path_factory.mktemp("again")
    stores = make_stores(folder, margin_default=0.4)
    add_everything(stores)
    stores.close()
    copy = shutil.copytree(stores.root, folder / "copy")
    opened = open_stores(stores.root)
    yield opened, copy
    opened.close()


@pytest.fixture(scope="module")
def elsewhere(shops: tuple[Stores, Path]) -> dict[str, Any]:
    """What another process with other threads and another order of hashes finds in the copy."""
    _, copy = shops
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(copy)],
        env={
            **os.environ,
            **threads,
            "AIMWELL_ENGINE_THREADS": "3",
            "PYTHONHASHSEED": "12345",
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_data_and_seed_give_the_same_answer_in_every_process(
    kind: str, shops: tuple[Stores, Path], elsewhere: dict[str, Any]
) -> None:
    here = told(kind, shops[0])
    assert here
    assert here == elsewhere[kind]
