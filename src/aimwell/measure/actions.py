"""Each action, and each content variant, against the held-out.

Where everybody had the same probability of an action, its people are compared as they are. Where probabilities differ (a policy chose and
some explored, or earlier waves moved the chances) people are weighed by one over the probability that was logged, and the row says what
the action adds to everybody. What it added to those for whom a policy chose it stands beside it (`chosen`), and its profit is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aimwell.measure.chosen import chosen_for
from aimwell.measure.lifts import (
    MARGIN_UNKNOWN,
    NO_CONTROL,
    less_cost,
    lift_of_values,
    planned_shares,
)
from aimwell.measure.model import ActionResult, Metric
from aimwell.measure.people import BoolArray, Cell, People, arm_figures
from aimwell.stats.always_valid import always_valid_difference, too_early
from aimwell.stats.contrasts import (
    EFFECTIVE_MIN,
    Contrast,
    contrast,
    coverage,
    effective_people,
)
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.multiplicity import holm
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS, fewest_permutations
from aimwell.stats.samples import FloatArray

__all__ = [
    "ActionFacts",
    "action_groups",
    "action_results",
    "weigh",
    "weighed_contrast",
    "weighed_difference",
]

_UNLOGGED = "with which probability people got this action was not logged, so they cannot be compared with all who were held out"
_UNEQUAL = (
    "by the logged probabilities those who got this action stand for {covered:,.0f} of {people:,} people: not everybody could get it, so they "
    "cannot be compared with all who were held out"
)
_FEW = "people had so different chances of this action that those who got it tell as much as {effective:.0f}; {needed:.0f} are needed"
_CHOSEN = (
    "people had different chances of this action and no policy chose it for them before chance (or the plan was made when that was not kept), so "
    "what it would add to everybody is known, and not what it added to those who got it"
)


@dataclass(frozen=True, kw_only=True)
class ActionFacts:
    """What is known of an action beside its people: channel, offer, messages sent and their cost by variant."""

    channel: str
    offer: str | None
    sent: Mapping[str | None, int]
    cost: Mapping[str | None, float]


def action_results(
    people: People,
    facts: Mapping[str, ActionFacts],
    *,
    holdout: float,
    by_variant: bool,
    seed: int,
    permutations: int = DEFAULT_PERMUTATIONS,
    fraction: float | None = None,
) -> tuple[ActionResult, ...]:
    """A row for each action, or for each variant of each action, corrected for the number of rows.

    Of k rows each interval is one of confidence 1 − 0.05 / k (Bonferroni), so that all hold at once in 95 of 100
    campaigns; p-values are Holm's. An interval that excludes zero has a corrected p-value of at most 0.05. The row with
    the smallest p-value agrees the other way round too; in the others Holm's, the sharper of the two, can be at most
    0.05 where the interval still holds zero. `fraction` as in `lift_of`.
    """
    metric: Metric = "revenue" if people.margin_unknown else "margin"
    even = planned_shares(people, holdout=holdout) is not None
    groups = [g for g in action_groups(people.cells, by_variant=by_variant) if g[0] in facts]
    confidence = round(1.0 - (1.0 - DEFAULT_CONFIDENCE) / max(1, len(groups)), 12)
    permutations = max(permutations, fewest_permutations(confidence))
    costs = _contact_costs(people, facts)
    rows = [
        _row(
            people,
            facts[action],
            costs,
            action,
            variant,
            cells,
            metric,
            even,
            seed,
            permutations,
            confidence,
            fraction,
        )
        for action, variant, cells in groups
    ]
    adjusted = holm([row.difference.p_value for row in rows])
    return tuple(replace(row, p_adjusted=p) for row, p in zip(rows, adjusted, strict=True))


def action_groups(
    cells: Sequence[Cell], *, by_variant: bool
) -> list[tuple[str, str | None, list[int]]]:
    """Action, variant (None for the action as a whole) and the cells that belong to it."""
    found: dict[tuple[str, str | None], list[int]] = {}
    for index, cell in enumerate(cells):
        found.setdefault((cell.action, cell.variant if by_variant else None), []).append(index)
    return [(action, variant, indices) for (action, variant), indices in found.items()]


@dataclass(frozen=True, eq=False)
class Weighed:
    """The people of an action with their weights, or why they cannot be weighed.

    Attributes:
        weights: One over the probability of the action; of its variants, each at the share that it has among them.
        effective: How many people, all weighed alike, tell as much.
        problem: Why there is no comparison; None where there is one.
    """

    weights: FloatArray
    effective: float
    problem: str | None


def weigh(people: People, cells: Sequence[int]) -> Weighed:
    """Weigh those who were given one of these cells, so that they stand for all who were assigned."""
    chosen = people.given(cells)
    logged, cell = people.probability[chosen], people.cell[chosen]
    if not len(logged) or not (logged > 0.0).all():
        return Weighed(np.empty(0), 0.0, _UNLOGGED)
    # A variant is drawn after the action and by itself: its share among the action's people is its probability.
    share = np.bincount(cell, minlength=len(people.cells))[cell] / len(cell)
    probability = np.minimum(logged / share, 1.0)
    weights = 1.0 / probability
    owners = None if people.cluster is None else people.cluster[chosen]
    covered = coverage(probability, of=len(people), owners=owners)
    effective = effective_people(weights)
    problem = None
    if not covered.all_of_them:
        problem = _UNEQUAL.format(covered=covered.people, people=covered.of)
    elif effective < EFFECTIVE_MIN:
        problem = _FEW.format(effective=effective, needed=EFFECTIVE_MIN)
    return Weighed(weights, effective, problem)


def weighed_contrast(
    people: People, values: FloatArray, chosen: BoolArray, weights: FloatArray | None
) -> Contrast:
    """One number a person: these people, weighed, against the held-out; by group where groups were drawn."""
    owners = (
        None
        if people.cluster is None
        else (people.cluster[chosen], people.cluster[~people.treated])
    )
    return contrast(*people.arms(values, chosen), weights=weights, owners=owners)


def weighed_difference(
    people: People,
    values: FloatArray,
    cells: Sequence[int],
    weighed: Weighed,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    fraction: float | None = None,
) -> Estimate:
    """What these cells would add to everybody, per person: of those who got them, weighed by `weigh`; `fraction` as in `lift_of`."""
    if weighed.problem is not None:
        return Estimate.missing(weighed.problem, method="none", confidence=confidence)
    means = weighed_contrast(people, values, people.given(cells), weighed.weights).means
    early = None if fraction is None else too_early(fraction)
    if isinstance(means, str) or early is not None:
        reason = means if isinstance(means, str) else early or ""
        return Estimate.missing(reason, method="none", confidence=confidence)
    if fraction is None:
        return means.difference(confidence=confidence)
    return always_valid_difference(means, fraction=fraction, confidence=confidence)


def _contact_costs(people: People, facts: Mapping[str, ActionFacts]) -> dict[int, float]:
    """What each cell's messages cost per person who was given it; of nothing it is 0."""
    counts = np.bincount(people.cell[people.treated], minlength=len(people.cells))
    return {
        place: facts[cell.action].cost.get(cell.variant, 0.0) / max(int(counts[place]), 1)
        if cell.action in facts
        else 0.0
        for place, cell in enumerate(people.cells)
    }


def _row(
    people: People,
    facts: ActionFacts,
    costs: Mapping[int, float],
    action: str,
    variant: str | None,
    cells: Sequence[int],
    metric: Metric,
    even: bool,
    seed: int,
    permutations: int,
    confidence: float,
    fraction: float | None,
) -> ActionResult:
    chosen = people.given(cells)
    variants = list(facts.sent) if variant is None else [variant]
    cost = sum(facts.cost.get(name, 0.0) for name in variants)
    effective = chosen_ones = None
    if people.treated.all():
        difference = Estimate.missing(NO_CONTROL, method="none", confidence=confidence)
    elif even:
        difference = lift_of_values(
            people,
            people.outcome(metric),
            chosen=chosen,
            seed=seed,
            confidence=confidence,
            permutations=permutations,
            fraction=fraction,
        ).difference
    else:
        weighed = weigh(people, cells)
        effective = weighed.effective
        difference = weighed_difference(
            people,
            people.outcome(metric),
            cells,
            weighed,
            confidence=confidence,
            fraction=fraction,
        )
        chosen_ones = chosen_for(
            people,
            action,
            metric,
            cost=costs,
            cells=None if variant is None else cells,
            seed=seed,
            confidence=confidence,
            permutations=permutations,
            fraction=fraction,
        )
    if metric != "margin":
        profit = Estimate.missing(MARGIN_UNKNOWN, method="none", confidence=confidence)
    elif chosen_ones is not None:
        profit = chosen_ones.profit
    elif even or not difference.defined:
        profit = less_cost(difference.times(float(chosen.sum())), cost)
    else:
        profit = Estimate.missing(_CHOSEN, method="none", confidence=confidence)
    got = int(chosen.sum())
    of_all = (
        less_cost(difference.times(float(len(people))), cost * len(people) / got)
        if metric == "margin" and got
        else Estimate.missing(
            MARGIN_UNKNOWN if got else "nobody got it", method="none", confidence=confidence
        )
    )
    return ActionResult(
        action=action,
        variant=variant,
        channel=facts.channel,
        offer=facts.offer,
        figures=arm_figures(people, chosen),
        sent=sum(facts.sent.get(name, 0) for name in variants),
        contact_cost=cost,
        metric=metric,
        difference=difference,
        profit=profit,
        p_adjusted=None,
        effective=effective,
        profit_of_all=of_all,
        chosen=chosen_ones,
    )
