"""What a division of people is made of: where its groups lie among prepared people, and who belongs to which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from aimwell.segment.attributes.preparation import FloatArray

__all__ = ["Centres", "IntArray", "Mixture", "Patches", "Shape", "nearest_centroid", "shape_from"]

IntArray = npt.NDArray[np.int64]

_ROWS_AT_ONCE = 16_384


class Shape(Protocol):
    """Where the groups lie. `number` counts them; with `outside` a label of `number` means: like no group."""

    kind: ClassVar[str]

    @property
    def number(self) -> int: ...

    @property
    def outside(self) -> bool: ...

    def assign(self, rows: FloatArray) -> IntArray: ...

    def ordered(self, order: IntArray) -> Shape: ...

    def to_dict(self) -> dict[str, Any]: ...


def nearest_centroid(rows: FloatArray, centroids: FloatArray) -> IntArray:
    """For each row the place of the nearest centroid, the first of equals."""
    squares, turned = (centroids**2).sum(1), -2.0 * centroids.T

    def nearest(part: FloatArray) -> IntArray:
        away = part @ turned
        away += squares
        return np.asarray(np.argmin(away, axis=1), dtype=np.int64)

    return _in_parts(rows, nearest)


def _in_parts(rows: FloatArray, of_part: Callable[[FloatArray], Any]) -> IntArray:
    """Labels of many rows, some at a time, so that distances to all groups never lie in memory at once."""
    found = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        found[start : start + _ROWS_AT_ONCE] = of_part(rows[start : start + _ROWS_AT_ONCE])
    return found


@dataclass(frozen=True, eq=False)
class Centres:
    """Everyone belongs to the nearest centre.

    Args:
        centres: One row a group, in prepared units.
        metric: euclidean, or cityblock (the sum of the differences, each times its column's weight: Gower's distance).
        weights: One a column.
    """

    centres: FloatArray
    metric: Literal["euclidean", "cityblock"] = "euclidean"
    weights: FloatArray | None = None

    kind: ClassVar[str] = "centres"
    outside: ClassVar[bool] = False

    @property
    def number(self) -> int:
        """How many groups."""
        return len(self.centres)

    def assign(self, rows: FloatArray) -> IntArray:
        """The group of each row, the first of equally near ones."""
        if self.metric == "euclidean":
            return nearest_centroid(rows, self.centres)
        from scipy.spatial.distance import cdist

        weights = np.ones(rows.shape[1]) if self.weights is None else self.weights
        centres = self.centres * weights
        return _in_parts(
            rows, lambda part: np.argmin(cdist(part * weights, centres, "cityblock"), axis=1)
        )

    def ordered(self, order: IntArray) -> Centres:
        """The same with the groups in another order."""
        return Centres(self.centres[order], self.metric, self.weights)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        weights = None if self.weights is None else self.weights.tolist()
        return {"centres": self.centres.tolist(), "metric": self.metric, "weights": weights}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Centres:
        """From what `to_dict` gave."""
        weights = None if body["weights"] is None else np.array(body["weights"], dtype=np.float64)
        return cls(np.array(body["centres"], dtype=np.float64), body["metric"], weights)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Everyone belongs to the normal cloud that most likely made them.

    Args:
        weights: Share of each cloud.
        means: One row a cloud.
        factors: For each cloud the Cholesky factor of its precision: |(row − mean) · factor|² is Mahalanobis' distance.
    """

    weights: FloatArray
    means: FloatArray
    factors: FloatArray

    kind: ClassVar[str] = "mixture"
    outside: ClassVar[bool] = False

    @property
    def number(self) -> int:
        """How many clouds."""
        return len(self.weights)

    def log_densities(self, rows: FloatArray) -> FloatArray:
        """ln(weight · density) of each row under each cloud, less a constant that is the same for all."""
        found = np.empty((len(rows), self.number))
        for place, (weight, mean, factor) in enumerate(
            zip(self.weights, self.means, self.factors, strict=True)
        ):
            away = (rows - mean) @ factor
            level = np.log(weight) + np.log(np.abs(np.diag(factor))).sum()
            found[:, place] = level - 0.5 * (away**2).sum(1)
        return found

    def assign(self, rows: FloatArray) -> IntArray:
        """The likeliest cloud of each row."""
        return _in_parts(rows, lambda part: np.argmax(self.log_densities(part), axis=1))

    def ordered(self, order: IntArray) -> Mixture:
        """The same with the clouds in another order."""
        return Mixture(self.weights[order], self.means[order], self.factors[order])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name).tolist() for name in ("weights", "means", "factors")}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Mixture:
        """From what `to_dict` gave."""
        return cls(
            *(np.array(body[name], dtype=np.float64) for name in ("weights", "means", "factors"))
        )


@dataclass(frozen=True, eq=False)
class Patches:
    """Groups of any form, covered by patches; who lies on none is like no group.

    A patch is the mean of some dozens of people, not a person, so that the model names nobody.

    Args:
        centres: One row a patch.
        reach: How far each patch reaches.
        groups: The group of each patch.
        number: How many groups.
    """

    centres: FloatArray
    reach: FloatArray
    groups: IntArray
    number: int

    kind: ClassVar[str] = "patches"
    outside: ClassVar[bool] = True

    def assign(self, rows: FloatArray) -> IntArray:
        """The group of each row; `number` for those who are like none."""
        return _in_parts(rows, self._of_part)

    def _of_part(self, rows: FloatArray) -> IntArray:
        from scipy.spatial.distance import cdist

        away = cdist(rows, self.centres) / self.reach
        nearest = np.argmin(away, axis=1)
        on_it = away[np.arange(len(rows)), nearest] <= 1.0
        return np.asarray(np.where(on_it, self.groups[nearest], self.number), dtype=np.int64)

    def ordered(self, order: IntArray) -> Patches:
        """The same with the groups in another order."""
        places = np.empty(self.number, dtype=np.int64)
        places[order] = np.arange(self.number)
        return Patches(self.centres, self.reach, places[self.groups], self.number)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "centres": self.centres.tolist(),
            "reach": self.reach.tolist(),
            "groups": self.groups.tolist(),
            "number": self.number,
        }

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Patches:
        """From what `to_dict` gave."""
        return cls(
            np.array(body["centres"], dtype=np.float64),
            np.array(body["reach"], dtype=np.float64),
            np.array(body["groups"], dtype=np.int64),
            int(body["number"]),
        )


_KINDS: Mapping[str, type[Centres] | type[Mixture] | type[Patches]] = {
    cls.kind: cls for cls in (Centres, Mixture, Patches)
}


def shape_from(kind: str, body: Mapping[str, Any]) -> Shape:
    """A shape from its kind and what its `to_dict` gave. Raises KeyError for an unknown kind."""
    return _KINDS[kind].from_dict(body)
