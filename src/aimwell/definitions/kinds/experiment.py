"""`experiment`: what is tried against what, in how many arms, on whom; it becomes a campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aimwell.definitions.base import Definition, Name, Part, Reference, Share
from aimwell.definitions.kinds.campaign import Looks

__all__ = ["Arm", "Experiment", "Factor", "Level"]

_ARMS_MAX = 20


class Level(Part):
    """One level of a factor: what it sets, and how often it is drawn."""

    name: Name
    offer: Name | None = Field(
        default=None,
        description="Where other levels of the factor set one: without it, no offer.",
    )
    template: Name | None = None
    channel: Name | None = None
    weight: Annotated[float, Field(ge=0.001, le=1_000)] = 1.0

    def sets(self) -> dict[str, str]:
        """The parts of the action that the level sets."""
        given = {"offer": self.offer, "template": self.template, "channel": self.channel}
        return {name: value for name, value in given.items() if value is not None}


class Factor(Part):
    """One thing that is varied, as the subject line (a template each) or the offer."""

    name: Name
    levels: Annotated[tuple[Level, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _levels_differ(self) -> Factor:
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError(f"two levels of '{self.name}' have the same name")
        return self


class Arm(Part):
    """One combination of levels: factor → level, the action's parts, and its weight."""

    name: str
    levels: Mapping[str, str]
    parts: Mapping[str, str]
    weight: float


class Experiment(Definition):
    """An A/B/n test (one factor) or a factorial design (several) on the audience of a campaign."""

    kind: Literal["experiment"] = "experiment"
    campaign: Name = Field(description="Campaign whose audience, goal and limits hold.")
    factors: Annotated[tuple[Factor, ...], Field(min_length=1, max_length=4)]
    base: Mapping[Literal["offer", "template", "channel"], Name] = Field(
        default_factory=dict,
        description="What no factor sets; default: the campaign's first action.",
    )
    holdout: Share | None = Field(
        default=None, description="Share not contacted; default: the campaign's."
    )
    cluster: Annotated[str, Field(pattern=r"^(household|trait:[^\s:]{1,100})$")] | None = Field(
        default=None, description="Draw arms for whole groups; default: the campaign's way."
    )
    stratify: Annotated[tuple[Name, ...], Field(max_length=5)] = Field(
        default=(),
        description="Segments within whose combinations the arms are dealt out evenly; default: the campaign's way.",
    )
    segments: tuple[Name, ...] = Field(
        default=(),
        description="A pilot: whether the answer differs between these segments is to be tested.",
    )
    looks: Looks | None = Field(
        default=None, description="Looks at the result that are planned; default: the campaign's."
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="Share of the audience that takes part; a pilot takes a small one."
    )

    @model_validator(mode="after")
    def _design(self) -> Experiment:
        names = [factor.name for factor in self.factors]
        if len(set(names)) < len(names):
            raise ValueError("two factors have the same name")
        set_by: dict[str, str] = {}
        for factor in self.factors:
            for part in {part for level in factor.levels for part in level.sets()}:
                if part in set_by:
                    raise ValueError(f"'{set_by[part]}' and '{factor.name}' both set the {part}")
                set_by[part] = factor.name
                without = [one.name for one in factor.levels if part not in one.sets()]
                if without and part != "offer":
                    raise ValueError(
                        f"'{without[0]}' of '{factor.name}' sets no {part}, as other levels of it do; each must"
                    )
        if len(self.arms()) > _ARMS_MAX:
            raise ValueError(f"{len(self.arms())} arms are too many; at most {_ARMS_MAX}")
        return self

    @property
    def varied(self) -> set[str]:
        """The parts of the action that some factor sets."""
        return {part for f in self.factors for level in f.levels for part in level.sets()}

    def arms(self) -> list[Arm]:
        """All combinations of the levels, in the order in which they are written."""
        found = []
        for levels in product(*(factor.levels for factor in self.factors)):
            parts: dict[str, str] = {}
            weight = 1.0
            for level in levels:
                parts |= level.sets()
                weight *= level.weight
            pairs = list(zip(self.factors, levels, strict=True))
            name = "_".join(level.name for level in levels)
            found.append(
                Arm(
                    name=name,
                    levels={factor.name: level.name for factor, level in pairs},
                    parts=parts,
                    weight=weight,
                )
            )
        return found

    def references(self) -> Iterator[Reference]:
        """The campaign, the segments and what levels set."""
        yield "campaign", "campaign", self.campaign
        for number, segment in enumerate(self.segments):
            yield f"segments[{number}]", "segment", segment
        for number, segment in enumerate(self.stratify):
            yield f"stratify[{number}]", "segment", segment
        for of, named in self.base.items():
            yield f"base.{of}", of, named
        for f, factor in enumerate(self.factors):
            for n, level in enumerate(factor.levels):
                for part, name in level.sets().items():
                    yield f"factors[{f}].levels[{n}].{part}", part, name
