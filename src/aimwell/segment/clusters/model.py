"""A division of people into groups: how to prepare a person, where the groups lie, and what each is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.segment.attributes.people_table import BUYERS
from aimwell.segment.attributes.preparation import FloatArray, Preparation
from aimwell.segment.clusters.choosing import Candidate, GroupCount
from aimwell.segment.clusters.dendrogram import Dendrogram
from aimwell.segment.clusters.describing import Description
from aimwell.segment.clusters.shapes import IntArray, Shape, shape_from

__all__ = ["OUTSIDE", "ClusterModel", "Clustering", "Sketch"]

OUTSIDE = "Like no group"
"""What those are called who belong to no group, where a method leaves such people over."""

_FORMAT = 2


@dataclass(frozen=True, eq=False)
class ClusterModel:
    """Groups that new people can be assigned to.

    Args:
        name: Of the model.
        as_of: Moment of the features that it was fitted to.
        seed: Same people and seed, same model.
        method: One of `methods.METHODS` or `density.DENSITY_METHODS`.
        among: Whom it divides: buyers, everybody, or the people of a segment.
        preparation: How features are prepared.
        shape: Where the groups lie.
        centroids: The mean of each group, one column for each of `preparation.labels`: numbers in prepared units, values
            of categories as the group's share of them.
        names: One a group, in plain words; last OUTSIDE, where the method leaves people over.
        shares: Share of the people at fitting, one a name.
        candidates: The numbers of groups that were tried.
        reason: Why this number.
        fidelity: How far `shape` gives the people of the sample the groups that the method itself gave them (adjusted Rand
            index); None where it is the same by construction.
        description: The groups as rules; None where there were too few people.
        dendrogram: The top of the tree, of hierarchical groups.
    """

    name: str
    as_of: datetime
    seed: int
    method: str
    preparation: Preparation
    shape: Shape
    centroids: FloatArray
    names: tuple[str, ...]
    shares: tuple[float, ...]
    candidates: tuple[Candidate, ...]
    reason: str
    among: str = BUYERS
    fidelity: float | None = None
    description: Description | None = None
    dendrogram: Dendrogram | None = None

    def assign(self, features: pa.Table) -> pa.Table:
        """The group of each person: `profile_id`, `cluster` (0 …) and `group` (its name).

        Args:
            features: `profile_id` and at least the features of `preparation.names`.

        Raises:
            SegmentError: A feature is missing.
        """
        labels = self.shape.assign(self.preparation.apply(features))
        return self.named(features.column("profile_id"), labels)

    def named(self, people: pa.ChunkedArray, cluster: IntArray) -> pa.Table:
        """What `assign` gives, of people whose groups are known."""
        return pa.table(
            {
                "profile_id": people,
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
            "method": self.method,
            "among": self.among,
            "preparation": self.preparation.to_dict(),
            "shape": {"kind": self.shape.kind, **self.shape.to_dict()},
            "centroids": self.centroids.tolist(),
            "names": list(self.names),
            "shares": list(self.shares),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "reason": self.reason,
            "fidelity": self.fidelity,
            "description": self.description.to_dict() if self.description else None,
            "dendrogram": self.dendrogram.to_dict() if self.dendrogram else None,
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
                method=body["method"],
                among=body["among"],
                preparation=Preparation.from_dict(body["preparation"]),
                shape=shape_from(body["shape"]["kind"], body["shape"]),
                centroids=np.array(body["centroids"], dtype=np.float64),
                names=tuple(body["names"]),
                shares=tuple(body["shares"]),
                candidates=tuple(Candidate(**one) for one in body["candidates"]),
                reason=body["reason"],
                fidelity=body["fidelity"],
                description=(
                    Description.from_dict(body["description"]) if body["description"] else None
                ),
                dendrogram=(
                    Dendrogram.from_dict(body["dendrogram"]) if body["dendrogram"] else None
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SegmentError(f"This is no model of groups: {error}. Fit it anew.") from error


@dataclass(frozen=True)
class Sketch:
    """Some of the people as points to be drawn: by the two features that tell the groups apart best.

    `points`: (x, y, group); skewed features as they were prepared, which the name says. Values beyond the outermost hundredths are drawn there.
    """

    names: tuple[str, str]
    points: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, eq=False)
class Clustering:
    """What looking for groups found: a model with everyone's group, or the reason why there is none."""

    model: ClusterModel | None
    count: GroupCount
    assignments: pa.Table | None
    sketch: Sketch | None = None

    @property
    def reason(self) -> str:
        """Why this number of groups, or why none."""
        return self.count.reason
