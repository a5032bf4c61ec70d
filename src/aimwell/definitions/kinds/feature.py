"""`feature`: a feature of one's own, as SQL or as a Python function over the tables that end at the moment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from aimwell.definitions.base import Definition
from aimwell.definitions.conditions import Text
from aimwell.definitions.feature_sql import FEATURE_TABLES, faults_of
from aimwell.errors import nearest

__all__ = ["OWN_PREFIX", "Feature"]

OWN_PREFIX = "own:"
"""What a column's name begins with that is an own feature."""


def _sql(text: str) -> str:
    faults = faults_of(text)
    if faults:
        raise ValueError("; ".join(faults))
    return text


def _table(name: str) -> str:
    if name not in FEATURE_TABLES:
        raise ValueError(f"there is no such table of the moment. {nearest(name, FEATURE_TABLES)}")
    return name


Column = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")]


class Feature(Definition):
    """One number a person, or some numbers, computed as of any moment; predictions name it NAME, or NAME.COLUMN."""

    kind: Literal["feature"] = "feature"
    formula: Text = Field(description="What it is, in words, as 'share of revenue that was wine'.")
    unit: Literal["days", "count", "money", "share", "ratio", "hour", "weekday"] = Field(
        default="ratio", description="What it is counted in."
    )
    sql: Annotated[str, Field(min_length=1), AfterValidator(_sql)] | None = Field(
        default=None,
        description="One SELECT of profile_id and value, a row a person at most, in DuckDB's dialect, over the tables that end at "
        "the moment, which is :as_of. Who has no row has no value.",
    )
    function: str | None = Field(
        default=None,
        pattern="^[a-z_][a-z0-9_]{0,62}:[a-z][a-z0-9_]{0,62}$",
        description="Instead of SQL: module and function of the workspace's folder `features`, as shop_features:basket_entropy "
        "of features/shop_features.py. The setting own_functions must allow it.",
    )
    tables: tuple[Annotated[str, AfterValidator(_table)], ...] = Field(
        default=(),
        description="Tables of the moment that the function gets, as [orders, order_lines].",
    )
    columns: tuple[Column, ...] = Field(
        default=(),
        description="Numbers that the function gives of a person beside profile_id; default: one, `value`.",
    )
    buckets: int = Field(
        default=1,
        ge=1,
        le=256,
        description="The function gets people in so many parts, one after the other, so that less memory is needed.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Feature:
        if (self.sql is None) == (self.function is None):
            raise ValueError("say what computes it: `sql`, or `function` with its `tables`")
        if self.sql is not None and (self.tables or self.columns or self.buckets != 1):
            raise ValueError("`tables`, `columns` and `buckets` belong to a `function`")
        if self.function is not None and not self.tables:
            raise ValueError(f"say which `tables` the function gets: {', '.join(FEATURE_TABLES)}")
        for name in ("tables", "columns"):
            given = getattr(self, name)
            if len(set(given)) != len(given):
                raise ValueError(f"{name}: one is there twice")
        if "profile_id" in self.columns:
            raise ValueError("columns: profile_id says whose the numbers are and is none of them")
        return self

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers that the function gives."""
        return self.columns or ("value",)
