"""A full disk: told as such, nothing half written, and all is well once there is room again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from aimwell.errors import StorageFullError, WorkspaceError
from aimwell.store.control import insert_missing
from aimwell.store.disk import Changes, is_full, remove_stale_parts, settle
from aimwell.store.engine import DuckDBEngine
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import create_stores, open_stores
from child import child
from lake_rows import events
from small_disk import WAYS, SmallDisk, small_disk_of

META = metadata.tables["workspace_meta"]


@pytest.fixture(params=WAYS)
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk_of(8, tmp_path / "small disk", way=request.param) as disk:
        yield disk


def many_rows(number: int) -> pa.Table:
    """Rows that do not compress well."""
    return events([os.urandom(24).hex() for _ in range(number)])


def test_an_append_to_a_full_disk_leaves_the_table_and_the_disk_as_they_were(
    small_disk: SmallDisk,
) -> None:
    # Opened anew, so that the log of the control database does not fill what is left.
    create_stores(small_disk.folder / "shop").close()
    stores = open_stores(small_disk.folder / "shop")
    stores.lake.append("events", events(["a"]), transaction=("load", 1))
    before = sorted(
        path for path in (small_disk.folder / "shop" / "lake").rglob("*") if path.is_file()
    )
    small_disk.fill(1_000_000)
    for rows in (many_rows(60_000), many_rows(60_000).to_batches(max_chunksize=1000)):
        with pytest.raises(StorageFullError, match="nothing was added to the table 'events'"):
            stores.lake.append("events", rows, transaction=("load", 2))
        found = sorted(
            path for path in (small_disk.folder / "shop" / "lake").rglob("*") if path.is_file()
        )
        assert found == before, "what was half written is gone, so that the disk is not fuller"
    small_disk.free()
    assert stores.lake.append("events", events(["b"]), transaction=("load", 2))
    assert len(stores.lake.pin("events").tables["events"].files) == 2
    stores.close()


def test_the_control_database_on_a_full_disk_takes_nothing_and_then_all(
    small_disk: SmallDisk,
) -> None:
    stores = create_stores(small_disk.folder / "shop")
    small_disk.fill(0)

    def write() -> None:
        rows = [{"key": f"k{i}", "value": "x" * 5000} for i in range(100)]
        with stores.control.begin() as connection:
            insert_missing(connection, META, rows)

    with pytest.raises(StorageFullError) as caught:
        write()
    assert caught.value.retryable
    count = sa.select(sa.func.count()).select_from(META).where(META.c.key.like("k_%"))
    with stores.control.read() as connection:
        assert connection.execute(count).scalar() == 0
    small_disk.free()
    write()
    with stores.control.read() as connection:
        assert connection.execute(count).scalar() == 100
    stores.close()


def test_a_lease_on_a_full_disk_is_told_as_full(small_disk: SmallDisk) -> None:
    stores = create_stores(small_disk.folder / "shop")
    small_disk.fill(0)

    def hold_many() -> None:
        with ExitStack() as held:
            for number in range(100):
                held.enter_context(stores.leases.hold(f"lease {number} {'x' * 10_000}"))

    with pytest.raises(StorageFullError):
        hold_many()
    stores.close()


def test_a_query_that_spills_onto_a_full_disk_is_told_as_full(small_disk: SmallDisk) -> None:
    engine = DuckDBEngine(memory_mb=100, threads=2, temp_root=small_disk.folder)
    big = sql("SELECT md5(CAST(r AS TEXT)) AS a FROM range(8000000) AS t(r) ORDER BY a")
    small_disk.fill(1_000_000)
    with engine.session() as session, pytest.raises(StorageFullError, match="Free some space"):
        session.materialise("t", big)
    assert not list(small_disk.folder.glob("aimwell-spill-*"))


def test_a_workspace_on_a_full_disk_is_refused_and_made_once_there_is_room(
    small_disk: SmallDisk,
) -> None:
    small_disk.fill(0)
    with pytest.raises((StorageFullError, WorkspaceError)):
        create_stores(small_disk.folder / "shop")
    small_disk.free()
    create_stores(small_disk.folder / "shop").close()


# argv: the folder. The system lets no file of this process grow beyond a limit.
LIMITED = """
import resource, sys
from pathlib import Path
from aimwell.errors import StorageFullError
from aimwell.store.stores import create_stores
from lake_rows import events
from small_disk import WAYS, SmallDisk, small_disk_of
stores = create_stores(Path(sys.argv[1]))
stores.lake.append("events", events(["a"]))
before = sorted((stores.root / "lake").rglob("*"))
rows = events([f"{i * 7919 % 1000003}-{i}" for i in range(300_000)])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    stores.lake.append("events", rows, transaction=("load", 1))
except StorageFullError as error:
    print(error.retryable, sorted((stores.root / "lake").rglob("*")) == before, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print(stores.lake.append("events", rows, transaction=("load", 1)), flush=True)
stores.close()
"""


def test_files_that_may_not_grow_are_told_as_a_full_disk(tmp_path: Path) -> None:
    with child(LIMITED, tmp_path / "shop") as process:
        assert process.line() == "True True"
        assert process.line() == "True"
        assert process.end() == 0


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EFBIG, "File too large"), True),
        (RuntimeError("object store: No space left on device (os error 28)"), True),
        (RuntimeError("write failed: os error 122"), True),
        (RuntimeError('Could not write file "part": File too large'), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (RuntimeError("os error 2"), False),
        (RuntimeError("os error 281"), False),
    ],
)
def test_a_full_disk_is_known_by_number_and_by_words(error: BaseException, full: bool) -> None:
    assert is_full(error) is full


def test_settling_takes_files_and_their_folders(tmp_path: Path) -> None:
    file = tmp_path / "a b#é"
    file.write_text("x")
    settle([file])
    settle([])
    with pytest.raises(FileNotFoundError):
        settle([tmp_path / "none"])


def test_changes_are_the_files_that_came_since_the_log_last(tmp_path: Path) -> None:
    log = tmp_path / "_delta_log"
    log.mkdir()
    (tmp_path / "old").write_text("")
    changes = Changes(tmp_path)
    assert changes.new() == []
    new = [tmp_path / "a", tmp_path / "z", log / "0.json"]
    for path in reversed(new):
        path.write_text("")
    assert changes.new() == new
    changes.remove_unused([str(tmp_path / "z")])
    assert changes.new() == [tmp_path / "z", log / "0.json"]
    assert (tmp_path / "old").exists()


def test_a_folder_that_is_not_there_yet_has_no_files(tmp_path: Path) -> None:
    assert Changes(tmp_path / "none").new() == []
    assert remove_stale_parts(tmp_path / "none", older_than_hours=0) == 0
