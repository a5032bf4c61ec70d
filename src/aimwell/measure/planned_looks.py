"""What the looks of a campaign say that were planned before: whether to stop, and what to report then.

Each look is taken of what people did up to its moment, whenever it is asked for: so asking daily, or late, changes nothing of it. The looks
are at revenue per person, adjusted by past spend. Bounds and the final interval: `stats.group_sequential`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aimwell.definitions.kinds.campaign import Looks
from aimwell.measure.formatting import days_words, money, money_interval
from aimwell.measure.model import Span
from aimwell.measure.people import People
from aimwell.stats.clustered_lift import clustered_means
from aimwell.stats.cuped import adjusted_means, plan_adjustment
from aimwell.stats.estimate import Estimate
from aimwell.stats.group_sequential import LookPlan, final_interval, plan_looks
from aimwell.stats.intervals import too_few_people
from aimwell.stats.samples import FloatArray
from aimwell.stats.two_means import TwoMeans

__all__ = ["Look", "PlannedLooks", "group_or_person_means", "planned_looks"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look that was planned.

    Attributes:
        fraction: Of the window. day: After the start.
        bound: Stop where the difference is farther from zero than so many standard errors. hopeless: Or, where futility was planned,
            where it is under so many.
        deviations: The difference in standard errors; None where it is to come or undefined.
        verdict: What it said; `after` the one that stopped it.
    """

    fraction: float
    day: float
    bound: float
    hopeless: float | None
    deviations: float | None
    verdict: Literal["gain", "loss", "hopeless", "go on", "nothing", "to come", "after"]


@dataclass(frozen=True, kw_only=True)
class PlannedLooks:
    """All looks, and what to report: the difference per person with the interval that knows of the looks, once they have ended."""

    looks: tuple[Look, ...]
    spending: str
    final: Estimate
    sentence: str


def group_or_person_means(people: People, values: FloatArray) -> TwoMeans | str:
    """Both means adjusted by past spend, by group where groups were drawn; else the reason why not."""
    arms = people.arms(values)
    problem = too_few_people(arms[0].n, arms[1].n)
    if problem is not None:
        return problem
    if people.cluster is not None:
        owners = people.cluster[people.treated], people.cluster[~people.treated]
        return clustered_means(*arms, owners)[0]
    treated, control = (arm.joint() for arm in arms)
    return adjusted_means(treated, control, plan_adjustment(treated, control))


def planned_looks(
    people: People,
    spent: tuple[NDArray[np.int64], FloatArray, FloatArray],
    wanted: Looks,
    span: Span,
    *,
    currency: str,
) -> PlannedLooks:
    """The looks up to what is measured.

    Args:
        people: All assigned.
        spent: Revenue of the window: whose (position), when (days after the start), how much.
        wanted: As the campaign declares them.
        span: Of the campaign.
        currency: For words.
    """
    plan = plan_looks(wanted.at, spending=wanted.spending, futility=wanted.futility)
    found: list[Look] = []
    stopped: TwoMeans | None = None
    reason = "no look has been reached yet"
    for number, at in enumerate(plan.fractions):
        day = at * span.days
        look = _look(plan, number, day)
        if any(one.verdict in ("gain", "loss", "hopeless") for one in found):
            found.append(replace(look, verdict="after"))
            continue
        if day > span.days_measured + 1e-9:
            found.append(look)
            continue
        who, when, amount = spent
        until = when < day
        sums = np.bincount(who[until], weights=amount[until], minlength=len(people)).astype(
            np.float64
        )
        means = group_or_person_means(people, sums)
        deviations = None if isinstance(means, str) else means.deviations
        last = at == 1.0
        found.append(_judged(look, deviations, last=last))
        if isinstance(means, str):
            reason = means
        elif found[-1].verdict != "go on":
            stopped = means
    return PlannedLooks(
        looks=tuple(found),
        spending=wanted.spending,
        final=_final(plan, found, stopped, reason),
        sentence=_sentence(plan, found, stopped, currency),
    )


def _look(plan: LookPlan, number: int, day: float) -> Look:
    hopeless = None if plan.futility is None else plan.futility[number]
    return Look(
        fraction=plan.fractions[number],
        day=day,
        bound=plan.bounds[number],
        hopeless=hopeless,
        deviations=None,
        verdict="to come",
    )


def _judged(look: Look, deviations: float | None, *, last: bool) -> Look:
    if deviations is None:
        return replace(look, verdict="nothing" if last else "go on")
    verdict: Literal["gain", "loss", "hopeless", "go on", "nothing"] = (
        "nothing" if last else "go on"
    )
    if deviations >= look.bound:
        verdict = "gain"
    elif deviations <= -look.bound:
        verdict = "loss"
    elif not last and look.hopeless is not None and deviations < look.hopeless:
        verdict = "hopeless"
    return replace(look, deviations=deviations, verdict=verdict)


def _final(plan: LookPlan, looks: list[Look], stopped: TwoMeans | None, reason: str) -> Estimate:
    if stopped is None:
        done = [one for one in looks if one.verdict == "go on"]
        why = reason if not done else "the planned looks have not ended; go on"
        return Estimate.missing(why, method="stagewise ordering of planned looks")
    taken = sum(1 for one in looks if one.verdict not in ("to come", "after"))
    return final_interval(
        stopped, fractions=plan.fractions[:taken], bounds=plan.bounds[:taken], alpha=plan.alpha
    )


def _sentence(plan: LookPlan, looks: list[Look], stopped: TwoMeans | None, currency: str) -> str:
    ended = next(
        (one for one in looks if one.verdict in ("gain", "loss", "hopeless", "nothing")), None
    )
    coming = next((one for one in looks if one.verdict == "to come"), None)
    if ended is None:
        done = sum(1 for one in looks if one.verdict == "go on")
        when = "" if coming is None else f" The next is {days_words(coming.day)} after the start."
        return f"{done} of {len(looks)} planned looks taken, and none says to stop.{when}"
    where = (
        f"Look {looks.index(ended) + 1} of {len(looks)}, {days_words(ended.day)} after the start"
    )
    if ended.verdict == "hopeless":
        return f"{where}, says: it is hopeless to go on; the hoped-for gain is not coming."
    if ended.verdict == "nothing":
        return f"{where}, was the last: no difference was found by the planned looks."
    final = _final(plan, looks, stopped, "")
    assert final.estimate is not None  # noqa: S101 - it stopped at a bound
    return (
        f"{where}, says: stop, sending makes a {ended.verdict}. Per person {money(final.estimate, currency, 2)} "
        f"({money_interval(final, currency)}), corrected for stopping early."
    )
