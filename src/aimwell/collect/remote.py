"""Objects of S3-compatible stores and other places that fsspec knows, fetched into the load's own folder.

An object that was fetched before, and whose store gives it the same mark (ETag, else time) and size, is not fetched again
unless its rows are needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from aimwell.collect.files import InputFile, find_files
from aimwell.collect.progress import keep_object, known_object
from aimwell.definitions.source_inputs import FileSpec, Storage, is_remote
from aimwell.errors import AimwellError, SourceAwayError, SourceFileError
from aimwell.privacy.secrets import read_secret
from aimwell.store.stores import Stores

__all__ = [
    "fetch_files",
    "fetch_object",
    "is_hidden",
    "mark_of",
    "open_store",
    "read_object",
    "store_options",
    "told",
]

_CHUNK_BYTES = 4 << 20
_OBJECTS_MAX = 100_000
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 60, 3
_MAGIC = set("*?[")
_S3 = ("s3", "s3a")


def fetch_files(stores: Stores, spec: FileSpec, root: Path, folder: Path) -> list[InputFile]:
    """The objects that the addresses of `spec` mean, in order, each once; local paths among them are local files.

    Raises:
        SourceFileError: There is no such object, or the store refuses us.
        SourceAwayError: The store cannot be reached now.
    """
    from aimwell.collect.files import open_input

    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, InputFile] = {}
    for pattern in spec.path:
        if not is_remote(pattern):
            alone = spec.model_copy(update={"path": (pattern,), "storage": None})
            local = find_files(alone, root)
            found |= {name: open_input(name, path) for name, path in local}
            continue
        with told(pattern):
            system, path = open_store(stores, spec.storage, pattern)
            objects = _listed(system, path, may_be_absent=spec.may_be_absent)
        objects = [one for one in objects if not spec.is_checksum(PurePosixPath(one["name"]).name)]
        if not objects and not spec.may_be_absent:
            raise SourceFileError(
                f"There is no object '{pattern}'. Nothing was taken.", file=pattern
            )
        for info in objects:
            place = len(found)
            address = f"{pattern.split('://', 1)[0]}://{info['name']}"
            found[address] = _object(stores, system, info, address, folder / f"{place:06d}")
    return list(found.values())


def open_store(stores: Stores, storage: Storage | None, address: str) -> tuple[Any, str]:
    """The file system that an address is of, and the path there."""
    system, path = fsspec.core.url_to_fs(address, **store_options(stores, storage, address))
    # What was there a moment ago may be gone, so a listing that is kept is worth nothing.
    system.invalidate_cache()
    return system, str(path)


def store_options(stores: Stores, storage: Storage | None, pattern: str) -> dict[str, Any]:
    """How the file system is opened. Secrets are read here and go nowhere else."""
    if pattern.split("://", 1)[0] not in _S3:
        return {}
    storage = storage or Storage()
    config = {
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "retries": {"max_attempts": _ATTEMPTS},
    }
    client = {"endpoint_url": storage.endpoint, "region_name": storage.region}
    options: dict[str, Any] = {
        "anon": storage.anonymous,
        "client_kwargs": {key: value for key, value in client.items() if value},
        "config_kwargs": config,
        "skip_instance_cache": True,
    }
    if storage.key is not None:
        options["key"] = read_secret(stores, storage.key)
    if storage.secret is not None:
        options["secret"] = read_secret(stores, storage.secret)
    return options


def _listed(system: Any, path: str, *, may_be_absent: bool) -> list[dict[str, Any]]:
    """The objects at a path, pattern or folder."""
    if _MAGIC & set(path):
        infos = list(system.glob(path, detail=True).values())
    else:
        try:
            info = system.info(path)
        except FileNotFoundError:
            if may_be_absent:
                return []
            raise
        if info["type"] != "directory":
            return [info]
        infos = list(system.find(path, detail=True).values())
        infos = [one for one in infos if not is_hidden(one["name"], path)]
    files = [one for one in infos if one["type"] == "file"]
    if len(files) > _OBJECTS_MAX:
        raise SourceFileError(
            f"'{path}' means {len(files):,} objects, more than {_OBJECTS_MAX:,}; take them in parts.",
            file=path,
        )
    return sorted(files, key=lambda one: str(one["name"]))


def is_hidden(name: str, folder: str) -> bool:
    inside = PurePosixPath(name[len(folder) :].lstrip("/"))
    return name.endswith("/") or any(part.startswith((".", "_")) for part in inside.parts)


def _object(
    stores: Stores, system: Any, info: dict[str, Any], address: str, target: Path
) -> InputFile:
    """An object, fetched now or when it is needed."""
    mark = mark_of(info)
    known = known_object(stores, address, mark) if mark else None
    if known is not None and not address.endswith(".zip"):
        sha256, size = known
        later = partial(fetch_object, system, info["name"], address, target)
        return InputFile(target, address, size, sha256, fetch=later)
    sha256, size = fetch_object(system, info["name"], address, target)
    if size == 0:
        raise SourceFileError(
            f"'{address}' is empty: it has not even a header. Nothing was taken.", file=address
        )
    if mark:
        keep_object(stores, address, mark, sha256, size)
    return InputFile(target, address, size, sha256)


def mark_of(info: dict[str, Any]) -> str | None:
    """What tells an object from what was there before under its name; None where its store tells nothing."""
    tag = info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("mtime")
    return f"{tag}:{info.get('size')}" if tag else None


def fetch_object(system: Any, name: str, address: str, target: Path) -> tuple[str, int]:
    """Copy an object, piece by piece; (SHA-256, size)."""
    digest, size = hashlib.sha256(), 0
    with told(address), system.open(name, "rb") as far, target.open("wb") as near:
        while chunk := far.read(_CHUNK_BYTES):
            digest.update(chunk)
            near.write(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def read_object(stores: Stores, storage: Storage | None, address: str) -> bytes | None:
    """A small object whole; None where there is none."""
    with told(address):
        system, path = open_store(stores, storage, address)
        try:
            return bytes(system.cat_file(path))
        except FileNotFoundError:
            return None


@contextmanager
def told(address: str) -> Iterator[None]:
    """Say in our words what became of a call; the store's own words may hold keys."""
    try:
        yield
    except AimwellError:
        raise
    except ImportError as error:
        raise SourceFileError(
            f"'{address}' needs a library that is not installed. For S3: pip install 'aimwell[s3]'.",
            file=address,
        ) from error
    except FileNotFoundError as error:
        raise SourceFileError(
            f"There is no object '{address}' (or no such bucket). Nothing was taken.", file=address
        ) from error
    except PermissionError as error:
        raise SourceFileError(
            f"The store refuses to show '{address}': the keys are wrong or may not read it. Look at `storage`, or the "
            "environment that it is left to. Nothing was taken.",
            file=address,
        ) from error
    except Exception as error:
        if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
            raise SourceFileError(
                f"There are no keys for '{address}'. Say where they are by `storage`, or set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY; a public bucket takes `storage: {anonymous: true}`.",
                file=address,
            ) from error
        if isinstance(error, ValueError):
            raise SourceFileError(
                f"'{address}' is no address that can be read. Nothing was taken.", file=address
            ) from error
        raise SourceAwayError(
            f"'{address}' cannot be reached now ({type(error).__name__}). Nothing was taken; try again later.",
            place=address,
        ) from error
