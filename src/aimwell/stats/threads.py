"""Fitting on one thread.

OpenBLAS starts as many threads as there are cores and lets them spin while they wait for each other. For matrices of a
few dozen columns that gains nothing, and on a machine that has other work it costs ten times the fit. One thread also
adds up in one order, so that machines with few and with many cores give the same model, to the last digit.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread", "one_thread"]


@functools.lru_cache(maxsize=1)
def _controller(_modules: int) -> ThreadpoolController:
    """Finds the loaded libraries, which takes 10 ms and more: anew only once further modules were imported."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block, the numeric libraries of this process run on one thread.

    The limit is the process's. Where several threads are inside, the first one's limit counts and goes with it; the
    others then merely take more time. What is imported inside is not limited.
    """
    with _controller(len(sys.modules)).limit(limits=1):
        yield


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """As `one_thread`, for linear algebra alone."""
    with _controller(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield
