"""`feature`: a feature of one's own, as SQL over the tables that end at the moment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from aimwell.definitions.base import Definition
from aimwell.definitions.conditions import Text
from aimwell.definitions.feature_sql import faults_of

__all__ = ["OWN_PREFIX", "Feature"]

OWN_PREFIX = "own:"
"""What a column's name begins with that is an own feature."""


def _sql(text: str) -> str:
    faults = faults_of(text)
    if faults:
        raise ValueError("; ".join(faults))
    return text


class Feature(Definition):
    """One number a person, computed as of any moment; predictions name it `own:NAME`."""

    kind: Literal["feature"] = "feature"
    formula: Text = Field(description="What it is, in words, as 'share of revenue that was wine'.")
    unit: Literal["days", "count", "money", "share", "ratio", "hour", "weekday"] = Field(
        default="ratio", description="What it is counted in."
    )
    sql: Annotated[str, Field(min_length=1), AfterValidator(_sql)] = Field(
        description="One SELECT of profile_id and value, a row a person at most, in DuckDB's dialect, over the tables that end at "
        "the moment, which is :as_of. Who has no row has no value."
    )
