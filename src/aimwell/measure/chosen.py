"""What each action earned among those for whom a policy chose it, against the held-out for whom it was chosen just so.

The rule by which a policy chooses (its values less the prices of the limits) is the same for everybody and comes before chance, so it cuts
the treated and the held-out into the same strata. Within the stratum of an action those are compared who were left to the policy: not
who explores, as they got something at random, and nobody whom an earlier wave of the campaign drew, as what they did since is an
effect of it and moves them between strata. It is an intention to treat: to a few the limits gave something else in the end, and they count
where the rule put them (post-stratification: Miratrix, Sekhon and Yu 2013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import chdtrc

from aimwell.measure.lifts import MARGIN_UNKNOWN, NO_CONTROL, less_cost, lift_of_values
from aimwell.measure.model import ChosenFor, Metric
from aimwell.measure.people import UNKNOWN, BoolArray, People
from aimwell.stats.estimate import Estimate
from aimwell.stats.samples import FloatArray
from aimwell.stats.srm import DEFAULT_THRESHOLD

__all__ = ["chosen_for", "strata_apart"]

_FOR_NOBODY = "the policy chose this action for nobody"
_DRAWN_BEFORE = (
    "an earlier wave of the campaign drew {whom}: what they did since is an effect of it and moves "
    "them between actions, so they are not like the held-out for whom it was chosen. A campaign of another name that learns from this one "
    "(policy.learn_from) draws anew who is held out"
)
_NONE_HELD = "nobody was held out of those for whom this action was chosen"
_APART = (
    "of the held-out other shares fall to each action than of the others (p = {p:.1e}), so those for whom an action was chosen are not alike in "
    "both"
)
_AMONG = "among those for whom it was chosen"
_LEAST_EXPECTED = 5.0


def chosen_for(
    people: People,
    action: str,
    metric: Metric,
    *,
    cost: Mapping[int, float],
    cells: Sequence[int] | None = None,
    seed: int,
    confidence: float,
    permutations: int,
    fraction: float | None,
) -> ChosenFor | None:
    """Those for whom the action was chosen; None where no policy chose, or what it chose was not kept.

    Args:
        cost: Of a contact, by cell.
        cells: Only who was given one of these, as the variants of the action; None: all for whom it was chosen.
        seed, confidence, permutations, fraction: As of `lift_of_values`.
    """
    if people.choice is None:
        return None
    number = next(place for place, cell in enumerate(people.cells) if cell.action == action)
    mine = people.choice == number
    fresh = _fresh(people)
    compared = mine & fresh & (~people.treated | _left_to_policy(people))
    if cells is not None:
        compared &= ~people.treated | people.given(cells)
    part = people.take(compared)
    problem = _problem(people, part, int((mine & ~fresh).sum()))
    found = (
        Estimate.missing(problem, method="none", confidence=confidence)
        if problem is not None
        else lift_of_values(
            part,
            part.outcome(metric),
            seed=seed,
            confidence=confidence,
            permutations=permutations,
            fraction=fraction,
        ).difference
    )
    difference = replace(found, method=f"{_AMONG}: {found.method}") if found.defined else found
    given = part.cell[part.treated]
    counts = np.bincount(given, minlength=len(people.cells)).tolist()
    # To the places of money.
    spent = round(sum(cost[cell] * count for cell, count in enumerate(counts)), 4)
    return ChosenFor(
        people=len(given),
        held_out=len(part) - len(given),
        got=int(np.isin(given, _of_action(people, action)).sum()),
        contact_cost=spent,
        drawn_before=int((mine & ~fresh).sum()),
        difference=difference,
        profit=less_cost(difference.times(float(len(given))), spent)
        if metric == "margin"
        else Estimate.missing(MARGIN_UNKNOWN, method="none", confidence=confidence),
    )


def strata_apart(people: People) -> float | None:
    """How often chance alone makes the shares that fall to each action differ as much between those left to the policy and the held-out.

    Pearson's chi-square over actions (and nothing) with at least five people expected on either side; None with fewer than two such, and
    where groups were drawn, whose people do not fall one by one.
    """
    if people.choice is None or people.cluster is not None:
        return None
    counted = _fresh(people) & (people.choice != UNKNOWN)
    sides = [counted & _left_to_policy(people), counted & ~people.treated]
    size = len(people.cells) + 1
    table = np.array([np.bincount(people.choice[side] + 1, minlength=size) for side in sides])
    if not table.sum(axis=1).all():
        return None
    expected = _expected(table)
    table = table[:, expected.min(axis=0) >= _LEAST_EXPECTED]
    if table.shape[1] < 2:
        return None
    expected = _expected(table)
    return float(chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum()))


def _expected(table: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> FloatArray:
    return np.asarray(np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum())


def _problem(people: People, compared: People, drawn_before: int) -> str | None:
    """Why there is no comparison."""
    if people.treated.all():
        return NO_CONTROL
    if drawn_before and (compared.treated.all() or not compared.treated.any()):
        return _DRAWN_BEFORE.format(whom=_drawn(compared, drawn_before))
    if not len(compared):
        return _FOR_NOBODY
    if compared.treated.all():
        return _NONE_HELD
    apart = strata_apart(people)
    if apart is not None and apart < DEFAULT_THRESHOLD:
        return _APART.format(p=apart)
    return None


def _drawn(compared: People, drawn_before: int) -> str:
    """Whom an earlier wave drew, where that leaves nobody, or one side only, to compare."""
    if not len(compared):
        return f"all {drawn_before:,} people for whom this action was chosen"
    side = "held out" if compared.treated.all() else "left to the policy"
    return f"{drawn_before:,} of the people for whom this action was chosen, among them all who were {side}"


def _of_action(people: People, action: str) -> list[int]:
    return [place for place, cell in enumerate(people.cells) if cell.action == action]


def _left_to_policy(people: People) -> BoolArray:
    """Who is neither held out nor got something at random."""
    return people.treated if people.explored is None else people.treated & ~people.explored


def _fresh(people: People) -> BoolArray:
    """Whom no earlier wave of the campaign drew."""
    before = people.drawn_before
    return np.ones(len(people), dtype=np.bool_) if before is None else ~before
