"""Linear algebra on one thread, while small models are fitted.

OpenBLAS starts as many threads as there are cores and lets them spin while they wait for each other. For matrices of a
few dozen columns that gains nothing, and on a machine that has other work it costs ten times the fit. One thread also
adds up in one order, so that machines with few and with many cores give the same model.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]


@functools.cache
def _controller() -> ThreadpoolController:
    """Finds the loaded libraries, which takes 10 ms; numpy and scipy have been imported by whoever calls."""
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside the block, linear algebra of this process runs on one thread.

    The limit is the process's. Where several threads are inside, the first one's limit counts and goes with it; the
    others then merely take more time.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield
