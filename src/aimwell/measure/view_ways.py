"""Views of revenue per person: by other ways of taking out noise, among people of like past spend, over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aimwell.measure.lifts import lift_of_values
from aimwell.measure.model import Span
from aimwell.measure.people import People
from aimwell.measure.view_model import LiftView, Spent, told
from aimwell.stats.adjusting import regression_means, stratified_means
from aimwell.stats.always_valid import as_always_valid, one_look_confidence
from aimwell.stats.clusters import Clusters, cluster_means_difference
from aimwell.stats.cuped import plan_adjustment
from aimwell.stats.effect_over_time import effect_trend
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import welch_means
from aimwell.stats.meta_analysis import homogeneity
from aimwell.stats.samples import Sample
from aimwell.stats.two_means import TwoMeans

__all__ = ["kind_views", "time_views", "way_views"]

_SPENT_BEFORE = ("nothing before", "little before", "much before")
_PERMUTATIONS = 1_999


def way_views(people: People, fraction: float | None) -> list[LiftView]:
    """Revenue per person by other ways of taking out noise: where they agree, the figure does not hang on the way."""
    treated, control = people.arms(people.revenue)
    joints = treated.joint(), control.joint()
    plain: TwoMeans | str = "an arm has under two people"
    if min(treated.n, control.n) >= 2:
        plain = welch_means(treated.sample(), control.sample())
    ways: list[tuple[str, str, TwoMeans | str, str]] = [
        ("plain", "Without past spend", plain, "The plain difference of the two means."),
        (
            "regression",
            "Regression in each group",
            regression_means(*joints, plan_adjustment(*joints)),
            "Past spend may tell of the outcome differently in the two groups (Lin 2013).",
        ),
        (
            "strata",
            "Within kinds of people",
            _strata(people),
            "Compared within people of like past spend, and weighed by their number.",
        ),
    ]
    says_by_person = (
        " Takes people for independent, which they are not, as groups were drawn: too short."
    )
    found = []
    for key, label, means, says in ways:
        found.append(
            _way(
                key,
                label,
                means,
                says + (says_by_person if people.cluster is not None else ""),
                told(means, fraction, label),
            )
        )
    if people.cluster is not None:
        arms = [
            Clusters.of(people.revenue[chosen], people.cluster[chosen])
            for chosen in (people.treated, ~people.treated)
        ]
        level = DEFAULT_CONFIDENCE if fraction is None else one_look_confidence(fraction)
        each = cluster_means_difference(*arms, confidence=level)
        found.append(
            _way(
                "groups_alike",
                "Each group counts alike",
                "by group",
                "The mean of the groups' means: what sending adds in a group, whatever its size.",
                each if fraction is None else as_always_valid(each, fraction=fraction),
            )
        )
    return found


def _way(key: str, label: str, means: TwoMeans | str, says: str, estimate: Estimate) -> LiftView:
    return LiftView(
        key=f"way_{key}",
        label=label,
        group="way",
        unit="money",
        treated=None if isinstance(means, str) else means.treated,
        control=None if isinstance(means, str) else means.control,
        estimate=estimate,
        says=says,
    )


def _kind_of(people: People) -> NDArray[np.int64]:
    """0: spent nothing before; 1, 2: less or more than the median of those who had."""
    before = people.spend_before
    some = before > 0
    middle = float(np.median(before[some])) if some.any() else 0.0
    return np.where(some, np.where(before > middle, 2, 1), 0)


def _strata(people: People) -> TwoMeans | str:
    kind = _kind_of(people)
    return stratified_means(
        {
            int(one): (
                Sample.of(people.revenue[(kind == one) & people.treated]),
                Sample.of(people.revenue[(kind == one) & ~people.treated]),
            )
            for one in np.unique(kind)
        }
    )


def kind_views(
    people: People, seed: int, permutations: int, fraction: float | None
) -> tuple[list[LiftView], float | None]:
    """The effect on people of like past spend, and whether it differs by more than chance."""
    kind = _kind_of(people)
    found, effects, errors = [], [], []
    for number, name in enumerate(_SPENT_BEFORE):
        part = people.take(kind == number)
        if not len(part) or part.treated.all() or not part.treated.any():
            continue
        lift = lift_of_values(
            part,
            part.revenue,
            seed=seed,
            permutations=min(permutations, _PERMUTATIONS),
            fraction=fraction,
        )
        one = lift.difference
        found.append(
            LiftView(
                key=f"kind_{number}",
                label=f"Who had spent {name} ({len(part):,})",
                group="kind",
                unit="money",
                treated=lift.treated.mean,
                control=lift.control.mean,
                estimate=one,
                says="Revenue per person; little and much are under and over the median of those who had spent anything.",
            )
        )
        single = (
            welch_means(*(arm.sample() for arm in part.arms(part.revenue)))
            if people.cluster is None and min(lift.treated.n, lift.control.n) >= 2
            else None
        )
        if single is not None and single.variance > 0.0:
            effects.append(single.treated - single.control)
            errors.append(float(np.sqrt(single.variance)))
    if len(effects) < 2:
        return found, None
    return found, homogeneity(effects, errors).p_value


def time_views(people: People, spent: Spent, span: Span) -> list[LiftView]:
    who, when, amount = spent
    trend = effect_trend(
        who,
        when,
        amount,
        treated=people.treated,
        whole_days=int(min(span.days, span.days_measured)),
        before=people.known,
        cluster=people.cluster,
    )
    return [
        LiftView(
            key="novelty",
            label="Second half of the days less the first",
            group="time",
            unit="money",
            treated=None,
            control=None,
            estimate=trend.late_less_early,
            says="Daily revenue added per person. Clearly under zero: the effect wears off, as what is new does.",
        )
    ]
