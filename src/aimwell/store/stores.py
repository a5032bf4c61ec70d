"""The stores of one workspace, opened together: what every stage's service is handed."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from aimwell.errors import ControlAwayError, ControlBusyError, WorkspaceError
from aimwell.settings import FILE_NAME, Settings, load_settings, render_toml
from aimwell.store.belonging import (
    claim,
    has_rows,
    lake_id,
    refuse_foreign,
    refuse_rows,
    write_whole,
)
from aimwell.store.control import Control, insert_missing, upsert
from aimwell.store.engine import DuckDBEngine, Engine
from aimwell.store.lake import Lake, refuse_unusable_path
from aimwell.store.leases import Leases
from aimwell.store.pins import Pins
from aimwell.store.revisions import current_revision, head_revision
from aimwell.store.schema import metadata
from aimwell.store.tables import LAKE_TABLES
from aimwell.store.versions import Snapshot

__all__ = ["Stores", "connect", "control_file", "create_stores", "open_stores"]

_meta = metadata.tables["workspace_meta"]
_audit = metadata.tables["audit_log"]
_NOTE_SECONDS = 2.0
_KEPT = ("workspace_id", "identity_key", "token_key")
# What a PostgreSQL server says where waiting does not help; whatever else keeps us out may pass.
_REFUSED = re.compile("authentication failed|does not exist|pg_hba.conf|no password supplied")


@dataclass(frozen=True)
class Stores:
    """The opened stores of the workspace at `root`.

    `engine` computes on this machine; `history_engine` over everybody's history, on a cluster where settings say so.
    `identity_key` keys the hashes of identifiers and the ids of origins; `token_key` the tokens in links.
    """

    root: Path
    settings: Settings
    control: Control
    lake: Lake
    engine: Engine
    history_engine: Engine
    leases: Leases
    workspace_id: str
    identity_key: bytes = field(repr=False)
    token_key: bytes = field(repr=False)

    def folder(self, name: str) -> Path:
        """A folder of the workspace (`models`, `reports`, `outbox` …), made when it is missing."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def read_control(self) -> Iterator[sa.Connection]:
        """A reading transaction on the control database."""
        with self.control.read() as connection:
            yield connection

    def pin(self, snapshot: Snapshot, *, owner: str, until: datetime) -> None:
        """Keep the files of `snapshot` through vacuums until then (or `unpin`).

        Raises:
            StoreError: A vacuum was quicker; read the newest version instead.
        """
        Pins(self.control).pin(snapshot, owner=owner, until=until)
        self.lake.pinned(snapshot.versions)

    def unpin(self, owner: str) -> int:
        """Give up all pins of `owner`; returns how many there were."""
        return Pins(self.control).unpin(owner)

    def audit(self, action: str, *, actor: str, subject: str | None = None, **detail: Any) -> None:
        """Write one line to the audit log: ids and counts only, never personal data."""
        with self.control.begin() as connection:
            self.audit_within(connection, action, actor=actor, subject=subject, **detail)

    def audit_within(
        self,
        connection: sa.Connection,
        action: str,
        *,
        actor: str,
        subject: str | None = None,
        **detail: Any,
    ) -> None:
        """The same, in a transaction of the caller's."""
        connection.execute(
            sa.insert(_audit).values(
                occurred_at=datetime.now(UTC),
                actor=actor,
                action=action,
                subject=subject,
                detail=detail or None,
            )
        )

    def close(self) -> None:
        """Give back connections."""
        self.control.close()


def create_stores(root: Path, *, identity_key: bytes | None = None, **overrides: Any) -> Stores:
    """Make a workspace in the folder `root`; harmless where one is already.

    Args:
        root: The folder; it may exist and hold other files.
        identity_key: 32 bytes, for a workspace that must give the same ids again (tests, the demo);
            random otherwise.
        overrides: Settings to write into `aimwell.toml` (only when the file is new).

    Raises:
        WorkspaceError: The path cannot hold a workspace, or a lake lies in it whose control database is gone.
        SettingsError: A setting is wrong.
    """
    root = Path(os.path.abspath(root))
    refuse_unusable_path(root)
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root} is a file; a workspace is a folder. Choose another name.")
    file = root / FILE_NAME
    settings = load_settings(file, **overrides)
    try:
        # Closed to others, because the vault lies in it; a folder that is there keeps its rights.
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            write_whole(file, render_toml(load_settings(None, environment={}, **overrides)))
    except OSError as error:
        raise WorkspaceError(f"The folder {root} cannot be written: {error.strerror}.") from error
    if _is_lost(root, settings):
        refuse_rows(root / "lake", lacking="There is no control database")
    control = connect(root, settings)
    if current_revision(control) is None:
        refuse_rows(root / "lake", lacking="The control database is empty")
    _upgrade(control)
    meta = {
        "workspace_id": uuid.uuid4().hex,
        "identity_key": (identity_key or secrets.token_bytes(32)).hex(),
        "token_key": secrets.token_hex(32),
    }
    with control.begin() as connection:
        insert_missing(connection, _meta, [{"key": k, "value": v} for k, v in meta.items()])
    return _with_lake(_assemble(root, settings, control), certain=False)


def open_stores(root: Path, **overrides: Any) -> Stores:
    """Open the workspace in `root`; stores of an older version are brought to this one first.

    Raises:
        WorkspaceError: There is no workspace, its control database cannot be reached, or its lake belongs to
            another one.
    """
    root = Path(os.path.abspath(root))
    if not (root / FILE_NAME).exists():
        raise WorkspaceError(
            f"{root} is not a workspace (it has no {FILE_NAME}). Make one with: aimwell init {root}"
        )
    settings = load_settings(root / FILE_NAME, **overrides)
    lost = _is_lost(root, settings)
    control = None if lost else connect(root, settings)
    found = None if control is None else current_revision(control)
    if control is None or found is None:
        refuse_rows(root / "lake", lacking=f"The control database is {'gone' if lost else 'empty'}")
        raise WorkspaceError(
            f"The control database of {root} is {'not there' if lost else 'empty'}. Finish the workspace with: aimwell init {root}"
        )
    if found != head_revision():
        _upgrade(control)
    return _with_lake(_assemble(root, settings, control), certain=True)


def _upgrade(control: Control) -> None:
    # Imported here, because it brings Alembic, and nearly every start finds nothing to upgrade.
    from aimwell.store.migrate import upgrade

    upgrade(control)


def _with_lake(stores: Stores, *, certain: bool) -> Stores:
    """Make or widen the lake's tables; with `certain`, trust the note that this version has done so."""
    refuse_foreign(stores.lake.root, stores.workspace_id)
    own_id = _own_lake(stores, certain=certain)
    shape = hashlib.sha256()
    for table in LAKE_TABLES.values():
        shape.update(f"{table.name}\n{table.schema}\n\n".encode())
    wanted = {"key": "lake_tables", "value": shape.hexdigest()}
    with stores.control.read() as connection:
        known = connection.execute(
            sa.select(_meta.c.value).where(_meta.c.key == wanted["key"])
        ).scalar()
    if known != wanted["value"] or not certain:
        stores.lake.create()
        with stores.control.begin() as connection:
            upsert(connection, _meta, [wanted], update=("value",))
    claim(stores.lake.root, stores.workspace_id, own_id)
    return stores


def _own_lake(stores: Stores, *, certain: bool) -> str:
    """The id of this lake, as the control database knows it.

    Raises:
        WorkspaceError: The control database belongs to a lake in another folder: with two of them each machine would
            see a part of what is known.
    """
    with stores.control.read() as connection:
        query = sa.select(_meta.c.value).where(_meta.c.key == "lake_id")
        known = connection.execute(query).scalar()
    noted = lake_id(stores.lake.root, stores.workspace_id)
    if known is None:
        return _note_lake(stores, noted or uuid.uuid4().hex, replace=False)
    if noted is None and (certain or has_rows(stores.lake.root)):
        return str(known)
    # A process that makes the same workspace at this moment has told the database first, and notes it soon.
    deadline = time.monotonic() + _NOTE_SECONDS
    while noted is None and time.monotonic() < deadline:
        time.sleep(0.05)
        noted = lake_id(stores.lake.root, stores.workspace_id)
    if noted == known:
        return str(known)
    if noted is None and not _was_used(stores):
        # It was killed before it could. Where that lies in another folder, it is that one which is refused from now on.
        return _note_lake(stores, uuid.uuid4().hex, replace=True)
    raise WorkspaceError(
        f"The control database belongs to the lake of another folder than {stores.root}. Several machines share one "
        "folder of the workspace (each with an inbox of its own, AIMWELL_INBOX_FOLDER); to begin anew, name an empty "
        "control database."
    )


def _note_lake(stores: Stores, value: str, *, replace: bool) -> str:
    row = {"key": "lake_id", "value": value}
    with stores.control.begin() as connection:
        if replace:
            upsert(connection, _meta, [row], update=("value",))
        else:
            insert_missing(connection, _meta, [row])
        query = sa.select(_meta.c.value).where(_meta.c.key == "lake_id")
        return str(connection.execute(query).scalar_one())


def _was_used(stores: Stores) -> bool:
    """Whether anything was ever taken into the lake."""
    with stores.control.read() as connection:
        return any(
            connection.execute(sa.select(metadata.tables[name].c.seq).limit(1)).first()
            for name in ("loads", "flushes")
        )


def connect(root: Path, settings: Settings, *, read_only: bool = False) -> Control:
    """The control database of the workspace in `root`; with `read_only` nothing is made or changed.

    Raises:
        ControlAwayError: It cannot be reached now.
        WorkspaceError: It cannot be reached with these settings, or is no database.
    """
    control = Control(_control_url(root, settings), read_only=read_only)
    try:
        with control.read() as connection:
            connection.execute(sa.text("SELECT 1"))
    except (DBAPIError, ControlBusyError) as error:
        folder = Path(str(control.url.database)).parent
        if control.is_sqlite and folder.is_dir() and not os.access(folder, os.W_OK):
            raise WorkspaceError(
                f"The folder {folder} cannot be written, and the control database writes beside its "
                "file even to read. Give yourself the right to write there, or copy the workspace to "
                "where you have it."
            ) from error
        cause = error.orig if isinstance(error, DBAPIError) else error.__cause__
        reason = str(getattr(cause, "orig", cause)).strip().split("\n")[0]
        passing = isinstance(error, ControlBusyError) and not _REFUSED.search(reason)
        raise (ControlAwayError if passing else WorkspaceError)(
            f"The control database {control.url.render_as_string(hide_password=True)} cannot be reached: "
            f"{reason}. Check control_url in {FILE_NAME} or AIMWELL_CONTROL_URL."
        ) from error
    return control


def control_file(root: Path, settings: Settings) -> Path | None:
    """The file of the control database, whether it is there or not; None: it is no file of ours to look at."""
    url = _control_url(root, settings)
    if isinstance(url, str) or url.get_backend_name() != "sqlite":
        return None
    name = url.database or ""
    return None if name in {"", ":memory:"} or name.startswith("file:") else Path(name)


def _is_lost(root: Path, settings: Settings) -> bool:
    file = control_file(root, settings)
    return file is not None and not file.exists()


def _control_url(root: Path, settings: Settings) -> str | sa.URL:
    if settings.control_url:
        return _in_folder(root, settings.control_url)
    # The path goes in as a part of the URL object, so that '#', '%' and spaces mean themselves.
    return sa.URL.create("sqlite+pysqlite", database=str(root / "control.sqlite3"))


def _in_folder(root: Path, text: str) -> str | sa.URL:
    """The URL, a relative SQLite file taken from the workspace and not from wherever the command runs."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        return text
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in {"", ":memory:"} or name.startswith("file:"):
        return url
    return url.set(database=str(root / name))


def _assemble(root: Path, settings: Settings, control: Control) -> Stores:
    with control.read() as connection:
        meta = {row.key: row.value for row in connection.execute(sa.select(_meta))}
    if lacking := [name for name in _KEPT if name not in meta]:
        refuse_rows(root / "lake", lacking=f"The control database lacks {' and '.join(lacking)}")
        raise WorkspaceError(
            f"The control database of {root} is not finished. Finish the workspace with: aimwell init {root}"
        )
    leases = Leases(control, seconds=settings.lease_seconds)
    engine = DuckDBEngine(memory_mb=settings.engine_memory_mb, threads=settings.engine_threads)
    return Stores(
        root=root,
        settings=settings,
        control=control,
        lake=Lake(root / "lake", leases.hold, Pins(control).versions),
        engine=engine,
        history_engine=engine if settings.engine == "duckdb" else _spark(settings),
        leases=leases,
        workspace_id=meta["workspace_id"],
        identity_key=bytes.fromhex(meta["identity_key"]),
        token_key=bytes.fromhex(meta["token_key"]),
    )


def _spark(settings: Settings) -> Engine:
    # Imported here, because it is an extra.
    try:
        from aimwell.store.spark.engine import SparkEngine
    except ModuleNotFoundError as error:
        raise WorkspaceError(
            f'engine = "spark" in {FILE_NAME} needs {error.name}, which is not installed. Install it with: pip install '
            '"aimwell[spark]"'
        ) from error
    return SparkEngine(
        master=settings.spark_master,
        memory_mb=settings.engine_memory_mb,
        threads=settings.engine_threads,
    )
