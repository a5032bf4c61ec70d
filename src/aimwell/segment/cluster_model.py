"""A division of people into groups: how to prepare a person, the groups' centres, and what each is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.segment.choosing import Candidate, GroupCount, nearest_centroid
from aimwell.segment.preparation import FloatArray, Preparation

__all__ = ["ClusterModel", "Clustering"]

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class ClusterModel:
    """k-means groups that new people can be assigned to.

    Args:
        name: Of the model.
        as_of: Moment of the features that it was fitted to.
        seed: Same people and seed, same model.
        preparation: How features are prepared.
        centroids: One row a group, in prepared units.
        names: One a group, in plain words.
        shares: Share of the people at fitting, one a group.
        candidates: The numbers of groups that were tried.
        reason: Why this number.
    """

    name: str
    as_of: datetime
    seed: int
    preparation: Preparation
    centroids: FloatArray
    names: tuple[str, ...]
    shares: tuple[float, ...]
    candidates: tuple[Candidate, ...]
    reason: str

    def assign(self, features: pa.Table) -> pa.Table:
        """The group of each person: `profile_id`, `cluster` (0 …) and `group` (its name).

        Args:
            features: `profile_id` and at least the features of `preparation.names`.

        Raises:
            SegmentError: A feature is missing.
        """
        cluster = nearest_centroid(self.preparation.apply(features), self.centroids)
        return pa.table(
            {
                "profile_id": features.column("profile_id"),
                "cluster": pa.array(cluster, pa.int64()),
                "group": pa.array(np.array(self.names, dtype=object)[cluster], pa.string()),
            }
        )

    def to_json(self) -> str:
        """The whole model as text; `from_json` gives the same again."""
        body = {
            "format": _FORMAT,
            "name": self.name,
            "as_of": self.as_of.isoformat(),
            "seed": self.seed,
            "preparation": self.preparation.to_dict(),
            "centroids": self.centroids.tolist(),
            "names": list(self.names),
            "shares": list(self.shares),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "reason": self.reason,
        }
        return json.dumps(body, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ClusterModel:
        """A model from its text. Raises SegmentError where it is not one of this format."""
        try:
            body: Mapping[str, Any] = json.loads(text)
            if body["format"] != _FORMAT:
                raise SegmentError(
                    f"This model has the format {body['format']}; this version reads {_FORMAT}. Fit it anew."
                )
            return cls(
                name=body["name"],
                as_of=datetime.fromisoformat(body["as_of"]),
                seed=body["seed"],
                preparation=Preparation.from_dict(body["preparation"]),
                centroids=np.array(body["centroids"], dtype=np.float64),
                names=tuple(body["names"]),
                shares=tuple(body["shares"]),
                candidates=tuple(Candidate(**one) for one in body["candidates"]),
                reason=body["reason"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SegmentError(f"This is no model of groups: {error}. Fit it anew.") from error


@dataclass(frozen=True, eq=False)
class Clustering:
    """What looking for groups found: a model with everyone's group, or the reason why there is none."""

    model: ClusterModel | None
    count: GroupCount
    assignments: pa.Table | None

    @property
    def reason(self) -> str:
        """Why this number of groups, or why none."""
        return self.count.reason
