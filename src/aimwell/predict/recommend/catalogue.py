"""What is known of products at a moment: names, categories, prices, margins, stock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError, nearest
from aimwell.predict.recommend.interactions import CodeArray
from aimwell.stats.samples import FloatArray

__all__ = ["Catalogue"]


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """One entry a product, by ascending sku.

    Args:
        skus: Products.
        names, categories: Text; null where unknown.
        price: Of a unit, in the workspace currency; NaN where unknown.
        margin: Share of revenue that is margin; NaN where unknown.
        stock: Units that can be sold; NaN where unknown.
    """

    skus: pa.Array
    names: pa.Array
    categories: pa.Array
    price: FloatArray
    margin: FloatArray
    stock: FloatArray

    def __len__(self) -> int:
        return len(self.skus)

    def aligned(self, skus: pa.Array) -> Catalogue:
        """The same for these products in this order; of one that is not here, nothing is known."""
        places = pc.index_in(skus, value_set=self.skus)
        absent = places.is_null().to_numpy(zero_copy_only=False)
        safe = pc.fill_null(places, 0).to_numpy(zero_copy_only=False).astype(np.int64)

        def numbers(values: FloatArray) -> FloatArray:
            if not len(values):
                return np.full(len(skus), np.nan)
            return np.where(absent, np.nan, values[safe])

        return Catalogue(
            skus,
            self.names.take(places),
            self.categories.take(places),
            numbers(self.price),
            numbers(self.margin),
            numbers(self.stock),
        )

    @classmethod
    def unknown(cls, skus: pa.Array) -> Catalogue:
        """Products of which nothing is known."""
        texts, numbers = pa.nulls(len(skus), pa.string()), np.full(len(skus), np.nan)
        return cls(skus, texts, texts, numbers, numbers, numbers)

    @property
    def called(self) -> pa.Array:
        """The name of each product, or its sku where it has none."""
        return pc.coalesce(self.names, self.skus)

    @property
    def category_codes(self) -> CodeArray:
        """A number for each category, −1 where it is unknown."""
        encoded = self.categories.dictionary_encode()
        found: npt.NDArray[np.int64] = (
            pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        )
        return found

    def place(self, sku: str) -> int:
        """The place of a product.

        Raises:
            PredictError: It is not there; says which is near.
        """
        found = self.skus.index(sku).as_py()
        if found < 0:
            raise PredictError(
                f"There is no product '{sku:.60}' among the {len(self.skus):,} that were sold, looked at or listed before "
                f"the moment. {nearest(sku, self.skus.to_pylist())}"
            )
        return int(found)
