"""The products that people of a campaign are recommended, worked out for all of them at the moment of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.definitions.kinds.recommendations import Recommendations
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

if TYPE_CHECKING:
    from aimwell.predict.recommend.catalogue import Catalogue
    from aimwell.predict.recommend.rules import Rules

__all__ = ["Recommended", "recommended", "rules_of"]


@dataclass(frozen=True, eq=False)
class Recommended:
    """Each person's list, as of one moment, by one version of a recommender.

    Args:
        model: Name and version, `recommend-30d@2`.
        as_of: Nothing from this moment on was seen.
        wanted: What the campaign asks for.
        rows: Rows of RECOMMENDATIONS, by profile and rank.
        catalogue: The products as they stood.
    """

    model: str
    as_of: datetime
    wanted: Recommendations
    rows: pa.Table
    catalogue: Catalogue

    def products(self, profile_id: str) -> list[dict[str, Any]]:
        """The list of one person, the best first: `sku`, `name`, `category`, `price`, `why`, without what is unknown."""
        start, end = self._places.get(profile_id, (0, 0))
        return [self._product(row) for row in range(start, end)]

    def is_short(self, profile_id: str) -> bool:
        """Whether somebody gets fewer than the campaign asks for."""
        start, end = self._places.get(profile_id, (0, 0))
        return end - start < self.wanted.at_least

    def header(self) -> dict[str, Any]:
        """By what the lists were made, for the plan."""
        return {
            "model": self.model,
            "as_of": self.as_of.isoformat(),
            "asked": asdict(rules_of(self.wanted)),
            "people": len(self._places),
        }

    def words(self) -> str:
        """One sentence for who looks at the plan."""
        return (
            f"{len(self._places):,} people have a list of up to {self.wanted.products} products ({self.wanted.kind}) by "
            f"{self.model}; it is kept with the plan, so each message shows just these."
        )

    @cached_property
    def _places(self) -> Mapping[str, tuple[int, int]]:
        """Profile → first row and the row after the last."""
        starts = np.flatnonzero(self.rows.column("rank").to_numpy() == 1)
        ends = np.append(starts[1:], self.rows.num_rows)
        people = self.rows.column("profile_id").take(pa.array(starts)).to_pylist()
        return dict(zip(people, zip(starts.tolist(), ends.tolist(), strict=True), strict=True))

    @cached_property
    def _known(self) -> list[dict[str, Any]]:
        """What is said of each product of the catalogue."""
        catalogue = self.catalogue
        prices = pa.array(catalogue.price, from_pandas=True).to_pylist()
        columns = (catalogue.skus, catalogue.names, catalogue.categories)
        return [
            _said({"sku": sku, "name": name, "category": category, "price": price})
            for sku, name, category, price in zip(
                *(column.to_pylist() for column in columns), prices, strict=True
            )
        ]

    @cached_property
    def _product_places(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        found = pc.index_in(self.rows.column("sku"), value_set=self.catalogue.skus)
        return np.asarray(found.to_numpy(), dtype=np.int64)

    @cached_property
    def _whys(self) -> pa.Array:
        """In one piece, since looking a row up among pieces takes its time for each of millions."""
        return self.rows.column("why").cast(pa.large_string()).combine_chunks()

    def _product(self, row: int) -> dict[str, Any]:
        why = self._whys[row].as_py()
        return {**self._known[self._product_places[row]], **_said({"why": why})}


def recommended(
    stores: Stores,
    wanted: Recommendations,
    people: Sequence[str],
    *,
    as_of: datetime,
    snapshot: Snapshot | None = None,
) -> Recommended:
    """Lists for these people. The same version, moment and snapshot give the same.

    Raises:
        PredictError: There is no such recommender, it has seen later data than `as_of` leaves, or the rules cannot be applied.
        ModelFileError: Its files are missing or were changed.
    """
    # Most plans recommend nothing, and recommenders take a second to import.
    from aimwell.predict.recommend.service import newest_recommender, recommend

    found = recommend(
        stores,
        wanted.model or newest_recommender(stores),
        as_of=as_of,
        rules=rules_of(wanted),
        profiles=people,
        snapshot=snapshot,
    )
    return Recommended(found.entry.label, as_of, wanted, found.table, found.catalogue)


def rules_of(wanted: Recommendations) -> Rules:
    """What the campaign asks for, as recommenders have it. Raises PredictError where it does not fit together."""
    from aimwell.predict.recommend.rules import Rules

    return Rules(
        kind=wanted.kind,
        k=wanted.products,
        in_stock=wanted.in_stock,
        not_bought_days=wanted.not_bought_days,
        without=wanted.without,
        without_categories=wanted.without_categories,
        most_per_category=wanted.most_per_category,
        least_margin=wanted.least_margin,
        price_band=wanted.price_band,
    )


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is unknown, so that a text that needs it is refused and not sent with a gap."""
    return {name: value for name, value in fields.items() if value is not None}
