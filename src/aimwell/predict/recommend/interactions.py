"""What people did with products before a moment, as sorted arrays: one entry for each person and product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from aimwell.stats.samples import FloatArray

__all__ = ["CodeArray", "Interactions", "Pairs", "ranges"]

CodeArray = npt.NDArray[np.int64]


def ranges(starts: CodeArray, ends: CodeArray) -> CodeArray:
    """The whole numbers of [start, end) of each pair, one range after the other."""
    lengths = ends - starts
    offsets = np.cumsum(lengths) - lengths
    return np.repeat(starts - offsets, lengths) + np.arange(int(lengths.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows of `Interactions` of some people; `person` counts from 0 within them."""

    person: CodeArray
    product: CodeArray
    days: FloatArray
    looked: FloatArray
    since: FloatArray
    span: FloatArray

    @property
    def weight(self) -> FloatArray:
        """How much the product says of the person: 1 once bought, else what views and carts amount to (below 1)."""
        return np.where(self.days > 0, 1.0, self.looked)


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """One entry per person and product, by person and product.

    Args:
        people: Profile ids in ascending order; `starts[i]:starts[i + 1]` are the entries of the i-th.
        skus: Products in ascending order.
        starts: One more than there are people.
        product: Place in `skus`.
        days: Days with a purchase of it, returns netted; 0 where it was only looked at.
        looked: Weight of views and carts, 0 to below 1.
        since: Days from the last purchase to the moment; NaN where never bought.
        span: Days from the first purchase to the last; NaN where never bought.
    """

    people: pa.Array
    skus: pa.Array
    starts: CodeArray
    product: npt.NDArray[np.int32]
    days: npt.NDArray[np.float32]
    looked: npt.NDArray[np.float32]
    since: npt.NDArray[np.float32]
    span: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.people)

    @property
    def person(self) -> CodeArray:
        """The person of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def pairs(self, people: npt.NDArray[Any] | None = None) -> Pairs:
        """The entries of some people, by place; of everybody by default."""
        if people is None:
            places, person = np.arange(len(self.product)), self.person
        else:
            begins, ends = self.starts[people], self.starts[np.asarray(people) + 1]
            places = ranges(begins, ends)
            person = np.repeat(np.arange(len(people)), ends - begins)
        columns = [
            getattr(self, name)[places].astype(np.float64)
            for name in ("days", "looked", "since", "span")
        ]
        return Pairs(person, self.product[places].astype(np.int64), *columns)

    def take(self, people: npt.NDArray[Any]) -> Interactions:
        """The same of some people, by ascending place."""
        begins, ends = self.starts[people], self.starts[np.asarray(people) + 1]
        places = ranges(begins, ends)
        return Interactions(
            self.people.take(pa.array(people)),
            self.skus,
            np.concatenate([[0], np.cumsum(ends - begins)]),
            *(
                getattr(self, name)[places]
                for name in ("product", "days", "looked", "since", "span")
            ),
        )

    def matrix(self, values: npt.NDArray[Any]) -> csr_array:
        """People × products with one value an entry, a copy that may be changed."""
        return csr_array(
            (values, self.product.astype(np.int64), self.starts.copy()),
            shape=(len(self), len(self.skus)),
        )

    def weights(self, *, most: int) -> csr_array:
        """People × products by `Pairs.weight`, of each person the `most` weightiest and then latest at most.

        Whoever has bought nearly everything says little of what goes with what, and would cost the square of it.
        """
        value = np.where(self.days > 0, np.float32(1), self.looked)
        held = np.diff(self.starts)
        if len(held) and held.max() > most:
            since = np.where(np.isnan(self.since), np.float32(np.inf), self.since)
            order = np.lexsort((self.product, since, -value, self.person))
            place = np.empty(len(order), dtype=np.int64)
            place[order] = np.arange(len(order)) - np.repeat(self.starts[:-1], held)
            value = np.where(place < most, value, np.float32(0))
        found = self.matrix(value.astype(np.float32))
        found.eliminate_zeros()
        return found
