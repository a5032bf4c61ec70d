"""Models of this stage in the workspace: a row in the control table `models` and a JSON file beside the others.

The file's SHA-256 is in the row and is checked before the file is read. Nothing that runs is ever in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from aimwell.errors import SegmentError, StorageFullError, nearest
from aimwell.store.disk import is_full, settle
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["KIND_WORDS", "has_model", "keep_model", "read_model"]

_models = metadata.tables["models"]

KIND_WORDS: Mapping[str, str] = {
    "clusters": "groups",
    "latent_classes": "latent classes",
    "score_card": "points",
    "look_alikes": "look-alikes",
    "micro_segments": "micro-segments",
}
"""Kind in the registry → what such a model is one of."""


class _Kept(Protocol):
    def to_json(self) -> str: ...


ModelT = TypeVar("ModelT")


def keep_model(
    stores: Stores,
    model: _Kept,
    *,
    kind: str,
    name: str,
    as_of: datetime,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    now: datetime,
    snapshot: Snapshot | None = None,
) -> int:
    """Keep a model as a new version of its name; returns the version.

    Args:
        stores: The workspace.
        model: What to keep.
        kind: One of KIND_WORDS.
        name: Of the model.
        as_of: Moment of what it was fitted to.
        settings: What it was asked for.
        metrics: What it was found to be worth.
        now: When it was trained.
        snapshot: The versions of the lake's tables that it was fitted to, for the record.

    Raises:
        SegmentError: A model of another kind has this name.
    """
    content = model.to_json().encode()
    with stores.control.begin() as connection:
        rows = connection.execute(
            sa.select(_models.c.version, _models.c.kind).where(_models.c.name == name)
        ).all()
        if any(row.kind != kind for row in rows):
            raise SegmentError(
                f"The name '{name}' belongs to a model of another kind. Take another name."
            )
        version = max((row.version for row in rows), default=0) + 1
        _write(_path(stores, kind, name, version), content)
        connection.execute(
            sa.insert(_models).values(
                name=name,
                version=version,
                kind=kind,
                as_of=as_of,
                settings=dict(settings),
                metrics=dict(metrics),
                files={_file(kind): hashlib.sha256(content).hexdigest()},
                lake_versions=snapshot.versions if snapshot is not None else {},
                trained_at=now,
            )
        )
    return version


def has_model(stores: Stores, name: str, *, kind: str) -> bool:
    """Whether any version of a model of this kind is kept."""
    kept = sa.select(_models.c.version).where(_models.c.name == name, _models.c.kind == kind)
    with stores.read_control() as connection:
        return connection.execute(kept.limit(1)).first() is not None


def read_model(
    stores: Stores,
    name: str,
    *,
    kind: str,
    read: Callable[[str], ModelT],
    version: int | None = None,
) -> tuple[ModelT, int]:
    """A model that was kept, the newest version or the given one, and which version it is.

    Args:
        stores: The workspace.
        name: Of the model.
        kind: One of KIND_WORDS.
        read: Makes it from its text.
        version: Which; default: the newest.

    Raises:
        SegmentError: There is none, or its file is missing or is not what was written.
    """
    with stores.read_control() as connection:
        query = sa.select(_models).where(_models.c.kind == kind).order_by(_models.c.version)
        rows = list(connection.execute(query))
    known = sorted({row.name for row in rows})
    if name not in known:
        raise SegmentError(
            f"There is no model of {KIND_WORDS[kind]} '{name}'. {nearest(name, known)}"
        )
    wanted = [row for row in rows if row.name == name and version in (None, row.version)]
    if not wanted:
        raise SegmentError(f"The model '{name}' has no version {version}.")
    row = wanted[-1]
    return read(_read(_path(stores, kind, name, row.version), row)), int(row.version)


def _file(kind: str) -> str:
    return f"{kind}.json"


def _path(stores: Stores, kind: str, name: str, version: int) -> Path:
    # The name is hashed, so that no character in it can lead out of the folder.
    folder = hashlib.sha256(name.encode()).hexdigest()[:16]
    return stores.folder("models") / f"{kind}-{folder}-{version}" / _file(kind)


def _write(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        settle([draft])
        draft.replace(path)
        settle([path])
    except OSError as error:
        if is_full(error):
            raise StorageFullError(
                "The disk is full: the model was not kept. Free some space and keep it again."
            ) from error
        raise


def _read(path: Path, row: Any) -> str:
    about = f"the model '{row.name}', version {row.version}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SegmentError(
            f"The file of {about} cannot be read: {error.strerror}. Fit it anew."
        ) from error
    if hashlib.sha256(content).hexdigest() != row.files.get(_file(row.kind)):
        raise SegmentError(
            f"The file of {about} is not what was written. It may be damaged or tampered with; fit it anew."
        )
    return content.decode()
