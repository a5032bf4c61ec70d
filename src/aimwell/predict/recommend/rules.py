"""Rules of the shop: which products may be recommended at all, and which of them to whom. Each exclusion is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.definitions.kinds.recommendations import ProductKind as Kind
from aimwell.errors import PredictError, nearest
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.interactions import Pairs

__all__ = ["Exclusions", "Kind", "Rules", "allowed_pairs", "allowed_products"]

BoolArray = npt.NDArray[np.bool_]
_K_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked for.

    Args:
        kind: `new`: not bought before; `again`: bought before; `next-best`: both, by the share of such places that were
            bought on later time; `cross-sell`: new, of a category that the person has not bought of; `up-sell`: new, of a
            category that they have bought of, dearer than the products that they bought there are on average.
        k: Products a person, at most.
        in_stock: Leave out products that are known to be out of stock; of unknown stock none is left out.
        not_bought_days: What was bought within so many days is left out. Default: of new products all that was ever
            bought, of the next best nothing.
        without, without_categories: Never these.
        most_per_category: Of one category at most so many a person.
        least_margin: Share of revenue that must be margin, 0 to 1; unknown is not enough.
        price_band: Prices between a person's usual one ÷ this and × this; the usual one is the geometric mean over the
            products that they bought. 2 is half to double.

    Raises:
        PredictError: A value is out of range, or does not go with the kind.
    """

    kind: Kind = "new"
    k: int = 10
    in_stock: bool = True
    not_bought_days: int | None = None
    without: tuple[str, ...] = ()
    without_categories: tuple[str, ...] = ()
    most_per_category: int | None = None
    least_margin: float | None = None
    price_band: float | None = None

    def __post_init__(self) -> None:
        faults = (
            ("kind", self.kind in get_args(Kind), f"one of {', '.join(get_args(Kind))}"),
            ("k", 1 <= self.k <= _K_MOST, f"1 to {_K_MOST:,}"),
            (
                "not_bought_days",
                self.not_bought_days is None or self.not_bought_days >= 1,
                "1 or more",
            ),
            (
                "not_bought_days",
                self.not_bought_days is None or self.kind != "again",
                "nothing with the kind 'again', which is about what was bought",
            ),
            (
                "most_per_category",
                self.most_per_category is None or self.most_per_category >= 1,
                "1 or more",
            ),
            (
                "least_margin",
                self.least_margin is None or -1 <= self.least_margin <= 1,
                "a share of revenue, as 0.3",
            ),
            (
                "price_band",
                self.price_band is None or 1 < self.price_band < np.inf,
                "above 1; 2 is half to double the usual price",
            ),
        )
        wrong = [
            f"{name}: {allowed} (found {getattr(self, name)})"
            for name, fits, allowed in faults
            if not fits
        ]
        if wrong:
            raise PredictError(f"These rules cannot be: {'; '.join(wrong)}.")

    def to_dict(self) -> dict[str, Any]:
        """All of them, as JSON has them."""
        return asdict(self)


@dataclass(slots=True)
class Exclusions:
    """How much each rule left out.

    Args:
        products: Reason → products that nobody gets.
        pairs: Reason → person-product pairs, of the products that somebody may get.
        notes: What to know, as that the stock of all products is unknown.
    """

    products: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, reason: str, pairs: int) -> None:
        """Add to the pairs that a rule left out."""
        if pairs:
            self.pairs[reason] = self.pairs.get(reason, 0) + pairs

    def to_dict(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {"products": self.products, "pairs": self.pairs, "notes": self.notes}


def allowed_products(rules: Rules, catalogue: Catalogue, exclusions: Exclusions) -> BoolArray:
    """Which products somebody may get; a product that several rules leave out counts for the first.

    Raises:
        PredictError: A category that is to be left out, or categories that a rule needs, are not known.
    """
    allowed = np.ones(len(catalogue), dtype=bool)
    for reason, out in _product_rules(rules, catalogue, exclusions):
        fresh = int((allowed & out).sum())
        if fresh:
            exclusions.products[reason] = fresh
        allowed &= ~out
    return allowed


def _product_rules(
    rules: Rules, catalogue: Catalogue, exclusions: Exclusions
) -> list[tuple[str, BoolArray]]:
    found: list[tuple[str, BoolArray]] = []
    if rules.without:
        for sku in rules.without:
            catalogue.place(sku)
        found.append(("left out by name", _is_in(catalogue.skus, rules.without)))
    known = catalogue.categories.drop_null().unique().to_pylist()
    for category in rules.without_categories:
        if category not in known:
            raise PredictError(f"There is no category '{category:.60}'. {nearest(category, known)}")
    if rules.without_categories:
        out = _is_in(catalogue.categories, rules.without_categories)
        found.append(("left out by category", out))
    if not known and (rules.kind in ("cross-sell", "up-sell") or rules.most_per_category):
        raise PredictError(
            "No product has a category, so nothing is known of other categories, of dearer products of the same one, or of "
            "how many are of one. Collect products with a category: aimwell collect products FILE --explain"
        )
    if rules.in_stock:
        unknown = int(np.isnan(catalogue.stock).sum())
        if unknown:
            exclusions.notes.append(
                "No product's stock is known (no property 'stock' in products), so none is left out for it."
                if unknown == len(catalogue)
                else f"Of {unknown:,} of {len(catalogue):,} products the stock is unknown (no property 'stock'); they are not left out."
            )
        found.append(("out of stock", catalogue.stock <= 0))
    if rules.least_margin is not None:
        found.append(("margin unknown", np.isnan(catalogue.margin)))
        found.append(("margin too small", catalogue.margin < rules.least_margin))
    if rules.price_band is not None or rules.kind == "up-sell":
        found.append(("price unknown", ~(catalogue.price > 0)))
    return found


def allowed_pairs(
    rules: Rules,
    pairs: Pairs,
    people: int,
    products: BoolArray,
    catalogue: Catalogue,
    exclusions: Exclusions,
) -> BoolArray:
    """Which of so many people may get which product: people × products."""
    allowed = np.broadcast_to(products, (people, len(products))).copy()
    bought = pairs.days > 0
    rows, columns = pairs.person[bought], pairs.product[bought]
    if rules.kind == "again":
        # What was bought is few, so the rest is not counted: nobody asked for it.
        kept = np.zeros_like(allowed)
        kept[rows, columns] = allowed[rows, columns]
        allowed = kept
    else:
        lately = pairs.since[bought] < (rules.not_bought_days or np.inf)
        if rules.kind == "next-best" and rules.not_bought_days is None:
            lately = np.zeros_like(lately)
        reason = "bought before"
        if rules.not_bought_days is not None:
            reason = f"bought within {rules.not_bought_days} days"
        exclusions.count(reason, int(allowed[rows[lately], columns[lately]].sum()))
        allowed[rows[lately], columns[lately]] = False
    if rules.kind in ("cross-sell", "up-sell"):
        fits = _fits_category(rules.kind, rows, columns, people, catalogue)
        exclusions.count(_CATEGORY_WORDS[rules.kind], int((allowed & ~fits).sum()))
        allowed &= fits
    if rules.price_band is not None:
        fits = _fits_band(rules.price_band, rows, columns, people, catalogue)
        exclusions.count("outside the usual price", int((allowed & ~fits).sum()))
        allowed &= fits
    return allowed


_CATEGORY_WORDS = {
    "cross-sell": "category bought before, or unknown",
    "up-sell": "another category, or not dearer",
}


def _fits_category(
    kind: Kind,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    people: int,
    catalogue: Catalogue,
) -> BoolArray:
    category = catalogue.category_codes
    number = int(category.max(initial=-1)) + 1
    of = category[columns]
    priced = (of >= 0) & (catalogue.price[columns] > 0)
    cell = rows[priced] * number + of[priced]
    paid = np.bincount(cell, weights=catalogue.price[columns[priced]], minlength=people * number)
    counts = np.bincount(cell, minlength=people * number)
    if kind == "up-sell":
        mean = np.divide(paid, counts, out=np.full(len(paid), np.inf), where=counts > 0)
        usual = mean.reshape(people, number)[:, category]
        return np.asarray((catalogue.price[None, :] > usual) & (category >= 0)[None, :])
    known = of >= 0
    has = np.zeros((people, number), dtype=bool)
    has[rows[known], of[known]] = True
    return np.asarray(~has[:, category] & (category >= 0)[None, :])


def _fits_band(
    band: float,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    people: int,
    catalogue: Catalogue,
) -> BoolArray:
    """Everything fits somebody who has bought nothing of a known price."""
    price = catalogue.price
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(price)
    known = np.isfinite(logs[columns])
    counts = np.bincount(rows[known], minlength=people)
    sums = np.bincount(rows[known], weights=logs[columns[known]], minlength=people)
    usual = np.divide(sums, counts, out=np.full(people, np.nan), where=counts > 0)
    away = np.abs(logs[None, :] - usual[:, None])
    return np.asarray(~(away > np.log(band)))


def _is_in(values: pa.Array, wanted: tuple[str, ...]) -> BoolArray:
    found: BoolArray = pc.fill_null(
        pc.is_in(values, value_set=pa.array(wanted, pa.string())), False
    ).to_numpy(zero_copy_only=False)
    return found
