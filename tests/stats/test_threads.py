"""One thread inside the block, as many as before afterwards, whoever else is inside."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from aimwell.stats.threads import one_blas_thread, one_thread

One = Callable[[], AbstractContextManager[None]]


def threads() -> set[int]:
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


@pytest.fixture(autouse=True)
def two_threads() -> object:
    assert np.eye(2).sum() == 2
    with threadpool_limits(limits=2, user_api="blas"):
        yield


@pytest.mark.parametrize("one", [one_blas_thread, one_thread])
def test_inside_there_is_one_thread_and_afterwards_as_many_as_before(one: One) -> None:
    assert threads() == {2}
    with one():
        assert threads() == {1}
        with one():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == {2}


def test_an_error_inside_lifts_the_limit() -> None:
    with pytest.raises(KeyError), one_blas_thread():
        raise KeyError
    assert threads() == {2}


def test_two_at_once_that_overlap_leave_as_many_as_before() -> None:
    """The first to enter is the first to leave: had the second one restored what it saw, one thread would stay."""
    entered, may_leave = threading.Event(), threading.Event()

    def second() -> None:
        with one_blas_thread():
            entered.set()
            may_leave.wait(10)

    other = threading.Thread(target=second)
    with one_blas_thread():
        other.start()
        assert entered.wait(10)
        assert threads() == {1}
    may_leave.set()
    other.join(10)
    assert threads() == {2}


def test_a_library_that_was_imported_later_is_limited_too() -> None:
    """In a process of its own: here everything has been imported."""
    code = (
        "from aimwell.stats.threads import one_thread\n"
        "with one_thread(): pass\n"
        "import sklearn.cluster\n"
        "from threadpoolctl import threadpool_info\n"
        "with one_thread(): print({one['user_api']: one['num_threads'] for one in threadpool_info()})\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "'openmp': 1" in told.stdout
