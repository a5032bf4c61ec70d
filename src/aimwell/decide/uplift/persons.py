"""How sure a person's predicted uplift is, and which of four groups the person belongs to.

| group | would do it untouched | contact |
|---|---|---|
| persuadables | or not | makes them more likely to do it |
| sure things | yes | changes nothing |
| lost causes | no | changes nothing |
| do not disturb | or not | makes them less likely to do it |

The certainty of a group is the probability of it, with the person's effect normal about its prediction. Where no group has a
certainty above `clear`, the person is *unclear*. Effects of a person are not seen, so certainty rests on the learner.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from aimwell.decide.uplift.averages import mean_of
from aimwell.decide.uplift.data import IntArray
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.decide.uplift.problem import Problem, dealt
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.samples import FloatArray

__all__ = ["FOUR_GROUPS", "GroupFigures", "certainties", "four_groups", "half_samples"]

FOUR_GROUPS = ("persuadables", "sure things", "lost causes", "do not disturb", "unclear")
"""The four groups in the order of `certainties`, then those who are in none of them clearly."""


def half_samples(
    learner: UpliftLearner, problem: Problem, *, at: FloatArray, draws: int = 30, seed: int = 0
) -> FloatArray:
    """People × (arms − 1): standard errors of predicted effects at the rows `at`.

    The learner is fitted to half of the people (of each arm; whole clusters), drawn anew each time: the spread of what it predicts is
    that of a fit to all. It does not hold what the learner gets wrong on average.

    Source: Politis and Romano (1994), Large sample confidence regions based on subsamples, with halves.
    """
    found = np.empty((draws, len(at), problem.arms - 1))
    for draw in range(draws):
        half = dealt(problem.arm, count=2, seed=seed + draw, cluster=problem.cluster) == 0
        found[draw] = learner.fit(problem.take(half), seed=seed).effects(at)
    return np.asarray(found.std(axis=0, ddof=1), dtype=np.float64)


def certainties(
    effect: FloatArray,
    error: FloatArray,
    untouched: FloatArray,
    *,
    matters: float,
    likely: float,
) -> FloatArray:
    """People × 4: the probability of each of the four groups; rows add up to 1.

    Args:
        effect, error: Predicted effect of contact on a person and its standard error.
        untouched: The outcome expected without contact.
        matters: How large an effect counts as one, 0 or more: as what contact costs over what an outcome is worth.
        likely: From which untouched outcome on a person counts as one who does it anyway.
    """
    spread = np.maximum(error, 1e-12)
    moved = ndtr((effect - matters) / spread)
    driven = ndtr((-matters - effect) / spread)
    same = np.clip(1.0 - moved - driven, 0.0, 1.0)
    anyway = untouched >= likely
    return np.column_stack([moved, same * anyway, same * ~anyway, driven])


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One of the groups.

    Args:
        group: Of `FOUR_GROUPS`.
        people: How many.
        share: Of all.
        certainty: Mean certainty of its people; None where nobody is in it.
        untouched: Mean outcome if not contacted, with interval.
        effect: Mean effect of contact on them, with interval, by scores that their grouping did not see.
    """

    group: str
    people: int
    share: float
    certainty: float | None
    untouched: Estimate
    effect: Estimate

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def four_groups(
    certain: FloatArray,
    scores: FloatArray,
    *,
    clear: float = 0.5,
    confidence: float = DEFAULT_CONFIDENCE,
) -> tuple[IntArray, tuple[GroupFigures, ...]]:
    """The group of each person (a place in `FOUR_GROUPS`), and what each group truly did.

    Args:
        certain: As `certainties` gives them, of people on whom nothing was learnt.
        scores: Doubly robust scores of the same people: without contact, with contact.
        clear: The least certainty of a group's people.
        confidence: Of the intervals.
    """
    group = np.where(certain.max(axis=1) > clear, certain.argmax(axis=1), 4).astype(np.int64)
    figures = []
    for place, name in enumerate(FOUR_GROUPS):
        rows = group == place
        sure = certain[rows].max(axis=1)
        figures.append(
            GroupFigures(
                name,
                int(rows.sum()),
                float(rows.mean()) if len(rows) else 0.0,
                float(sure.mean()) if len(sure) else None,
                mean_of(scores[rows, 0], confidence=confidence),
                mean_of(scores[rows, 1] - scores[rows, 0], confidence=confidence),
            )
        )
    return group, tuple(figures)
