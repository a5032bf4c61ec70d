"""What every entity of a source shares: its file, joins, the rows it leaves out, and what it maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, model_validator

from aimwell.definitions.base import Name, Part
from aimwell.definitions.source_expectations import Expectations, unknown_fields
from aimwell.definitions.source_expressions import Expression
from aimwell.definitions.source_standards import Fill, Standards, unfit_fills, unfit_standards
from aimwell.definitions.source_values import TargetMap, Value

__all__ = ["GROUPS", "EntityPart", "FieldName", "Join"]

FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_ -]{0,62}$")]
"""Name of a trait, property, outcome or question."""

GROUPS = ("traits", "properties", "vault", "measured", "times", "answers")
"""Parts of an entity, beside `map`, that name fields of their own."""


class Join(Part):
    """Columns of another file, looked up by key: each row finds one row there or none."""

    file: Name = Field(description="One of `files`.")
    on: dict[str, str] = Field(
        min_length=1, description="Column here: column there. One name alone means both."
    )
    required: bool = Field(
        default=False, description="A row that finds nothing goes to quarantine."
    )
    where: Expression | None = Field(
        default=None,
        description="Rows there that are looked among, by its own columns: event = 'offer received'.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("on"), str):
            return {**data, "on": {data["on"]: data["on"]}}
        return data


class EntityPart(Part):
    """What all entities share."""

    from_: Name | None = Field(
        default=None, alias="from", description="One of `files`; needless where there is one only."
    )
    join: tuple[Join, ...] = ()
    where: Expression | None = Field(
        default=None, description="Rows for which this is not true are left out, and counted."
    )
    expect: Expectations = Field(
        default=(),
        description="What rows should fulfil; those that do not are kept aside or counted.",
    )

    standardise: dict[str, Standards] = Field(
        default={},
        description="Target: steps that bring its values into one form. Default: the trait country becomes an ISO code; "
        "`keep` leaves it.",
    )
    fill: dict[str, Fill] = Field(
        default={},
        description="Target: what stands in where its value is missing; what was filled is marked.",
    )

    @model_validator(mode="after")
    def _names_what_is_mapped(self) -> EntityPart:
        mapped = {path.removeprefix("map.") for path, _ in self.values()}
        problems = [
            *unknown_fields(self.expect, mapped),
            *unfit_standards(self.standardise, mapped),
            *unfit_fills(self.fill, mapped),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def targets(self) -> TargetMap:
        """The mapping."""
        return self.map  # type: ignore[attr-defined,no-any-return]

    def values(self) -> Iterator[tuple[str, Value]]:
        """(path in the entity, value) of all that is mapped."""
        for name, value in self.targets.given():
            yield f"map.{name}", value
        for group in GROUPS:
            for name, value in (getattr(self, group, None) or {}).items():
                yield f"{group}.{name}", value
