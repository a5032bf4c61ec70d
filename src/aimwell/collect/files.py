"""The files of a source: found under their root folder, told apart by the hash of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aimwell.definitions.source_inputs import FileSpec
from aimwell.errors import SourceFileError, nearest

__all__ = ["InputFile", "Rows", "find_files", "hash_bytes", "no_header", "open_input"]

_CHUNK_BYTES = 1 << 20
_MAGIC = set("*?[")
_NEIGHBOURS_MAX = 1_000

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Rows:
    """Rows that lie in Parquet already: those of a database, written by us (`ours`: all text, under their numbers), or
    of a table that is read where it lies. `constants` are columns whose value the file's place tells.
    """

    columns: tuple[str, ...]
    constants: tuple[tuple[str, str | None], ...] = ()
    ours: bool = False


@dataclass(frozen=True)
class InputFile:
    """One file as it was when it was hashed; `name` is its path below the root.

    `rows` is set where it is no file of a source, but rows. `fetch` brings a file that lies elsewhere to `path`; it was
    not fetched again because its store says that it has not changed.
    """

    path: Path
    name: str
    size_bytes: int
    sha256: str
    rows: Rows | None = None
    fetch: Callable[[], object] | None = field(default=None, compare=False, repr=False)


def find_files(spec: FileSpec, root: Path) -> list[tuple[str, Path]]:
    """(name, path) of all files that the paths, folders and patterns of `spec` mean, in order, each once.

    A folder means the files in it and below, but those whose name begins with a point or an underscore. What may be
    absent, and is, gives none.

    Raises:
        SourceFileError: There is no such file; names the nearest.
    """
    found: dict[str, Path] = {}
    for pattern in spec.path:
        if (root / pattern).is_dir():
            paths = _in_folder(root / pattern)
        elif _MAGIC & set(pattern):
            paths = sorted(path for path in root.glob(pattern) if path.is_file())
        else:
            paths = [root / pattern]
        paths = [path for path in paths if not spec.is_checksum(path.name)]
        if not paths or not all(path.is_file() for path in paths):
            if spec.may_be_absent:
                continue
            raise SourceFileError(_absent(pattern, root), file=pattern)
        found |= {path.relative_to(root).as_posix(): path for path in paths}
    return list(found.items())


def _in_folder(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )


def _absent(pattern: str, root: Path) -> str:
    if (root / pattern).is_dir():
        return f"The folder '{pattern}' in {root} is empty."
    what = "No file fits" if _MAGIC & set(pattern) else "There is no file"
    root = root.resolve()
    folder = (root / pattern).parent
    try:
        names = [p.name for _, p in zip(range(_NEIGHBOURS_MAX), folder.iterdir(), strict=False)]
    except OSError:
        return f"{what} '{pattern}' in {root}: there is no such folder."
    return f"{what} '{pattern}' in {root}. {nearest(Path(pattern).name, names)}"


_EXAMPLES = {
    "orders": "order_id, ordered_at",
    "customers": "customer_id, email",
    "products": "sku, category",
    "events": "customer_id, event, occurred_at",
    "rates": "date, from_currency, rate",
}


def no_header(file: str, columns: int, *, entity: str) -> str:
    """What to do about a file whose first line is none of names. Its values may be personal: none is told."""
    return (
        f"Line 1 of '{file}' looks like data, not a header ({columns} columns), and nothing was taken. Put a line "
        f"with the columns' names on top, or name them in a source definition: files: {{rows: {{path: {file}, "
        f"header: false, columns: [{_EXAMPLES[entity]}, ...]}}}}, and take it with `aimwell collect source NAME`."
    )


def open_input(name: str, path: Path, *, advance: Advance | None = None) -> InputFile:
    """Hash a file. Raises SourceFileError where it is empty or cannot be read."""
    try:
        size, digest = hash_bytes(path, advance=advance)
    except OSError as error:
        raise SourceFileError(f"'{name}' cannot be read: {error.strerror}.", file=name) from error
    if size == 0:
        raise SourceFileError(
            f"'{name}' is empty: it has not even a header. Nothing was taken; fetch the file again.",
            file=name,
        )
    return InputFile(path, name, size, digest)


def hash_bytes(path: Path, *, advance: Advance | None = None) -> tuple[int, str]:
    """Size and SHA-256 of a file's bytes."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            if advance:
                advance(len(chunk))
    return size, digest.hexdigest()
