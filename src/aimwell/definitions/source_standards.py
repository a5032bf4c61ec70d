"""How values of a source are brought into one form, and what stands in for missing ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from aimwell.definitions.base import Part
from aimwell.errors import nearest

__all__ = ["Fill", "Standards", "Step", "unfit_fills", "unfit_standards"]

_PEOPLE = ("customer_id", "email", "phone")
_IDS = (*_PEOPLE, "order_id", "line", "event_id", "session_id", "original_order_id")

_KNOWN = r"^(products\.(name|category|brand|price|unit_cost)|traits\.[A-Za-z][A-Za-z0-9_ -]{0,62})$"

Step = Literal[
    "keep",
    "spaces",
    "unicode",
    "lower",
    "upper",
    "title",
    "yes_no",
    "country",
    "currency",
    "date",
]


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Standards = Annotated[tuple[Step, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
"""One step or several in turn."""


class Fill(Part):
    """What stands in for a missing value of a field; what was filled is marked. Exactly one way."""

    constant: str | None = Field(default=None, description="The same text.")
    from_: str | None = Field(
        default=None, alias="from", description="The value of another mapped target of the row."
    )
    last_known_by: str | None = Field(
        default=None,
        description="The last value before it in the files of a row with the same value of this target.",
    )
    median_by: str | None = Field(
        default=None,
        description="The median of the numbers of rows with the same value of this target.",
    )
    known_in: Annotated[str, Field(pattern=_KNOWN)] | None = Field(
        default=None,
        description="What was collected before: products.category (or name, brand, price, unit_cost) of the same sku; "
        "traits.NAME of the same customer_id.",
    )

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("constant"), int | float):
            return {**data, "constant": str(data["constant"])}
        return data

    @model_validator(mode="after")
    def _one(self) -> Fill:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of constant, from, last_known_by, median_by or known_in")
        return self

    @property
    def way(self) -> str:
        """As values that were filled so are marked."""
        if self.known_in is not None:
            return f"filled:{self.known_in}"
        for name in ("constant", "last_known_by", "median_by"):
            if getattr(self, name) is not None:
                return f"filled:{name.removesuffix('_by')}"
        return f"filled:from:{self.from_}"

    @property
    def other(self) -> str | None:
        """The other target that it looks at."""
        return self.from_ or self.last_known_by or self.median_by or (self.known_in and self.key)

    @property
    def known_table(self) -> str:
        """The table of the lake that `known_in` names."""
        return (self.known_in or "").partition(".")[0]

    @property
    def known_field(self) -> str:
        """The column of products, or the trait, that `known_in` names."""
        return (self.known_in or "").partition(".")[2]

    @property
    def key(self) -> str:
        """The target by which `known_in` is looked up."""
        return "sku" if self.known_table == "products" else "customer_id"


def unfit_standards(given: Mapping[str, Standards], mapped: set[str]) -> Iterator[str]:
    """In words: what is brought into a form and is not mapped, or has its form anyway."""
    for name in given:
        if name not in mapped:
            yield f"standardise names no mapped field: '{name}'. {nearest(name, sorted(mapped))}"
        elif name in _IDS and tuple(given[name]) != ("keep",):
            yield f"standardise: {name} is an identifier, which keeps its own form"


def unfit_fills(given: Mapping[str, Fill], mapped: set[str]) -> Iterator[str]:
    """In words: what is filled or looked at and is not mapped, or must never be made up."""
    for name, fill in given.items():
        if name not in mapped:
            yield f"fill names no mapped field: '{name}'. {nearest(name, sorted(mapped))}"
        elif name in _IDS or name.startswith("consent."):
            yield f"fill: {name} says who or which it is, and nothing may stand in for it"
        if fill.other is not None and fill.other not in mapped:
            yield f"fill of {name} looks at '{fill.other}', which is not mapped. {nearest(fill.other, sorted(mapped))}"
        if fill.from_ in _PEOPLE:
            yield f"fill of {name}: {fill.from_} is personal and stays what it is"
