"""Attribute scoring: learns how much each attribute tells of who will do something, and a card of points.

Everything is learnt on 70 % of the people and judged on the others.

Source: Siddiqi (2006), Credit risk scorecards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from aimwell.segment.attributes.preparation import FloatArray
from aimwell.segment.cards.attribute_weights import (
    Codes,
    counted,
    information_value,
    judge_card,
    weigh_attributes,
)
from aimwell.segment.cards.binning import Bins, BoolArray, chi_square, fit_bins, weights_of_evidence
from aimwell.segment.cards.score_card import (
    AVERAGE_POINTS,
    POINTS_PER_NAT,
    CardAttribute,
    ScoreCard,
    chances_of,
)
from aimwell.stats.threads import one_thread

__all__ = ["LEARN_SHARE", "CardResult", "fit_score_card"]

LEARN_SHARE = 0.7
"""Of the people, to learn from; the others judge."""

_EACH_MIN = 30
_VALUE_MIN = 0.02
_CHANCE_MAX = 0.01
_STRENGTH = 1.0
_PEOPLE_MAX = 200_000


@dataclass(frozen=True)
class CardResult:
    """A card, or the reason why there is none."""

    card: ScoreCard | None
    reason: str


def fit_score_card(
    table: pa.Table,
    columns: Sequence[str],
    outcome: BoolArray,
    *,
    name: str,
    target: str,
    among: str,
    as_of: datetime,
    seed: int,
) -> CardResult:
    """Learn a card and judge it.

    Args:
        table: One row a person, with `columns`; texts are categories.
        columns: Attributes.
        outcome: Whether each person did it.
        name: Of the card.
        target: Whom it is to tell, in words.
        among: Who the people are, for the record.
        as_of: Moment of the attributes.
        seed: Same people and seed, same card.

    Returns:
        None with the reason where there are under 30 people on a side, or no attribute can be used.
    """
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(table.num_rows)[:_PEOPLE_MAX]
    table, outcome = table.take(pa.array(chosen)), outcome[chosen]
    for side, who in ((outcome, f"are {target}"), (~outcome, f"are not {target}")):
        if side.sum() < _EACH_MIN:
            return CardResult(
                None,
                f"Of {len(outcome):,} people {int(side.sum()):,} {who}; it takes {_EACH_MIN} to learn and to judge.",
            )
    cut = round(LEARN_SHARE * len(outcome))
    parts = table.slice(0, cut), table.slice(cut)
    sides = outcome[:cut], outcome[cut:]
    bins, dropped = _binned(parts[0], columns, sides[0])
    codes = {one.name: (one.codes(parts[0]), one.codes(parts[1])) for one in bins}
    counts = {one.name: counted(one, codes[one.name][0], sides[0]) for one in bins}
    evidence = {name: weights_of_evidence(found) for name, found in counts.items()}
    values = {name: information_value(counts[name], evidence[name]) for name in counts}
    promising = [
        one
        for one in bins
        if values[one.name] >= _VALUE_MIN and chi_square(counts[one.name])[1] <= _CHANCE_MAX
    ]
    dropped |= {one.name: "tells too little" for one in bins if one not in promising}
    kept, slopes = _slopes(promising, codes, evidence, sides[0], dropped)
    attributes, base = _points(kept, slopes, codes, evidence, sides[0])
    points = base + sum(
        (np.array((*one.points, 0))[codes[one.bins.name][1]] for one in attributes),
        start=np.zeros(len(outcome) - cut, dtype=np.int64),
    )
    rate = float(sides[0].mean())
    judged = judge_card(
        points,
        sides[1],
        rate,
        bins,
        codes,
        evidence,
        max(values, key=values.__getitem__, default=None),
    )
    weights = weigh_attributes(bins, attributes, codes, evidence, points, sides[1], dropped, draw)
    card = ScoreCard(
        name, as_of, seed, target, among, rate, base, tuple(attributes), weights, judged
    )
    return CardResult(card, card.sentence)


def _binned(
    table: pa.Table, columns: Sequence[str], outcome: BoolArray
) -> tuple[list[Bins], dict[str, str]]:
    bins, dropped = [], {}
    for column in dict.fromkeys(columns):
        found = fit_bins(table, column, outcome)
        if isinstance(found, str):
            dropped[column] = found
        else:
            bins.append(found)
    return bins, dropped


def _slopes(
    promising: Sequence[Bins],
    codes: Codes,
    evidence: Mapping[str, FloatArray],
    outcome: BoolArray,
    dropped: dict[str, str],
) -> tuple[list[Bins], FloatArray]:
    """A weight for each attribute's evidence by logistic regression; whoever's is not positive leaves, the least first."""
    from sklearn.linear_model import LogisticRegression

    kept = list(promising)
    while kept:
        rows = np.column_stack([evidence[one.name][codes[one.name][0]] for one in kept])
        with one_thread():
            model = LogisticRegression(C=_STRENGTH, solver="newton-cholesky", max_iter=200)
            slopes = model.fit(rows, outcome).coef_[0]
        if slopes.min() > 0:
            return kept, np.asarray(slopes, dtype=np.float64)
        worst = int(slopes.argmin())
        dropped[kept[worst].name] = "says nothing beyond the other attributes"
        del kept[worst]
    return [], np.empty(0)


def _points(
    kept: Sequence[Bins],
    slopes: FloatArray,
    codes: Codes,
    evidence: Mapping[str, FloatArray],
    outcome: BoolArray,
) -> tuple[list[CardAttribute], int]:
    """Whole points for each bin, and the base at which the card's mean chance is that of the people."""
    found = []
    sums = np.zeros(len(outcome))
    for one, slope in zip(kept, slopes, strict=True):
        learnt = codes[one.name][0]
        counts = counted(one, learnt, outcome)
        points = np.rint(POINTS_PER_NAT * slope * evidence[one.name]).astype(int)
        sums += points[learnt]
        people = counts.sum(1)
        rates = [
            float(did / size) if size else None
            for did, size in zip(counts[:, 0], people, strict=True)
        ]
        shares = tuple(float(share) for share in people / people.sum())
        found.append(CardAttribute(one, tuple(int(p) for p in points), shares, tuple(rates)))
    return found, AVERAGE_POINTS + round(
        _level(sums / POINTS_PER_NAT, float(outcome.mean())) * POINTS_PER_NAT
    )


def _level(odds: FloatArray, rate: float) -> float:
    """What must be added to ln odds relative to the rate so that their mean chance is the rate; by bisection."""
    low, high = -20.0, 20.0
    for _step in range(60):
        middle = (low + high) / 2
        points = AVERAGE_POINTS + (odds + middle) * POINTS_PER_NAT
        if float(chances_of(points, rate).mean()) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2
