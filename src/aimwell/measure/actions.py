"""Each action, and each content variant, against the held-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aimwell.measure.lifts import (
    MARGIN_UNKNOWN,
    NO_CONTROL,
    less_cost,
    lift_of_values,
    planned_shares,
)
from aimwell.measure.model import ActionResult, Metric
from aimwell.measure.people import Cell, People, arm_figures
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.multiplicity import holm
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS, fewest_permutations

__all__ = ["ActionFacts", "action_results"]

_UNEQUAL = "not everybody could get this action, so the people who got it cannot be compared with all who were held out"


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
    groups = [g for g in _groups(people.cells, by_variant=by_variant) if g[0] in facts]
    confidence = round(1.0 - (1.0 - DEFAULT_CONFIDENCE) / max(1, len(groups)), 12)
    permutations = max(permutations, fewest_permutations(confidence))
    rows = [
        _row(
            people,
            facts[action],
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


def _groups(cells: Sequence[Cell], *, by_variant: bool) -> list[tuple[str, str | None, list[int]]]:
    found: dict[tuple[str, str | None], list[int]] = {}
    for index, cell in enumerate(cells):
        found.setdefault((cell.action, cell.variant if by_variant else None), []).append(index)
    return [(action, variant, indices) for (action, variant), indices in found.items()]


def _row(
    people: People,
    facts: ActionFacts,
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
    difference = Estimate.missing(_UNEQUAL, method="none", confidence=confidence)
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
    if metric == "margin":
        profit = less_cost(difference.times(float(chosen.sum())), cost)
    else:
        profit = Estimate.missing(MARGIN_UNKNOWN, method="none", confidence=confidence)
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
    )
