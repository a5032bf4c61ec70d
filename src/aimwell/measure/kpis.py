"""The campaign's key figures, each by its formula, each with what sending caused beside it.

The plain figures say what targeted people did; some of them would have done it anyway. The causal figure beside each
compares with the held-out. "Targeted" is everybody who was to be contacted; the held-out are not among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aimwell.measure.churn import LapsePeriod
from aimwell.measure.formatting import count, money, percent, places_for
from aimwell.measure.formulas import cost_of_each, share_of
from aimwell.measure.lifts import NO_CONTROL, lift_of_values, shares_apart
from aimwell.measure.model import Costs, Delivery, Kpi, Metric
from aimwell.measure.people import BoolArray, People
from aimwell.stats.estimate import Estimate, Figure
from aimwell.stats.lift import Lift
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS
from aimwell.stats.samples import FloatArray

__all__ = ["Facts", "kpis"]

_NOBODY = "nobody was targeted"
_TRIAL = "it was a trial, whose messages reach nobody"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the figures are made of, beside the people themselves; `fraction` as in `lift_of`.

    `reached_nobody`: it was a trial, so there was nothing to pay for, open or click.
    """

    currency: str
    goal: str
    audience_size: int
    costs: Costs
    delivery: Delivery
    lapse: LapsePeriod
    value_reason: str | None
    seed: int
    permutations: int = DEFAULT_PERMUTATIONS
    fraction: float | None = None
    reached_nobody: bool = False


def kpis(
    people: People, facts: Facts, *, lifts: dict[Metric, Lift], conversion: Estimate
) -> tuple[Kpi, ...]:
    """All of them, in the order in which a report shows them.

    Args:
        people: All assigned people.
        facts: What else the figures need.
        lifts: As measured; figures shown in two places are computed in one.
        conversion: Difference of the conversion rates, in points.
    """
    return (
        _conversion(people, facts, conversion),
        _acquisition(people, facts),
        _return_on_spend(people, facts, lifts),
        _engagement(facts),
        _value_lift(people, facts),
        _churn(people, facts),
    )


def _conversion(people: People, facts: Facts, difference: Estimate) -> Kpi:
    done, targeted = _counted(people.converted, people.treated)
    value, interval = share_of(done, targeted, _NOBODY)
    return Kpi(
        key="conversion_rate",
        label="Conversion rate",
        unit="percent",
        formula="conversions ÷ targeted customers × 100",
        worked=_worked(f"{count(done)} ÷ {count(targeted)} × 100", targeted),
        value=value,
        interval=interval,
        causal=difference,
        causal_label="against not sending",
        causal_unit="points",
        notes=(
            f"A conversion is a targeted person with '{facts.goal}' within the window, counted once.",
        ),
    )


def _acquisition(people: People, facts: Facts) -> Kpi:
    prospects = ~people.customer
    new, targeted = _counted(people.orders > 0, people.treated & prospects)
    cost, currency = facts.costs.total, facts.currency
    if facts.reached_nobody:
        value = Figure(value=None, reason=_TRIAL)
    elif new:
        value = Figure(value=cost / new)
    else:
        why = (
            "no new customer was acquired"
            if targeted
            else "everybody who was targeted had bought before, so none could become a new customer"
        )
        value = Figure(value=None, reason=why)
    added = shares_apart(people, people.orders > 0, prospects, fraction=facts.fraction).times(
        targeted / 100.0
    )
    return Kpi(
        key="acquisition_cost",
        label="Customer acquisition cost",
        unit="money",
        formula="total campaign cost ÷ new customers acquired",
        worked=_worked(f"{money(cost, currency)} ÷ {count(new)}", value.value is not None),
        value=value,
        interval=None,
        causal=Estimate.missing(_TRIAL, method=added.method)
        if facts.reached_nobody
        else _cost_of_customer(cost, added, people, targeted),
        causal_label="for each customer who would not have come otherwise",
        causal_unit="money",
        notes=(
            "A new customer is a targeted person who had never bought before the start and bought within the "
            "window. The cost is that of the messages sent and of redemptions that revenue does not show.",
        ),
    )


def _cost_of_customer(cost: float, added: Estimate, people: People, targeted: int) -> Estimate:
    """Cost ÷ customers added."""
    method = "campaign cost over the difference of shares"
    held = ~people.treated
    if not held.any():
        return Estimate.missing(NO_CONTROL, method=method)
    if not targeted:
        return Estimate.missing(
            "nobody who was targeted could become a new customer", method=method
        )
    if not (held & ~people.customer).any():
        return Estimate.missing(
            "nobody who was held out could become a new customer", method=method
        )
    return cost_of_each(cost, added, what="any new customer", method=method)


def _return_on_spend(people: People, facts: Facts, lifts: dict[Metric, Lift]) -> Kpi:
    spend, currency = facts.costs.total, facts.currency
    revenue = float(people.revenue[people.treated].sum())
    free = "the campaign cost nothing, so a return on it is not defined"
    causal = (
        lifts["revenue"].total.times(1.0 / spend)
        if spend > 0
        else Estimate.missing(free, method="incremental revenue over spend")
    )
    if not (~people.treated).any():
        causal = Estimate.missing(NO_CONTROL, method="incremental revenue over spend")
    return Kpi(
        key="return_on_ad_spend",
        label="Return on ad spend",
        unit="ratio",
        formula="revenue from campaign ÷ campaign spend",
        worked=_worked(f"{money(revenue, currency)} ÷ {money(spend, currency)}", spend),
        value=Figure(value=revenue / spend) if spend > 0 else Figure(value=None, reason=free),
        interval=None,
        causal=causal,
        causal_label="counting only revenue that would not have come otherwise",
        causal_unit="ratio",
        notes=(
            "Revenue from the campaign is everything that targeted people bought within the window, whatever led "
            "them to it. Spend is the cost of messages, and of offers where revenue does not show it: a discount that "
            "has lowered what was paid is in the revenue already, so it is not counted again as spend.",
        ),
    )


def _engagement(facts: Facts) -> Kpi:
    delivery, audience = facts.delivery, facts.audience_size
    reason = "the audience is empty" if not audience else "nothing was sent"
    if facts.reached_nobody and audience:
        reason = _TRIAL
    if (delivery.sent or delivery.unknown) and not facts.reached_nobody:
        value, interval = share_of(delivery.engaged, audience, reason)
    else:
        value, interval = Figure(value=None, reason=reason), None
    machines = (
        f"; machines alone: {percent(100 * delivery.engaged_machine / audience)}"
        if audience and delivery.engaged_machine
        else ""
    )
    of_sent = (
        f" Of the {count(delivery.sent)} messages sent it is {percent(100 * delivery.engaged / delivery.sent)}."
        if delivery.sent and value.value is not None
        else ""
    )
    return Kpi(
        key="engagement_rate",
        label="Engagement rate",
        unit="percent",
        formula="clicks or opens ÷ total audience × 100",
        worked=_worked(
            f"{count(delivery.engaged)} ÷ {count(audience)} × 100{machines}",
            value.value is not None,
        ),
        value=value,
        interval=interval,
        causal=Estimate.missing(
            "who is held out gets nothing to open or click, so all engagement comes from sending",
            method="none",
        ),
        causal_label="engagement caused by sending",
        causal_unit="points",
        notes=(
            f"People who opened or clicked, once each, among the whole audience.{of_sent} Messages that only "
            f"machines opened or clicked are counted apart: {count(delivery.engaged_machine)}.",
        ),
    )


def _value_lift(people: People, facts: Facts) -> Kpi:
    parts = _valued(people)
    value = Figure(
        value=None, reason=facts.value_reason or "no targeted person had bought before the start"
    )
    causal = Estimate.missing(value.reason or "", method="change of lifetime value")
    worked = ""
    if parts is not None and facts.value_reason is None:
        before, after, treated = parts.value_before, parts.value_after, parts.treated
        assert before is not None and after is not None  # noqa: S101, PT018 - only who has both was taken
        pre = float(before[treated].mean()) if treated.any() else 0.0
        if pre > 0:
            post = float(after[treated].mean())
            value = Figure(value=100 * (post - pre) / pre)
            # With pennies: in whole pounds a small change would look like none.
            places = places_for([0.0], facts.currency)
            shown = money(post, facts.currency, places), money(pre, facts.currency, places)
            worked = f"({shown[0]} − {shown[1]}) ÷ {shown[1]} × 100"
            causal = _value_change(parts, before, after, facts).times(100.0 / pre)
    return Kpi(
        key="lifetime_value_lift",
        label="Lifetime value lift",
        unit="percent",
        formula="(post-campaign CLV − pre-campaign CLV) ÷ pre-campaign CLV × 100",
        worked=worked,
        value=value,
        interval=None,
        causal=causal,
        causal_label="against not sending",
        causal_unit="points",
        notes=(
            "Expected revenue over the next year per targeted customer, by BG/NBD and Gamma-Gamma fitted to what "
            "was known before the campaign. Time alone changes it too; the comparison with the held-out does not "
            "mind.",
        ),
    )


def _valued(people: People) -> People | None:
    """Those who have a value before and after."""
    if people.value_before is None or people.value_after is None:
        return None
    known = ~np.isnan(people.value_before) & ~np.isnan(people.value_after)
    if not known.any():
        return None
    return people.take(known)


def _value_change(people: People, before: FloatArray, after: FloatArray, facts: Facts) -> Estimate:
    """Change of value, treated less held-out, per person, adjusted by the value before."""
    if people.treated.all():
        return Estimate.missing(NO_CONTROL, method="change of lifetime value")
    return lift_of_values(
        replace(people, spend_before=before),
        after - before,
        seed=facts.seed,
        permutations=facts.permutations,
    ).difference


def _churn(people: People, facts: Facts) -> Kpi:
    days = facts.lapse.days
    reason = facts.lapse.reason or (
        f"nobody targeted had bought within the {facts.lapse.days} days before the start, so none was a customer who "
        "could be lost"
    )
    worked = ""
    value: Figure = Figure(value=None, reason=reason)
    interval: Estimate | None = None
    causal = Estimate.missing(reason, method="difference of shares")
    if people.active is not None and people.still_active is not None:
        lost = people.active & ~people.still_active
        gone, start = _counted(lost, people.treated & people.active)
        if start:
            value, interval = share_of(gone, start, reason)
            worked = f"{count(gone)} ÷ {count(start)} × 100"
            held = ~people.treated
            causal = (
                shares_apart(people, lost, people.active, fraction=facts.fraction)
                if held.any()
                else Estimate.missing(NO_CONTROL, method="difference of shares")
            )
    meant = (
        f"A customer is somebody who bought within the last {days} days: nine of ten customers who came back did so "
        "within that time. Lost is who was a customer at the start and is none at the end."
        if days is not None
        else "Lost is who was a customer at the start and is none at the end."
    )
    return Kpi(
        key="churn_rate",
        label="Churn rate",
        unit="percent",
        formula="customers lost ÷ customers at start × 100",
        worked=worked,
        value=value,
        interval=interval,
        causal=causal,
        causal_label="against not sending; below zero means fewer lost",
        causal_unit="points",
        notes=(meant,),
    )


def _counted(did: BoolArray, among: BoolArray) -> tuple[int, int]:
    return int((did & among).sum()), int(among.sum())


def _worked(text: str, defined: object) -> str:
    return text if defined else ""
