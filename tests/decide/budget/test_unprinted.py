"""What HiGHS prints by itself does not come among what a command prints."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from aimwell.decide.budget.unprinted import unprinted

PRINTS = """
import ctypes
from aimwell.decide.budget.unprinted import unprinted
C = ctypes.CDLL(None)
print("before", flush=True)
with unprinted():
    C.puts(b"in the midst")
C.puts(b"after")
C.fflush(None)
print("and later")
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_c_prints_meanwhile_is_gone_and_what_it_prints_later_is_not(unbuffered: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PRINTS],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.split("\n") == ["before", "after", "and later", ""]


def test_the_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), unprinted():
        raise ValueError("inside")
    print("here again")
    assert capfd.readouterr().out == "here again\n"
