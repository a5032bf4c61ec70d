"""Look-alikes: the people most like a seed audience, how alike an audience of each size is, and whether the seed can be told
from others at all.

A score card learns to tell the seed from everybody else. Who has many points without being of the seed looks like it. How
alike somebody is, is said on a scale that means the same for every seed: the share of the seed's own people (those from
whom nothing was learnt) who have no more points. An average member of the seed is at 0.5; somebody at 0.05 has fewer
points than nearly all of the seed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.errors import SegmentError
from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.cards.fitting import LEARN_SHARE, fit_score_card
from aimwell.segment.cards.score_card import ScoreCard
from aimwell.segment.clusters.shapes import IntArray

__all__ = ["AudienceSize", "LookAlikes", "LookAlikesResult", "fit_look_alikes"]

BoolArray = npt.NDArray[np.bool_]

_FORMAT = 1
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
_SEED_MAX = 0.5


@dataclass(frozen=True)
class AudienceSize:
    """What the audience of the `people` others with most points is like.

    Args:
        share: Of the others.
        people: How many.
        points: What the last of them has.
        similarity: Mean of theirs, 0 to 1; the seed itself has about 0.5.
        lift: How much commoner the seed is among people with so many points than among all, on people from whom nothing
            was learnt; None where none of those has so many.
    """

    share: float
    people: int
    points: int
    similarity: float
    lift: float | None


@dataclass(frozen=True, eq=False)
class LookAlikes:
    """A card that tells a seed audience from others, and the seed's own points.

    `seed_points` are those of members from whom nothing was learnt, in ascending order, at most 1,000 quantiles of them:
    figures, not people.
    """

    card: ScoreCard
    seed_points: tuple[int, ...]
    sizes: tuple[AudienceSize, ...]

    @property
    def name(self) -> str:
        """Of the model."""
        return self.card.name

    @property
    def tells(self) -> bool:
        """Whether the seed can be told from others."""
        return self.card.judged.tells

    @property
    def sentence(self) -> str:
        """Whether it can, and how well, in words."""
        if not self.card.attributes:
            return (
                f"This seed cannot be told from others: none of {len(self.card.weights)} attributes tells of it. "
                "Any audience would do as well."
            )
        one = self.card.judged
        figure = (
            f"area under the ROC curve {one.auc:.2f} ({one.lower:.2f} to {one.upper:.2f}) on {one.people:,} people "
            f"who taught it nothing; chance gives 0.50"
        )
        if not self.tells:
            return f"This seed cannot be told from others: {figure}. Any audience would do as well."
        tenth = next(size for size in self.sizes if size.share == 0.1)
        lift = (
            ""
            if tenth.lift is None
            else (
                f" Among the tenth that is most alike the seed is {tenth.lift:.1f} times as common as among all."
            )
        )
        return f"The seed can be told from others: {figure}.{lift}"

    def similarity(self, points: IntArray) -> FloatArray:
        """How alike people with such points are to the seed, 0 to 1: its share with no more points (ties half)."""
        own = np.array(self.seed_points)
        below, upto = np.searchsorted(own, points, "left"), np.searchsorted(own, points, "right")
        return np.asarray((below + upto) / (2.0 * len(own)))

    def rank(self, table: pa.Table, *, identifier: str = "profile_id") -> pa.Table:
        """People of any table that has the card's columns: `identifier`, `points`, `similarity`, the most alike first.

        Raises:
            SegmentError: A column is missing.
        """
        if identifier not in table.schema.names:
            raise SegmentError(f"There is no column '{identifier}' by which to name people.")
        points = self.card.points(table)
        order = pa.array(np.argsort(-points, kind="stable"))
        return pa.table(
            {
                identifier: table.column(identifier),
                "points": pa.array(points),
                "similarity": pa.array(self.similarity(points)),
            }
        ).take(order)

    def to_json(self) -> str:
        """The whole model as text; `from_json` gives the same again."""
        body = {
            "format": _FORMAT,
            "card": self.card.to_json(),
            "seed_points": list(self.seed_points),
            "sizes": [asdict(size) for size in self.sizes],
        }
        return json.dumps(body, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> LookAlikes:
        """A model from its text. Raises SegmentError where it is none of this format."""
        try:
            body: Mapping[str, Any] = json.loads(text)
            if body["format"] != _FORMAT:
                raise SegmentError(
                    f"This model has the format {body['format']}; this version reads {_FORMAT}. Fit it anew."
                )
            return cls(
                ScoreCard.from_json(body["card"]),
                tuple(body["seed_points"]),
                tuple(AudienceSize(**one) for one in body["sizes"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SegmentError(f"These are no look-alikes: {error}. Fit them anew.") from error


@dataclass(frozen=True)
class LookAlikesResult:
    """A model, or the reason why there is none. A model whose seed cannot be told from others says so itself."""

    model: LookAlikes | None
    reason: str


def fit_look_alikes(
    table: pa.Table,
    columns: Sequence[str],
    seed_members: BoolArray,
    *,
    name: str,
    audience: str,
    among: str,
    as_of: datetime,
    seed: int,
) -> LookAlikesResult:
    """Learn to tell a seed audience from others.

    Args:
        table: One row a person, with `columns`.
        columns: Attributes to compare by.
        seed_members: Who is of the seed.
        name: Of the model.
        audience: What the seed is called.
        among: Whom it is compared with, for the record.
        as_of: Moment of the attributes.
        seed: Of the random division into people to learn from and to judge by.

    Returns:
        None with the reason where the seed or the others are under 30, or the seed is more than half of all.
    """
    if len(seed_members) and seed_members.mean() > _SEED_MAX:
        return LookAlikesResult(
            None,
            f"The seed is {seed_members.mean():.0%} of the people it is compared with, so hardly anybody is left to find. "
            "Take a narrower seed, or compare with more people.",
        )
    found = fit_score_card(
        table,
        columns,
        seed_members,
        name=name,
        target=audience,
        among=among,
        as_of=as_of,
        seed=seed,
    )
    if found.card is None:
        return LookAlikesResult(None, found.reason)
    points = found.card.points(table)
    held = np.zeros(len(points), dtype=bool)
    held[
        np.random.default_rng(seed).permutation(len(points))[round(LEARN_SHARE * len(points)) :]
    ] = True
    own = np.sort(points[held & seed_members])
    model = LookAlikes(found.card, tuple(int(one) for one in _thinned(own)), ())
    model = LookAlikes(model.card, model.seed_points, _sizes(model, points, seed_members, held))
    return LookAlikesResult(model, model.sentence)


def _thinned(points: IntArray) -> IntArray:
    if len(points) <= 1_000:
        return points
    return np.quantile(points, np.linspace(0, 1, 1_000), method="inverted_cdf").astype(np.int64)


def _sizes(
    model: LookAlikes, points: IntArray, members: BoolArray, held: BoolArray
) -> tuple[AudienceSize, ...]:
    others = np.sort(points[~members])[::-1]
    alike = np.cumsum(model.similarity(others))
    found = []
    for share in _SHARES:
        people = max(1, round(share * len(others)))
        least = int(others[people - 1])
        in_seed = float((points[held & members] >= least).mean())
        in_all = float((points[held] >= least).mean())
        found.append(
            AudienceSize(
                share,
                people,
                least,
                float(alike[people - 1] / people),
                in_seed / in_all if in_all else None,
            )
        )
    return tuple(found)
