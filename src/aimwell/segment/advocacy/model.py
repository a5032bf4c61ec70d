"""What is said of advocacy: who promotes, who detracts, where, since when, and who of the silent probably would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aimwell.stats.estimate import Estimate

__all__ = [
    "GROUPS",
    "Advocacy",
    "Likely",
    "LikelyKind",
    "Score",
    "Standing",
    "StandingCounts",
    "Thresholds",
    "signed",
]

Standing = Literal["promoter", "passive", "detractor"]
GROUPS: tuple[Standing, ...] = ("promoter", "passive", "detractor")
LikelyKind = Literal["promoter", "detractor"]
StandingCounts = tuple[int, int, int]


def signed(value: float | None) -> str:
    """A score in points with its sign: +30, 0, −13."""
    found = round(value or 0.0)
    return f"{found:+d}".replace("-", "−") if found else "0"


@dataclass(frozen=True)
class Thresholds:
    """From which number on somebody is a promoter, and up to which a detractor; all between are passive."""

    promoter_from: float
    detractor_to: float

    def standing(self, number: float) -> Standing:
        """What a number stands for."""
        if number >= self.promoter_from:
            return "promoter"
        return "detractor" if number <= self.detractor_to else "passive"


@dataclass(frozen=True)
class Score:
    """The net score of some people: counts of promoters, passives, detractors, and the score in points."""

    what: str
    counts: StandingCounts
    score: Estimate


@dataclass(frozen=True)
class Likely:
    """How well promoters, or detractors, can be told among those who did not answer, all by cross-validation.

    `area` is the ROC area; `people` how many of the silent are called so; `error` the share of those called so who are none, weighted to
    people like the silent; `dull` the same where people are called so by lot. Where it cannot be told, nobody is called so, and `reason` says why.
    """

    kind: LikelyKind
    answered: int
    silent: int
    area: Estimate
    people: int
    error: Estimate
    dull: float
    reason: str | None


@dataclass(frozen=True)
class Advocacy:
    """The answer to one question of one survey.

    `stages`: by life-cycle stage. `periods`: by month of the answer, each person's newest in it. `change`: the last month against
    the one before. `moved`: (standing before, standing now) → people who answered twice. `ratings`: standing → mean mark of
    their reviews as a share of the best (None: none wrote any). `referrals`: standing → share who referred or shared
    (None where nothing of the kind is collected). `asks`: how far who answers can be told; far from 0.5, those who
    answered are unlike the others.
    """

    survey: str
    question: str
    is_nps: bool
    thresholds: Thresholds
    all: Score
    stages: tuple[Score, ...]
    periods: tuple[Score, ...]
    change: Estimate
    moved: Mapping[tuple[Standing, Standing], int]
    ratings: Mapping[Standing, float | None]
    referrals: Mapping[Standing, float | None]
    likely: tuple[Likely, ...]
    asks: Estimate
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        body = asdict(self)
        body["moved"] = [
            {"from": before, "to": now, "people": people}
            for (before, now), people in self.moved.items()
        ]
        return body
