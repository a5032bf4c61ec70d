"""Views of other metrics: the effect on the reached, ratios and quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aimwell.measure.lifts import conversion_difference
from aimwell.measure.model import Metric, Unit
from aimwell.measure.people import BoolArray, People
from aimwell.measure.view_model import LiftView, Spent, told
from aimwell.stats.always_valid import as_always_valid, one_look_confidence
from aimwell.stats.cuped import plan_adjustment
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.intervals import wilson
from aimwell.stats.lift import Lift
from aimwell.stats.quantile_metrics import quantile_means
from aimwell.stats.ratio_metrics import ratio_means
from aimwell.stats.reached import reached_effect
from aimwell.stats.samples import FloatArray, JointSample

__all__ = ["answer_views", "quantile_views", "ratio_views", "reached_views"]


def _joint(people: People, chosen: BoolArray, columns: Sequence[FloatArray]) -> JointSample:
    """Outcome and further columns of an arm; sums of each group where groups were drawn, as they are the units."""
    table = np.column_stack([column[chosen] for column in columns])
    if people.cluster is not None:
        _, owner = np.unique(people.cluster[chosen], return_inverse=True)
        groups = int(owner.max()) + 1 if len(owner) else 0
        table = np.column_stack(
            [np.bincount(owner, weights=column, minlength=groups) for column in table.T]
        )
    return JointSample.of(table[:, 0], table[:, 1:])


def _less_past(people: People, values: FloatArray) -> FloatArray:
    """An outcome less what past spend says of it, with one slope for both arms."""
    treated, control = people.arms(values)
    adjustment = plan_adjustment(treated.joint(), control.joint())
    if not adjustment.active:
        return values
    before = people.spend_before
    return np.asarray(values - adjustment.theta[0] * (before - before.mean()), dtype=np.float64)


def reached_views(
    people: People, lifts: dict[Metric, Lift], fraction: float | None
) -> list[LiftView]:
    found = []
    given: list[tuple[str, str, BoolArray | None]] = [
        ("reached", "reached by a message", people.reached),
        ("opened", "who opened it", people.opened),
    ]
    metrics: list[tuple[Metric, str, Unit]] = [
        ("revenue", "Revenue", "money"),
        ("margin", "Margin", "money"),
        ("conversion", "Conversion", "share"),
    ]
    for key, whom, flags in given:
        if flags is None or not (flags & people.treated).any():
            continue
        got, meant = int((flags & people.treated).sum()), int(people.treated.sum())
        # Another method would give the same effect another interval, and seem to contradict it.
        all_reached = key == "reached" and np.array_equal(flags, people.treated)
        for metric, label, unit in metrics:
            if metric not in lifts or (key == "opened" and metric != "revenue"):
                continue
            if all_reached:
                effect = (
                    conversion_difference(people, fraction=fraction).times(0.01)
                    if metric == "conversion"
                    else lifts[metric].difference
                )
                says = f"All {meant:,} contacted people were {whom}, so this is the effect on everybody."
            else:
                effect = _on_reached(people, metric, flags, fraction)
                says = (
                    f"What it added for each of the {got:,} of {meant:,} contacted people {whom} (local average effect, assignment as the "
                    "instrument, past spend taken off)."
                )
            if key == "opened":
                says += " It takes for granted that a message that nobody opened does nothing."
            found.append(
                LiftView(
                    key=f"{key}_{metric}",
                    label=f"{label} per person {whom}",
                    group="reached",
                    unit=unit,
                    treated=None,
                    control=None,
                    estimate=effect,
                    says=says,
                )
            )
    return found


def _on_reached(
    people: People, metric: Metric, flags: BoolArray, fraction: float | None
) -> Estimate:
    columns = [_less_past(people, people.outcome(metric)), flags.astype(np.float64)]
    effect = reached_effect(
        _joint(people, people.treated, columns),
        _joint(people, ~people.treated, columns),
        confidence=DEFAULT_CONFIDENCE if fraction is None else one_look_confidence(fraction),
    ).effect
    return effect if fraction is None else as_always_valid(effect, fraction=fraction)


def ratio_views(people: People, fraction: float | None) -> list[LiftView]:
    buyers = (people.orders > 0).astype(np.float64)
    wanted: list[tuple[str, str, Unit, FloatArray, FloatArray]] = [
        ("revenue_per_order", "Revenue per order", "money", people.revenue, people.orders),
        ("orders_per_buyer", "Orders per buyer", "ratio", people.orders, buyers),
    ]
    if not people.margin_unknown:
        margin = people.outcome("margin")
        wanted.append(
            ("margin_of_revenue", "Margin as a share of revenue", "share", margin, people.revenue)
        )
    found = []
    for key, label, unit, top, bottom in wanted:
        means = ratio_means(
            _joint(people, people.treated, [top, bottom]),
            _joint(people, ~people.treated, [top, bottom]),
        )
        found.append(
            LiftView(
                key=key,
                label=label,
                group="ratio",
                unit=unit,
                treated=None if isinstance(means, str) else means.treated,
                control=None if isinstance(means, str) else means.control,
                estimate=told(means, fraction, "delta method for a ratio of means"),
                says="Who buys differs between the groups if sending brings buyers, so this says what orders look like and not what they earned.",
            )
        )
    return found


def quantile_views(people: People, spent: Spent, fraction: float | None) -> list[LiftView]:
    who, _when, amount = spent
    bought = amount > 0
    who, amount = who[bought], amount[bought]
    owners = who if people.cluster is None else people.cluster[who]
    treated = people.treated[who]
    found = []
    for quantile, label in ((0.5, "Median order"), (0.9, "Order that nine of ten stay under")):
        means = (
            quantile_means(
                amount[treated],
                amount[~treated],
                quantile=quantile,
                treated_clusters=owners[treated],
                control_clusters=owners[~treated],
            )
            if treated.any() and not treated.all()
            else "nobody in one of the groups bought anything"
        )
        found.append(
            LiftView(
                key=f"order_value_q{round(100 * quantile)}",
                label=label,
                group="quantile",
                unit="money",
                treated=None if isinstance(means, str) else means.treated,
                control=None if isinstance(means, str) else means.control,
                estimate=told(means, fraction, "difference of quantiles"),
                says="Orders of one person go together in its interval. It does not mind a few very large orders.",
            )
        )
    return found


def answer_views(people: People) -> list[LiftView]:
    """Of the contacted alone: nobody held out has anything to open, so these are no differences."""
    if people.opened is None or people.clicked is None or people.reached is None:
        return []
    wanted = (
        (
            "click_per_open",
            "Clicked, of who opened",
            people.clicked,
            people.opened | people.clicked,
        ),
        ("conversion_per_open", "Converted, of who opened", people.converted, people.opened),
        ("conversion_per_click", "Converted, of who clicked", people.converted, people.clicked),
    )
    found = []
    for key, label, did, among in wanted:
        among = among & people.treated
        done, of = int((did & among).sum()), int(among.sum())
        share = (
            wilson(done, of)
            if of
            else Estimate.missing("no person opened or clicked", method="Wilson")
        )
        found.append(
            LiftView(
                key=key,
                label=label,
                group="ratio",
                unit="share",
                treated=share.estimate,
                control=None,
                estimate=share,
                says="Of contacted people alone: who is held out has nothing to open. It is not what sending caused.",
            )
        )
    return found
