"""Where a warehouse's table lies: a folder on this machine, or a prefix of an object store.

Of a table on a store only its log and the ends of its files (which name their columns) are read; a file is fetched into the
load's own folder once its rows are needed.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyarrow.lib import ArrowInvalid

from aimwell.collect.files import InputFile, Rows, hash_bytes
from aimwell.collect.remote import fetch_object, is_hidden, mark_of, open_store, told
from aimwell.definitions.source_inputs import Storage, TableSpec, is_remote
from aimwell.errors import SourceFileError, nearest
from aimwell.privacy.secrets import read_secret
from aimwell.store.stores import Stores

__all__ = ["Constants", "TablePlace", "constants_of", "open_place"]

Constants = tuple[tuple[str, str | None], ...]

_LOG = "_delta_log"
_DELTA_SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "abfs": "abfs", "az": "az"}


def open_place(stores: Stores, spec: TableSpec, root: Path, folder: Path) -> TablePlace:
    """The place of a table.

    Args:
        stores: With the secrets.
        spec: Which table.
        root: Folder that its path is relative to.
        folder: Where files of a store are fetched to.

    Raises:
        SourceFileError: There is nothing, or it is refused; SourceAwayError: its store cannot be reached now.
    """
    if is_remote(spec.table):
        return _Store(stores, spec, folder)
    return _Folder(spec, root)


class TablePlace(ABC):
    """The files of one table; `name` is how messages call it."""

    def __init__(self, name: str) -> None:
        self.name = name.rstrip("/")

    @property
    @abstractmethod
    def has_log(self) -> bool:
        """Whether it is a Delta table."""

    def look(self) -> None:
        """Raise SourceAwayError or SourceFileError where the place cannot be reached, or no longer is."""
        _ = self.has_log

    @abstractmethod
    def open_delta(self, version: int | None) -> DeltaTable:
        """The Delta table as it was then; raises what `deltalake` raises."""

    @abstractmethod
    def commit(self, version: int) -> str | None:
        """What one version changed, as the log has it; None where it is no longer there."""

    @abstractmethod
    def parquet_files(self) -> list[tuple[str, int, str]]:
        """(path in the table, size, what tells its content) of all Parquet files, in order."""

    @abstractmethod
    def file(self, inside: str, *, size: int, sha256: str, constants: Constants) -> InputFile:
        """One file of rows; `constants` are columns that it has by its place.

        Raises:
            SourceFileError: It is gone or damaged.
        """

    def _columns(self, file: Any, name: str, constants: Constants) -> tuple[str, ...]:
        known = {key for key, _ in constants}
        try:
            return tuple(column for column in pq.read_schema(file).names if column not in known)
        except FileNotFoundError as error:
            raise _gone(name) from error
        except (OSError, ArrowInvalid) as error:
            raise SourceFileError(
                f"'{name}' is not a whole Parquet file. Nothing was taken.", file=name
            ) from error


class _Folder(TablePlace):
    """A table in a folder of this machine."""

    def __init__(self, spec: TableSpec, root: Path) -> None:
        super().__init__(spec.table)
        self._folder = root / spec.table
        if not self._folder.is_dir():
            raise SourceFileError(_absent(self._folder), file=spec.table)

    @property
    def has_log(self) -> bool:
        return (self._folder / _LOG).is_dir()

    def open_delta(self, version: int | None) -> DeltaTable:
        return DeltaTable(str(self._folder), version=version)

    def commit(self, version: int) -> str | None:
        path = self._folder / _LOG / f"{version:020}.json"
        return path.read_text(encoding="utf-8") if path.exists() else None

    def parquet_files(self) -> list[tuple[str, int, str]]:
        found = []
        for path in sorted(self._folder.rglob("*.parquet")):
            inside = path.relative_to(self._folder)
            if not any(part.startswith((".", "_")) for part in inside.parts):
                found.append((inside.as_posix(), *hash_bytes(path)))
        return found

    def file(self, inside: str, *, size: int, sha256: str, constants: Constants) -> InputFile:
        path, name = self._folder / inside, f"{self.name}/{inside}"
        columns = self._columns(path, name, constants)
        return InputFile(path, name, size, sha256, rows=Rows(columns, constants))


class _Store(TablePlace):
    """A table under a prefix of an object store."""

    def __init__(self, stores: Stores, spec: TableSpec, folder: Path) -> None:
        super().__init__(spec.table)
        self._stores, self._storage, self._folder = stores, spec.storage or Storage(), folder
        folder.mkdir(parents=True, exist_ok=True)
        with told(self.name):
            self._system, path = open_store(stores, spec.storage, self.name)
        self._path = path.rstrip("/")

    @property
    def has_log(self) -> bool:
        with told(self.name):
            inside = self._system.ls(self._path, detail=True, refresh=True)
        return _LOG in {PurePosixPath(one["name"]).name for one in inside}

    def open_delta(self, version: int | None) -> DeltaTable:
        scheme, _, rest = self.name.partition("://")
        if scheme not in _DELTA_SCHEMES:
            raise SourceFileError(
                f"'{self.name}' is a Delta table, which can be read from {', '.join(sorted(_DELTA_SCHEMES))}, not from "
                f"{scheme}.",
                file=self.name,
            )
        address = f"{_DELTA_SCHEMES[scheme]}://{rest}"
        return DeltaTable(address, version=version, storage_options=self._options(scheme))

    def _options(self, scheme: str) -> dict[str, str]:
        """How `deltalake` opens the store: as fsspec does, by the definition, else the environment."""
        options = {"timeout": "60s", "connect_timeout": "10s"}
        if _DELTA_SCHEMES[scheme] != "s3":
            return options
        storage = self._storage
        if storage.endpoint is not None:
            options["AWS_ENDPOINT_URL"] = storage.endpoint
            options["AWS_ALLOW_HTTP"] = str(storage.endpoint.startswith("http://")).lower()
        if storage.region is not None:
            options["AWS_REGION"] = storage.region
        if storage.anonymous:
            options["AWS_SKIP_SIGNATURE"] = "true"
        if storage.key is not None:
            options["AWS_ACCESS_KEY_ID"] = read_secret(self._stores, storage.key)
        if storage.secret is not None:
            options["AWS_SECRET_ACCESS_KEY"] = read_secret(self._stores, storage.secret)
        return options

    def commit(self, version: int) -> str | None:
        path = f"{self._path}/{_LOG}/{version:020}.json"
        with told(self.name):
            try:
                return bytes(self._system.cat_file(path)).decode()
            except FileNotFoundError:
                return None

    def parquet_files(self) -> list[tuple[str, int, str]]:
        with told(self.name):
            found = self._system.find(self._path, detail=True)
        return [
            (name[len(self._path) :].lstrip("/"), int(info["size"]), self._content(name, info))
            for name, info in sorted(found.items())
            if name.endswith(".parquet") and not is_hidden(name, self._path)
        ]

    def _content(self, name: str, info: dict[str, Any]) -> str:
        """What tells an object from what was there before: its store's mark, which saves fetching it, else its bytes."""
        mark = mark_of(info)
        if mark is not None:
            return hashlib.sha256(json.dumps([name, mark]).encode()).hexdigest()
        sha256, _ = fetch_object(self._system, name, name, self._folder / "unmarked")
        return sha256

    def file(self, inside: str, *, size: int, sha256: str, constants: Constants) -> InputFile:
        far, name = f"{self._path}/{inside}", f"{self.name}/{inside}"
        with told(name):
            try:
                with self._system.open(far, "rb") as end:
                    columns = self._columns(end, name, constants)
            except FileNotFoundError as error:
                raise _gone(name) from error
        near = self._folder / f"{sha256}.parquet"
        later = partial(fetch_object, self._system, far, name, near)
        return InputFile(near, name, size, sha256, rows=Rows(columns, constants), fetch=later)


def constants_of(inside: str) -> Constants:
    """The columns that `name=value` folders tell."""
    told_ = [part.split("=", 1) for part in PurePosixPath(inside).parts[:-1] if "=" in part]
    return tuple(
        (key, None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value))
        for key, value in told_
    )


def _gone(name: str) -> SourceFileError:
    return SourceFileError(
        f"The table's file '{name}' is gone; it was cleaned away meanwhile. Try again.", file=name
    )


def _absent(folder: Path) -> str:
    try:
        names = [path.name for path in folder.parent.iterdir() if path.is_dir()]
    except OSError:
        return f"There is no table {folder}, and no such folder."
    return f"There is no table {folder}. {nearest(folder.name, names)}"
