"""What the shop sells: products with a category, a brand, a price, a cost and a popularity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aimwell.simulate.columns import MONEY, lookup, money
from aimwell.simulate.spec import ShopSpec
from aimwell.simulate.streams import stream

__all__ = ["PRODUCT_SCHEMA", "Catalogue", "build_catalogue", "product_table"]

_CATEGORIES: tuple[
    tuple[str, float, tuple[str, ...]], ...
] = (  # name, price against the median, nouns
    ("Kitchen", 1.1, ("Teapot", "Frying pan", "Cake tin", "Chopping board", "Jug")),
    ("Garden", 1.2, ("Watering can", "Bird feeder", "Lantern", "Trowel", "Planter")),
    ("Gifts", 0.8, ("Card set", "Candle", "Keepsake box", "Photo frame", "Mug")),
    ("Toys", 1.0, ("Puzzle", "Wooden train", "Kite", "Doll", "Board game")),
    ("Books", 0.7, ("Cookbook", "Atlas", "Diary", "Picture book", "Novel")),
    ("Clothing", 2.0, ("Scarf", "Jumper", "Apron", "Rain jacket", "Slippers")),
    ("Beauty", 0.9, ("Soap", "Hand cream", "Bath salts", "Hair brush", "Balm")),
    ("Stationery", 0.5, ("Notebook", "Fountain pen", "Wrapping paper", "Calendar", "Stickers")),
    ("Lighting", 2.4, ("Table lamp", "Fairy lights", "Shade", "Night light", "Floor lamp")),
    ("Sports", 1.8, ("Yoga mat", "Water bottle", "Skipping rope", "Football", "Rucksack")),
    ("Pets", 0.9, ("Dog bowl", "Cat tunnel", "Lead", "Bed", "Treat jar")),
    ("Food", 0.6, ("Biscuits", "Tea", "Marmalade", "Chocolate", "Olive oil")),
)
_LOOKS = ("Red", "Blue", "Green", "White", "Vintage", "Striped", "Small", "Large", "Oak", "Classic")
_BRANDS = (
    "Alder",
    "Birch",
    "Cedar",
    "Dale",
    "Elder",
    "Fenn",
    "Garth",
    "Hazel",
    "Isle",
    "Juniper",
    "Kestrel",
    "Larch",
    "Marsh",
    "Nettle",
    "Otter",
    "Pine",
)


@dataclass(frozen=True)
class Catalogue:
    """The products of a shop, grouped by category; money in minor units.

    `chosen` rises by 1 over each category's products: their popularity, summed up. `mean_price` and
    `mean_cost` are those of a line in a category, weighted by popularity.
    """

    sku: tuple[str, ...]
    name: tuple[str, ...]
    brand: tuple[str, ...]
    category_names: tuple[str, ...]
    category: NDArray[np.int64]
    price: NDArray[np.int64]
    cost: NDArray[np.int64]
    cost_known: NDArray[np.bool_]
    chosen: NDArray[np.float64]
    mean_price: NDArray[np.float64]
    mean_cost: NDArray[np.float64]

    def pick(self, category: NDArray[np.int64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """A product of each category by popularity; `uniform` numbers in [0, 1) decide."""
        found = np.searchsorted(self.chosen, category + uniform, side="right")
        return np.minimum(found, len(self.price) - 1)


def build_catalogue(spec: ShopSpec) -> Catalogue:
    """The products of a shop; the same for the same spec."""
    rng = stream(spec.seed, "products")
    kinds = min(spec.categories, spec.products)
    category = np.sort(np.arange(spec.products) % kinds)
    level = np.array([_CATEGORIES[kind][1] for kind in category])
    price = (
        spec.price_median * level * np.exp(spec.price_spread * rng.standard_normal(spec.products))
    )
    price = np.clip(np.rint(price * 10) * 10 - 1, 19, 10**9).astype(np.int64)
    share = np.clip(1 - spec.margin + 0.08 * rng.standard_normal(spec.products), 0.03, 0.98)
    cost = np.maximum(np.rint(price * share), 1).astype(np.int64)
    popularity = _popularity(rng, category, kinds)
    mean_price, mean_cost = (
        _mean_by_category(category, popularity * value, kinds) for value in (price, cost)
    )
    return Catalogue(
        sku=tuple(f"P{number:06d}" for number in range(1, spec.products + 1)),
        name=_product_names(rng, category),
        brand=_brand_names(rng, spec),
        category_names=tuple(_CATEGORIES[kind][0] for kind in range(kinds)),
        category=category,
        price=price,
        cost=cost,
        cost_known=rng.random(spec.products) >= spec.no_cost_share,
        chosen=category + _cumulative_within(popularity, category, kinds),
        mean_price=mean_price,
        mean_cost=mean_cost,
    )


def _popularity(
    rng: np.random.Generator, category: NDArray[np.int64], kinds: int
) -> NDArray[np.float64]:
    """Chance of a product within its category: few sell much (Zipf with exponent 0.8)."""
    sizes = np.bincount(category, minlength=kinds)
    ranks = np.concatenate([rng.permutation(size) for size in sizes]) + 1.0
    weight = ranks**-0.8
    return np.asarray(weight / np.bincount(category, weight)[category])


def _mean_by_category(
    category: NDArray[np.int64], weighted: NDArray[np.float64], kinds: int
) -> NDArray[np.float64]:
    return np.bincount(category, weighted, kinds).astype(np.float64)


def _cumulative_within(
    popularity: NDArray[np.float64], category: NDArray[np.int64], kinds: int
) -> NDArray[np.float64]:
    parts = [np.cumsum(popularity[category == kind]) for kind in range(kinds)]
    return np.concatenate([part / part[-1] for part in parts])


def _product_names(rng: np.random.Generator, category: NDArray[np.int64]) -> tuple[str, ...]:
    looks = rng.integers(len(_LOOKS), size=len(category))
    nouns = rng.integers(5, size=len(category))
    return tuple(
        f"{_LOOKS[look]} {_CATEGORIES[kind][2][noun].lower()} {number}"
        for number, (look, kind, noun) in enumerate(zip(looks, category, nouns, strict=True), 1)
    )


def _brand_names(rng: np.random.Generator, spec: ShopSpec) -> tuple[str, ...]:
    chosen = rng.integers(spec.brands, size=spec.products)
    names = [
        f"{_BRANDS[n % len(_BRANDS)]}{'' if n < len(_BRANDS) else f' {n // len(_BRANDS) + 1}'}"
        for n in range(spec.brands)
    ]
    return tuple(names[brand] for brand in chosen)


PRODUCT_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("sku", "name", "category", "brand")),
        ("price", MONEY),
        ("unit_cost", MONEY),
    ]
)


def product_table(catalogue: Catalogue) -> pa.Table:
    """The file of products: sku, name, category, brand, price, unit_cost (empty where not known)."""
    columns = [
        pa.array(catalogue.sku),
        pa.array(catalogue.name),
        lookup(catalogue.category_names, catalogue.category),
        pa.array(catalogue.brand),
        money(catalogue.price),
        money(catalogue.cost, known=catalogue.cost_known),
    ]
    return pa.table(columns, schema=PRODUCT_SCHEMA)
