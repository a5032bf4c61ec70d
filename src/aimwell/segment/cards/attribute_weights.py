"""What each attribute tells and how good a card is, on people from whom nothing was learnt.

Sources: Siddiqi (2006) for the information value; Miller (1955) for the correction of mutual information; Breiman (2001)
for importance by shuffling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.cards.binning import Bins, BoolArray, chi_square
from aimwell.segment.cards.score_card import (
    AttributeWeight,
    CardAttribute,
    CardJudgement,
    CardTop,
    PointsBand,
    chances_of,
)
from aimwell.segment.clusters.shapes import IntArray
from aimwell.stats.discrimination import auc, top_shares
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.multiplicity import benjamini_hochberg

__all__ = ["Codes", "counted", "information_value", "judge_card", "weigh_attributes"]

Codes = Mapping[str, tuple[IntArray, IntArray]]
"""Attribute → the bins of the people learnt from, and of those held out."""

_SHUFFLES = 5


def counted(bins: Bins, codes: IntArray, outcome: BoolArray) -> FloatArray:
    """People of each bin who did it, and who did not."""
    size = len(bins.labels)
    sides = [np.bincount(codes[side], minlength=size) for side in (outcome, ~outcome)]
    return np.stack(sides, axis=1).astype(np.float64)


def information_value(counts: FloatArray, evidence: FloatArray) -> float:
    """Σ (share of those who did it − share of those who did not) · weight of evidence, over the bins.

    With weights that were learnt on other people it may fall below 0: then they mislead.
    """
    shares = counts / np.maximum(counts.sum(0), 1.0)
    return float(((shares[:, 0] - shares[:, 1]) * evidence).sum())


def judge_card(
    points: IntArray,
    outcome: BoolArray,
    rate: float,
    bins: Sequence[Bins],
    codes: Codes,
    evidence: Mapping[str, FloatArray],
    strongest: str | None,
) -> CardJudgement:
    """Judge a card by its points and outcomes; `strongest`: the attribute to compare it with, chosen by what was learnt."""
    scores = points.astype(np.float64)
    # Points that are the same for everybody order nobody, however the last digits of an area fall.
    alike = not len(scores) or bool(np.ptp(scores) == 0)
    area = _no_order() if alike else auc(scores, outcome)
    best = next((one for one in bins if one.name == strongest), None)
    single = (
        None if best is None else auc(evidence[best.name][codes[best.name][1]], outcome).estimate
    )
    tops = tuple(
        CardTop(one.share, one.people, one.rate, one.lift.value, one.gain.value)
        for one in top_shares(scores, outcome)
    )
    return CardJudgement(
        people=len(outcome),
        positives=int(outcome.sum()),
        auc=float(area.estimate if area.estimate is not None else 0.5),
        lower=float(area.lower if area.lower is not None else 0.0),
        upper=float(area.upper if area.upper is not None else 1.0),
        best_single=single,
        bands=_bands(points, outcome, rate),
        tops=tops,
    )


def _no_order() -> Estimate:
    return Estimate(
        estimate=0.5, lower=0.5, upper=0.5, confidence=DEFAULT_CONFIDENCE, method="no order"
    )


def _bands(points: IntArray, outcome: BoolArray, rate: float) -> tuple[PointsBand, ...]:
    edges = np.unique(np.quantile(points, np.arange(1, 10) / 10, method="inverted_cdf"))
    place = np.searchsorted(edges, points, side="left")
    chances = chances_of(points, rate)
    found = []
    for one in range(len(edges) + 1):
        inside = place == one
        people = int(inside.sum())
        if not people:
            continue
        share = wilson(int(outcome[inside].sum()), people)
        found.append(
            PointsBand(
                int(points[inside].min()),
                int(points[inside].max()),
                people,
                float(chances[inside].mean()),
                float(share.estimate or 0.0),
                float(share.lower or 0.0),
                float(share.upper or 0.0),
            )
        )
    return tuple(found)


def weigh_attributes(
    bins: Sequence[Bins],
    attributes: Sequence[CardAttribute],
    codes: Codes,
    evidence: Mapping[str, FloatArray],
    points: IntArray,
    outcome: BoolArray,
    dropped: Mapping[str, str],
    draw: np.random.Generator,
) -> tuple[AttributeWeight, ...]:
    """What each attribute tells, the strongest first; `dropped`: why one is not on the card."""
    raw = [chi_square(counted(one, codes[one.name][1], outcome))[1] for one in bins]
    on_card = {one.bins.name: one for one in attributes}
    found = []
    for one, p_value in zip(bins, benjamini_hochberg(raw), strict=True):
        held = codes[one.name][1]
        card = on_card.get(one.name)
        found.append(
            AttributeWeight(
                one.name,
                information_value(counted(one, held, outcome), evidence[one.name]),
                _mutual_information(counted(one, held, outcome)),
                None if card is None else _importance(card, held, points, outcome, draw),
                p_value,
                dropped.get(one.name),
            )
        )
    useless = [name for name in dropped if all(name != one.name for one in bins)]
    found += [AttributeWeight(name, None, None, None, None, dropped[name]) for name in useless]
    return tuple(sorted(found, key=lambda one: -(one.information_value or 0.0)))


def _mutual_information(counts: FloatArray) -> float:
    """In bits, less the bias of finite samples: (bins − 1) / (2 · people) nats for two outcomes."""
    counts = counts[counts.sum(1) > 0]
    whole = counts.sum()
    share = counts / whole
    expected = np.outer(share.sum(1), share.sum(0))
    inside = share > 0
    nats = float((share[inside] * np.log(share[inside] / expected[inside])).sum())
    return max(0.0, nats - (len(counts) - 1) / (2 * float(whole))) / float(np.log(2.0))


def _importance(
    card: CardAttribute,
    codes: IntArray,
    points: IntArray,
    outcome: BoolArray,
    draw: np.random.Generator,
) -> float:
    own = np.array((*card.points, 0))[codes]
    whole = auc(points.astype(np.float64), outcome).estimate or 0.5
    lost = [
        whole
        - (
            auc(
                (points - own + own[draw.permutation(len(own))]).astype(np.float64), outcome
            ).estimate
            or 0.5
        )
        for _shuffle in range(_SHUFFLES)
    ]
    return float(np.mean(lost))
