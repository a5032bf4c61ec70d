"""What a C library prints by itself, kept out of the standard output.

HiGHS writes lines of its own there in the midst of some problems, whatever its options say, and they would stand among the JSON of a command.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["unprinted"]

_STANDARD_OUTPUT = 1
_one_at_a_time = threading.Lock()


@contextmanager
def unprinted() -> Iterator[None]:
    """Nothing is printed to the process's standard output meanwhile, by any of its threads."""
    with _one_at_a_time:
        try:
            kept = os.dup(_STANDARD_OUTPUT)
        except OSError:
            # A service without a standard output prints nothing anyway.
            yield
            return
        sys.stdout.flush()
        try:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), _STANDARD_OUTPUT)
            yield
        finally:
            # C keeps lines back where the output is no terminal.
            ctypes.CDLL(None).fflush(None)
            os.dup2(kept, _STANDARD_OUTPUT)
            os.close(kept)
