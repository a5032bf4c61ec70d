"""Finds the folder of real data sets that tests and benchmarks read.

`AIMWELL_DATA` names it; without that, `shared/data` beside the checkout is tried. The data sets are never
copied into the project, so where the folder is absent a test says so and skips.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["data_folder", "data_path"]

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_folder() -> Path | None:
    """The folder of data sets, or None where there is none."""
    folder = Path(os.environ.get("AIMWELL_DATA", _DEFAULT))
    return folder if folder.is_dir() else None


def data_path(name: str) -> Path:
    """The path of one data file, as `"online-retail/online_retail.csv.gz"`; skips where it is absent."""
    folder = data_folder()
    if folder is None:
        pytest.skip("The folder of data sets is absent; set AIMWELL_DATA to run this test.")
    path = folder / name
    if not path.exists():
        pytest.skip(f"The data set {name} is absent from {folder}.")
    return path
