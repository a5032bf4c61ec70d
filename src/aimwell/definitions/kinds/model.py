"""`model`: what divides or ranks people beyond rules: clusters, latent classes and advocacy of a survey, micro-segments, a
score card, look-alikes.

What a model gives, segments ask for like anything else: groups as the trait `cluster:NAME`, points and likeness as a score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from aimwell.definitions.base import Definition, Duration, Name, Reference
from aimwell.definitions.conditions import Text
from aimwell.definitions.feature_names import FEATURE_NAMES
from aimwell.errors import nearest

__all__ = ["TRAIT_PREFIX", "Model", "ModelType"]

TRAIT_PREFIX = "trait:"
"""What a column's name begins with that is a trait."""

ModelType = Literal[
    "clusters", "latent_classes", "score_card", "look_alikes", "micro_segments", "advocacy"
]
ClusterMethod = Literal[
    "kmeans", "mixture", "hierarchical", "prototypes", "gower", "dbscan", "hdbscan"
]

_LEARNT = ("columns", "among")
_OWN: Mapping[str, tuple[str, ...]] = {
    "clusters": ("method", "groups", "largest", *_LEARNT),
    "latent_classes": ("survey", "questions", "groups", "largest", *_LEARNT),
    "score_card": ("target", "look_ahead", *_LEARNT),
    "look_alikes": ("audience", *_LEARNT),
    "micro_segments": ("response", "horizon", "cross", "fewest", "deepest"),
    "advocacy": ("survey", "question"),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "latent_classes": ("survey",),
    "score_card": ("target",),
    "look_alikes": ("audience",),
    "advocacy": ("survey",),
}


def _column(name: str) -> str:
    if name.startswith(TRAIT_PREFIX) and len(name) > len(TRAIT_PREFIX):
        return name
    if name not in FEATURE_NAMES:
        raise ValueError(
            f"there is no such feature. {nearest(name, FEATURE_NAMES)} A trait is written trait:NAME."
        )
    return name


Column = Annotated[Text, AfterValidator(_column)]
"""A feature of the catalogue, or a trait as `trait:NAME`."""


class Model(Definition):
    """What is to be learnt, from whom, by which features and traits."""

    kind: Literal["model"] = "model"
    type: ModelType
    columns: tuple[Column, ...] = Field(
        default=(), description="Features, and traits as trait:NAME. Default: what suits the type."
    )
    among: str | None = Field(
        default=None,
        description="buyers, everybody or a segment. Default: buyers for clusters, else everybody.",
    )
    seed: int = Field(default=0, ge=0, description="The same people and seed, the same model.")
    publish: bool = Field(
        default=False,
        description="Each night `aimwell run` writes what the newest kept version says of everybody, newcomers too.",
    )
    method: ClusterMethod | None = Field(
        default=None, description="Of clusters: how groups are found; default: kmeans."
    )
    groups: int | None = Field(
        default=None, ge=2, le=50, description="So many groups; default: as many as there are."
    )
    largest: int | None = Field(
        default=None, ge=2, le=20, description="Most groups to try; default: 8."
    )
    survey: Name | None = Field(
        default=None, description="Of latent classes and advocacy: the survey."
    )
    questions: tuple[Text, ...] = Field(
        default=(), description="Of latent classes: which; default: all of one answer."
    )
    question: Text | None = Field(
        default=None, description="Of advocacy: which; default: the only one of the type nps."
    )
    response: Text | None = Field(
        default=None,
        description="Of micro-segments: revenue (default), bought, or EXPERIMENT/OUTCOME as a past experiment reports it.",
    )
    horizon: Duration | None = Field(
        default=None,
        description="Of micro-segments: how long the response is counted; default: 90d.",
    )
    cross: tuple[Text, ...] = Field(
        default=(),
        description="Of micro-segments: rfm, lifecycle, clusters:NAME, segments:A,B; default: rfm and lifecycle.",
    )
    fewest: int | None = Field(
        default=None, ge=10, description="Of micro-segments: people in a group; default: 100."
    )
    deepest: int | None = Field(
        default=None, ge=1, le=8, description="Of micro-segments: questions in a row; default: 4."
    )
    target: Name | None = Field(
        default=None, description="Of a score card: the segment of those who did it."
    )
    look_ahead: Duration | None = Field(
        default=None,
        description="Of a score card: attributes are those of so long before; default: of the same moment.",
    )
    audience: Name | None = Field(
        default=None, description="Of look-alikes: the segment that is the seed."
    )

    @model_validator(mode="after")
    def _fits(self) -> Model:
        own = set(_OWN[self.type])
        others = {name for names in _OWN.values() for name in names} - own
        strange = sorted(name for name in others if getattr(self, name) not in (None, ()))
        if strange:
            raise ValueError(
                f"{', '.join(strange)} means nothing for {self.type}; it takes {', '.join(_OWN[self.type])}"
            )
        missing = [name for name in _NEEDED.get(self.type, ()) if getattr(self, name) is None]
        if missing:
            raise ValueError(f"{self.type} needs: {', '.join(missing)}")
        if self.groups is not None and self.method in ("dbscan", "hdbscan"):
            raise ValueError(f"{self.method} finds the number of groups itself; leave `groups` out")
        return self

    @property
    def people(self) -> str:
        """Among whom it learns."""
        return self.among or ("buyers" if self.type == "clusters" else "everybody")

    def settings(self) -> dict[str, Any]:
        """What was asked for, without the name."""
        return {key: value for key, value in self.document().items() if key not in ("kind", "name")}

    def references(self) -> Iterator[Reference]:
        """Segments and the survey that it names."""
        if self.among not in (None, "buyers", "everybody"):
            yield "among", "segment", str(self.among)
        for path, kind, name in (
            ("survey", "survey", self.survey),
            ("target", "segment", self.target),
            ("audience", "segment", self.audience),
        ):
            if name is not None:
                yield path, kind, name
        for place, division in enumerate(self.cross):
            form, _, names = division.partition(":")
            if form == "segments":
                for name in filter(None, map(str.strip, names.split(","))):
                    yield f"cross[{place}]", "segment", name
