"""Work that is begun again where a file that it read was removed meanwhile."""

from __future__ import annotations

import pytest

from aimwell.errors import SnapshotGoneError, StoreError
from aimwell.store.again import again_where_gone


def test_work_whose_file_went_is_begun_again_but_not_for_ever() -> None:
    failures = [SnapshotGoneError("gone"), SnapshotGoneError("gone")]
    begun = 0

    def work() -> str:
        nonlocal begun
        begun += 1
        if failures:
            raise failures.pop()
        return "done"

    assert (again_where_gone(work), begun) == ("done", 3)
    failures += [SnapshotGoneError("gone")] * 4
    with pytest.raises(SnapshotGoneError):
        again_where_gone(work)
    assert begun == 6


def test_other_faults_are_told_at_once() -> None:
    def work() -> None:
        raise StoreError("damaged")

    with pytest.raises(StoreError, match="damaged"):
        again_where_gone(work)
