"""Models of groups in the workspace; see `models.files`."""

from __future__ import annotations

from datetime import datetime

from aimwell.segment.clusters.model import ClusterModel
from aimwell.segment.models.files import keep_model, read_model
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["load_clusters", "save_clusters"]

_KIND = "clusters"


def save_clusters(
    stores: Stores, model: ClusterModel, *, now: datetime, snapshot: Snapshot | None = None
) -> int:
    """Keep a model as a new version of its name; returns the version. Errors as in `keep_model`."""
    return keep_model(
        stores,
        model,
        kind=_KIND,
        name=model.name,
        as_of=model.as_of,
        settings={
            "seed": model.seed,
            "method": model.method,
            "among": model.among,
            "features": list(model.preparation.names),
        },
        metrics={
            "groups": len(model.names),
            "reason": model.reason,
            "candidates": [candidate.to_dict() for candidate in model.candidates],
        },
        now=now,
        snapshot=snapshot,
    )


def load_clusters(stores: Stores, name: str, *, version: int | None = None) -> ClusterModel:
    """A model that was kept, the newest version or the given one. Errors as in `read_model`."""
    return read_model(stores, name, kind=_KIND, read=ClusterModel.from_json, version=version)[0]
