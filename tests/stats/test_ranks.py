"""Ranks that equal values share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from aimwell.stats.ranks import shared_ranks


@given(st.lists(st.integers(-5, 5) | st.floats(-1e9, 1e9), max_size=40))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    assert shared_ranks(np.array(values)).tolist() == rankdata(values).tolist()


def test_ranks_of_true_and_false() -> None:
    assert shared_ranks(np.array([True, False, True])).tolist() == [2.5, 1.0, 2.5]


def test_measuring_does_not_wait_for_scipys_distributions() -> None:
    """They take half of the time that the command needs to start."""
    told = "import aimwell.cli.measure, sys; print('scipy.stats' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
