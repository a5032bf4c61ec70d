"""Part of a campaign: which products each person is recommended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.kinds.predicted import ModelName

__all__ = ["ProductKind", "Recommendations"]

ProductKind = Literal["new", "again", "next-best", "cross-sell", "up-sell"]


class Recommendations(Part):
    """Products for each person, under `recommendations` in a text: chosen when it is planned, and kept with the plan."""

    model: ModelName | None = Field(
        default=None,
        description="A recommender, as recommend-30d, or one version, as recommend-30d@2; default: the one trained last.",
    )
    kind: ProductKind = Field(
        default="new",
        description="new to the person; again: bought before; next-best: both; cross-sell: of another category; "
        "up-sell: dearer, of a category bought of.",
    )
    products: Annotated[int, Field(ge=1, le=50)] = Field(
        default=4, description="How many a person, at most."
    )
    at_least: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Whoever gets fewer is left out, and no message with fewer leaves."
    )
    in_stock: bool = Field(default=True, description="Only what is not known to be out of stock.")
    not_bought_days: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Nothing that was bought within so many days."
    )
    without: tuple[str, ...] = Field(default=(), description="Never these products (sku).")
    without_categories: tuple[str, ...] = Field(default=(), description="Never these categories.")
    most_per_category: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Of one category at most so many a person."
    )
    least_margin: Annotated[float, Field(ge=-1, le=1)] | None = Field(
        default=None, description="Share of revenue that must be margin."
    )
    price_band: Annotated[float, Field(gt=1)] | None = Field(
        default=None, description="2: from half to double a person's usual price."
    )

    @model_validator(mode="after")
    def _enough(self) -> Recommendations:
        if self.at_least > self.products:
            raise ValueError(
                f"at_least: {self.at_least} is more than the {self.products} products that a person gets at most"
            )
        if self.kind == "again" and self.not_bought_days is not None:
            raise ValueError(
                "not_bought_days: does not go with `kind: again`, which is about what was bought"
            )
        return self
