"""A score card: points that anybody can add up, what each attribute tells, and how good the card is.

500 points are the chance of an average person, 20 points more double the odds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from aimwell.definitions.kinds.model import TRAIT_PREFIX
from aimwell.errors import SegmentError
from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.cards.binning import Bins
from aimwell.segment.clusters.shapes import IntArray

__all__ = [
    "AVERAGE_POINTS",
    "DOUBLING_POINTS",
    "POINTS_PER_NAT",
    "AttributeWeight",
    "CardAttribute",
    "CardJudgement",
    "CardTop",
    "PointsBand",
    "ScoreCard",
    "chances_of",
    "points_words",
    "strength_words",
]

AVERAGE_POINTS = 500
DOUBLING_POINTS = 20
POINTS_PER_NAT = DOUBLING_POINTS / float(np.log(2.0))

_FORMAT = 1
_FALSE_MAX = 0.05
_STRENGTHS = ((0.02, "tells nothing"), (0.1, "weak"), (0.3, "medium"), (0.5, "strong"))


def points_words(points: int) -> str:
    """Points that are added, as "+52", "−22" or "0"."""
    return f"{points:+d}".replace("-", "−") if points else "0"


def strength_words(information_value: float) -> str:
    """Siddiqi's words for an information value."""
    for below, words in _STRENGTHS:
        if information_value < below:
            return words
    return "suspiciously strong"


def chances_of(points: IntArray | FloatArray, rate: float) -> FloatArray:
    """The chance that points stand for where an average person's is `rate`."""
    odds = np.log(rate / (1 - rate)) + (points - AVERAGE_POINTS) / POINTS_PER_NAT
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))


@dataclass(frozen=True)
class AttributeWeight:
    """What one attribute tells, measured on people from whom nothing was learnt.

    Args:
        name: The attribute.
        information_value: Σ (share of those who did it − share of those who did not) · weight of evidence, over the bins.
        mutual_information: In bits, less what chance alone would give; at least 0.
        importance: The area under the ROC curve that the card loses when the attribute is shuffled; None: not on it.
        p_value: That it tells nothing (chi-square on the bins), adjusted for looking at many (Benjamini and Hochberg).
        dropped: Why it is not on the card; None where it is.
    """

    name: str
    information_value: float | None
    mutual_information: float | None
    importance: float | None
    p_value: float | None
    dropped: str | None

    @property
    def words(self) -> str:
        """How much it tells."""
        if self.information_value is None:
            return "of no use"
        if self.p_value is not None and self.p_value > _FALSE_MAX:
            return "tells nothing"
        return strength_words(self.information_value)


@dataclass(frozen=True)
class CardAttribute:
    """One attribute on the card: for each bin its points, the share of the people in it and how many of them did it."""

    bins: Bins
    points: tuple[int, ...]
    shares: tuple[float, ...]
    rates: tuple[float | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "bins": self.bins.to_dict()}


@dataclass(frozen=True)
class PointsBand:
    """People of similar points: the chance that the card gives them, and the share that did it, with its interval."""

    least: int
    most: int
    people: int
    expected: float
    actual: float
    lower: float
    upper: float


@dataclass(frozen=True)
class CardTop:
    """The `share` of people with most points: the share of them that did it, that over everybody's, and how much of all who
    did it they hold."""

    share: float
    people: int
    rate: float
    lift: float | None
    gain: float | None


@dataclass(frozen=True)
class CardJudgement:
    """How good the card is on people from whom nothing was learnt.

    `auc` with DeLong's interval; `best_single` is that of the one strongest attribute, the dull alternative to a card.
    """

    people: int
    positives: int
    auc: float
    lower: float
    upper: float
    best_single: float | None
    bands: tuple[PointsBand, ...]
    tops: tuple[CardTop, ...]

    @property
    def tells(self) -> bool:
        """Whether the card is surely better than chance."""
        return self.lower > 0.5


@dataclass(frozen=True, eq=False)
class ScoreCard:
    """Points for attributes.

    Args:
        name: Of the model.
        as_of: Moment of the attributes.
        seed: Same people and seed, same card.
        target: What was to be told, in words: mostly a segment.
        among: Whom it scores.
        rate: Share of the people learnt from who did it.
        base: Points before any attribute.
        attributes: What is on the card.
        weights: All attributes, the strongest first.
        judged: How good it is.
    """

    name: str
    as_of: datetime
    seed: int
    target: str
    among: str
    rate: float
    base: int
    attributes: tuple[CardAttribute, ...]
    weights: tuple[AttributeWeight, ...]
    judged: CardJudgement

    @property
    def told(self) -> tuple[AttributeWeight, ...]:
        """Attributes of which it could be measured what they tell."""
        return tuple(one for one in self.weights if one.information_value is not None)

    @property
    def useless(self) -> tuple[str, ...]:
        """Why others are of no use, as "the same for everybody: weekend, plan"."""
        reasons: dict[str, list[str]] = {}
        for one in self.weights:
            if one.information_value is None and one.dropped is not None:
                reasons.setdefault(one.dropped, []).append(one.name.removeprefix(TRAIT_PREFIX))
        return tuple(f"{why}: {', '.join(names)}" for why, names in reasons.items())

    @property
    def columns(self) -> tuple[str, ...]:
        """Attributes that a table must have to be scored."""
        return tuple(one.bins.name for one in self.attributes)

    def points(self, table: pa.Table) -> IntArray:
        """The points of each row.

        Raises:
            SegmentError: An attribute is missing.
        """
        missing = [name for name in self.columns if name not in table.schema.names]
        if missing:
            raise SegmentError(f"The people to be scored lack {', '.join(missing)}.")
        found = np.full(table.num_rows, self.base, dtype=np.int64)
        for one in self.attributes:
            found += np.array((*one.points, 0), dtype=np.int64)[one.bins.codes(table)]
        return found

    def chances(self, points: IntArray) -> FloatArray:
        """The chance that points stand for, 0 to 1."""
        return chances_of(points, self.rate)

    @property
    def sentence(self) -> str:
        """How good it is, in words."""
        if not self.attributes:
            return f"None of {len(self.weights)} attributes tells {self.target} from the others."
        one = self.judged
        figure = (
            f"area under the ROC curve {one.auc:.2f} ({one.lower:.2f} to {one.upper:.2f}) on {one.people:,} people who "
            f"taught it nothing; chance gives 0.50"
        )
        if not one.tells:
            return f"These attributes cannot tell {self.target} from the others: {figure}."
        single = (
            ""
            if one.best_single is None
            else f", the strongest attribute alone {one.best_single:.2f}"
        )
        return f"The card tells {self.target} from the others: {figure}{single}."

    def to_json(self) -> str:
        """The whole card as text; `from_json` gives the same again."""
        body = {
            "format": _FORMAT,
            "name": self.name,
            "as_of": self.as_of.isoformat(),
            "seed": self.seed,
            "target": self.target,
            "among": self.among,
            "rate": self.rate,
            "base": self.base,
            "attributes": [one.to_dict() for one in self.attributes],
            "weights": [asdict(one) for one in self.weights],
            "judged": asdict(self.judged),
        }
        return json.dumps(body, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ScoreCard:
        """A card from its text. Raises SegmentError where it is none of this format."""
        try:
            body: Mapping[str, Any] = json.loads(text)
            if body["format"] != _FORMAT:
                raise SegmentError(
                    f"This card has the format {body['format']}; this version reads {_FORMAT}. Fit it anew."
                )
            return cls(
                **{
                    name: body[name] for name in ("name", "seed", "target", "among", "rate", "base")
                },
                as_of=datetime.fromisoformat(body["as_of"]),
                attributes=tuple(_attribute(one) for one in body["attributes"]),
                weights=tuple(AttributeWeight(**one) for one in body["weights"]),
                judged=_judgement(body["judged"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SegmentError(f"This is no score card: {error}. Fit it anew.") from error


def _attribute(body: Mapping[str, Any]) -> CardAttribute:
    return CardAttribute(
        Bins.from_dict(body["bins"]),
        tuple(body["points"]),
        tuple(body["shares"]),
        tuple(body["rates"]),
    )


def _judgement(body: Mapping[str, Any]) -> CardJudgement:
    given = {**body, "bands": tuple(PointsBand(**one) for one in body["bands"])}
    return CardJudgement(**{**given, "tops": tuple(CardTop(**one) for one in body["tops"])})
