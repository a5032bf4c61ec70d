"""Everything that a source reads, brought to where it can be read: files found, archives unpacked, objects and rows fetched.

What comes from elsewhere becomes a file of the load's own folder. What was read up to now is noted once every load of the
source has ended, so whoever is killed meanwhile reads the same again, and rows that are known are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from aimwell.collect.archives import is_archive, unzip
from aimwell.collect.checksums import check_files
from aimwell.collect.databases import read_database
from aimwell.collect.files import InputFile, find_files, open_input
from aimwell.collect.progress import keep_progress, read_progress
from aimwell.collect.raw import form_of
from aimwell.collect.remote import fetch_files, read_object
from aimwell.collect.warehouse import find_table
from aimwell.definitions.kinds.source import Entity, Source
from aimwell.definitions.source_inputs import DatabaseSpec, FileSpec, TableSpec, is_remote
from aimwell.errors import SourceFileError
from aimwell.store.stores import Stores

__all__ = ["Gathered", "Progress", "gather", "note_progress"]

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how far it is, and how far it goes (None: unknown)."""


@dataclass(frozen=True)
class Gathered:
    """Name of an input → its files; how far each was read, to be noted when all is taken; and the inputs that may be
    absent, and are."""

    inputs: dict[str, list[InputFile]] = field(default_factory=dict)
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def entities(self, source: Source) -> list[Entity]:
        """What can be read of a source: all of it, but what comes from, or is looked up in, an input that is absent.

        Raises:
            SourceFileError: That is nothing.
        """
        absent = set(self.absent)
        found = [
            entity
            for entity in source.entities
            if absent.isdisjoint({source.file_of(entity), *(join.file for join in entity.join)})
        ]
        if not found:
            names = ", ".join(self.absent)
            raise SourceFileError(
                f"There is none of the files of '{source.name}' ({names}). Nothing was taken. Put at least one of them "
                "there, under the name that the definition gives it (`aimwell collect source NAME --root FOLDER`).",
                file=self.absent[0],
            )
        return found


def gather(
    stores: Stores,
    source: Source,
    root: Path,
    folder: Path,
    tell: Progress,
    *,
    names: Sequence[str] | None = None,
    from_start: bool = False,
    rows_max: int | None = None,
) -> Gathered:
    """Find and fetch what a source reads.

    Args:
        stores: With the secrets, and how far inputs were read before.
        source: The definition.
        root: Folder that paths are relative to.
        folder: Where what is fetched or unpacked goes; it must stay as long as anything is read.
        tell: Told what is being done.
        names: Of the inputs; default: all.
        from_start: Read databases and tables from their beginning, whatever was read before.
        rows_max: Fetch so many rows of a database at most, for a preview.
    """
    done = Gathered()
    local: dict[str, list[tuple[str, Path]]] = {}
    # What is looked up must be there for any row, so it is read whole each time.
    looked_up = {join.file for entity in source.entities for join in entity.join}
    for name in source.files if names is None else names:
        spec = source.files[name]
        own = folder / name
        whole = from_start or name in looked_up
        before = {} if whole else read_progress(stores, source.name, name)
        if isinstance(spec, DatabaseSpec):
            tell(f"reading the database of {name}", 0, None)
            done.inputs[name], done.progress[name] = read_database(
                stores, spec, own, name=name, before=before, rows_max=rows_max
            )
        elif isinstance(spec, TableSpec):
            found = find_table(stores, spec, root, own, before=before)
            done.inputs[name], done.progress[name] = found
        elif any(is_remote(path) for path in spec.path):
            tell(f"fetching {name}", 0, None)
            fetched = fetch_files(stores, spec, root, own)
            check_files(fetched, spec.checksum, partial(_beside, stores, spec, root))
            done.inputs[name] = _opened(source, spec, fetched, own)
        else:
            local[name] = find_files(spec, root)
    for name, files in _hashed(local, tell).items():
        spec = source.files[name]
        assert isinstance(spec, FileSpec)  # noqa: S101 - others were read above
        check_files(files, spec.checksum, partial(_beside, stores, spec, root))
        done.inputs[name] = _opened(source, spec, files, folder / name)
    absent = tuple(
        name
        for name, files in done.inputs.items()
        if not files and isinstance(source.files[name], FileSpec)
    )
    return replace(done, absent=absent)


def _beside(stores: Stores, spec: FileSpec, root: Path, name: str) -> bytes | None:
    """A file that stands beside those of a source, by its name below the root, or its address; None: there is none."""
    if is_remote(name):
        return read_object(stores, spec.storage, name)
    try:
        return (root / name).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceFileError(f"'{name}' cannot be read: {error.strerror}.", file=name) from error


def _hashed(local: dict[str, list[tuple[str, Path]]], tell: Progress) -> dict[str, list[InputFile]]:
    total = sum(path.stat().st_size for files in local.values() for _, path in files)
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        tell("looking at files", done, total)

    return {
        name: [open_input(*file, advance=advance) for file in files]
        for name, files in local.items()
    }


def _opened(
    source: Source, spec: FileSpec, files: Sequence[InputFile], folder: Path
) -> list[InputFile]:
    """The files, each archive replaced by the files in it. A spreadsheet and a Parquet file are no archives."""
    if form_of(source, spec).format in ("excel", "parquet"):
        return list(files)
    found: list[InputFile] = []
    for number, file in enumerate(files):
        if file.fetch is not None or not is_archive(file.path):
            found.append(file)
            continue
        inside = folder / f"zip-{number:06d}"
        inside.mkdir(parents=True)
        found += [
            open_input(f"{file.name}/{member.name}", member.path)
            for member in unzip(file.path, inside, name=file.name)
        ]
    return found


def note_progress(stores: Stores, source: Source, gathered: Gathered, *, now: datetime) -> None:
    """Say that all that was gathered has been taken."""
    for name, state in gathered.progress.items():
        if state:
            keep_progress(stores, source.name, name, state, now=now)
