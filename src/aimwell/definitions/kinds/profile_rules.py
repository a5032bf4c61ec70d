"""`profile_rules`: which value counts where sources say different things of one person, and how facts grow old."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aimwell.definitions.base import Definition, Duration, Name, Part, Share
from aimwell.definitions.data_kinds import DataKind

__all__ = ["Choice", "ProfileRules", "TraitRules"]

Choice = Literal["newest", "most_trusted", "most_frequent"]

_Trait = Annotated[str, Field(min_length=1, max_length=200)]


class TraitRules(Part):
    """What differs for one trait."""

    choose: Choice | None = Field(default=None, description="Default: as for all traits.")
    trust: dict[Name, Share] = Field(
        default={}, description="Source: how far it is trusted in this; else as for all traits."
    )
    data: DataKind | None = Field(
        default=None, description="Which of the seven kinds of data this is; default: by its name."
    )
    half_life: Duration | None = Field(
        default=None, description="After so long the value counts half; default: by its kind."
    )


class ProfileRules(Definition):
    """Which value a profile has where its sources disagree. One document, named 'default'; without it the newest counts."""

    kind: Literal["profile_rules"] = "profile_rules"
    name: Literal["default"] = "default"
    choose: Choice = Field(
        default="newest",
        description="newest: what was said last. most_trusted: the word of the source trusted most. most_frequent: "
        "what most of the person's records say. Of equals the newest.",
    )
    trust: dict[Name, Share] = Field(
        default={}, description="Source: how far it is trusted, 0 to 1. The ranking of sources."
    )
    trust_others: Share = Field(
        default=0.5, description="How far a source is trusted that is not named."
    )
    traits: dict[_Trait, TraitRules] = Field(default={}, description="Trait: what differs for it.")
    half_lives: dict[DataKind, Duration] = Field(
        default={}, description="Kind of data: after so long a fact counts half."
    )

    def choice(self, trait: str) -> Choice:
        """How the value of a trait is chosen."""
        own = self.traits.get(trait)
        return self.choose if own is None or own.choose is None else own.choose

    @property
    def counts_votes(self) -> bool:
        """Whether any trait is chosen by how many say so."""
        return "most_frequent" in {self.choose, *map(self.choice, self.traits)}
