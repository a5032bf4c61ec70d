"""Models of groups in the workspace: a row in the control table `models` and a JSON file beside the others.

The file's SHA-256 is in the row and is checked before the file is read.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aimwell.errors import SegmentError, StorageFullError, nearest
from aimwell.segment.cluster_model import ClusterModel
from aimwell.store.disk import is_full, settle
from aimwell.store.lake import Snapshot
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["load_clusters", "save_clusters"]

_models = metadata.tables["models"]
_KIND = "clusters"
_FILE = "clusters.json"


def save_clusters(
    stores: Stores, model: ClusterModel, *, now: datetime, snapshot: Snapshot | None = None
) -> int:
    """Keep a model as a new version of its name; returns the version.

    Args:
        stores: The workspace.
        model: What to keep.
        now: When it was trained.
        snapshot: The versions of the lake's tables that it was fitted to, for the record.

    Raises:
        SegmentError: A model of another kind has this name.
    """
    content = model.to_json().encode()
    with stores.control.begin() as connection:
        rows = connection.execute(
            sa.select(_models.c.version, _models.c.kind).where(_models.c.name == model.name)
        ).all()
        if any(row.kind != _KIND for row in rows):
            raise SegmentError(
                f"The name '{model.name}' belongs to a model of another kind. Take another name."
            )
        version = max((row.version for row in rows), default=0) + 1
        _write(_path(stores, model.name, version), content)
        connection.execute(
            sa.insert(_models).values(
                name=model.name,
                version=version,
                kind=_KIND,
                as_of=model.as_of,
                settings={"seed": model.seed, "features": list(model.preparation.names)},
                metrics={
                    "groups": len(model.names),
                    "reason": model.reason,
                    "candidates": [candidate.to_dict() for candidate in model.candidates],
                },
                files={_FILE: hashlib.sha256(content).hexdigest()},
                lake_versions=snapshot.versions if snapshot is not None else {},
                trained_at=now,
            )
        )
    return version


def load_clusters(stores: Stores, name: str, *, version: int | None = None) -> ClusterModel:
    """A model that was kept, the newest version or the given one.

    Raises:
        SegmentError: There is none, or its file is missing or is not what was written.
    """
    with stores.read_control() as connection:
        query = sa.select(_models).where(_models.c.kind == _KIND).order_by(_models.c.version)
        rows = list(connection.execute(query))
    known = sorted({row.name for row in rows})
    if name not in known:
        raise SegmentError(f"There is no model of groups '{name}'. {nearest(name, known)}")
    wanted = [row for row in rows if row.name == name and version in (None, row.version)]
    if not wanted:
        raise SegmentError(f"The model '{name}' has no version {version}.")
    return _read(_path(stores, name, wanted[-1].version), wanted[-1])


def _path(stores: Stores, name: str, version: int) -> Path:
    # The name is hashed, so that no character in it can lead out of the folder.
    folder = hashlib.sha256(name.encode()).hexdigest()[:16]
    return stores.folder("models") / f"{_KIND}-{folder}-{version}" / _FILE


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


def _read(path: Path, row: Any) -> ClusterModel:
    about = f"the model '{row.name}', version {row.version}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SegmentError(
            f"The file of {about} cannot be read: {error.strerror}. Fit it anew."
        ) from error
    if hashlib.sha256(content).hexdigest() != row.files.get(_FILE):
        raise SegmentError(
            f"The file of {about} is not what was written. It may be damaged or tampered with; fit it anew."
        )
    return ClusterModel.from_json(content.decode())
