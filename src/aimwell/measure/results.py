"""From people and ledger to the whole result: pure, so that the same input and seed give the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.measure import words
from aimwell.measure.actions import ActionFacts, action_results
from aimwell.measure.daily import daily
from aimwell.measure.kpis import Facts, kpis
from aimwell.measure.ledger import Ledger
from aimwell.measure.lifts import (
    NO_CONTROL,
    action_ratio,
    arm_ratio,
    conversion_difference,
    lifts_of,
    profit,
)
from aimwell.measure.model import CampaignResult, Costs, Span, Truth
from aimwell.measure.people import People, arm_figures
from aimwell.measure.reading import Reading
from aimwell.measure.sentence import Opening, opening
from aimwell.stats.buckets import BUCKETS
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS
from aimwell.stats.srm import RatioCheck

__all__ = ["Setting", "result_from"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a result is about, beside its people: the plan, its definitions, when, in which currency."""

    plan: Plan
    parts: CampaignParts
    span: Span
    currency: str
    measured_at: datetime
    truth: Truth | None = None

    @property
    def reached_nobody(self) -> bool:
        """A trial, unless the people are simulated and answered what was sent to them."""
        return self.plan.trial and self.truth is None

    @property
    def holdout(self) -> float:
        """The share that was to be held out, as buckets give it."""
        share: float = self.plan.summary["holdout"]
        return round(share * BUCKETS) / BUCKETS


def result_from(
    reading: Reading,
    ledger: Ledger,
    setting: Setting,
    *,
    seed: int,
    permutations: int = DEFAULT_PERMUTATIONS,
) -> CampaignResult:
    """Measure: lifts, profit, figures, rows by action, and the words for all of it.

    Args:
        reading: The people and what they did.
        ledger: What became of the messages.
        setting: What it is about.
        seed: Of the randomisation test.
        permutations: Of the randomisation test.
    """
    people, plan, span = reading.people, setting.plan, setting.span
    lifts = lifts_of(people, seed=seed, permutations=permutations)
    costs = _costs(people, reading, ledger, reached_nobody=setting.reached_nobody)
    earned = _explained(profit(lifts, contact_cost=costs.contact), people)
    headline: Literal["profit", "revenue"] = "profit" if "margin" in lifts else "revenue"
    ratio = arm_ratio(people, holdout=setting.holdout)
    by_action = action_ratio(people, holdout=setting.holdout)
    treated, control = arm_figures(people, people.treated), arm_figures(people, ~people.treated)
    verdict, sentence = opening(
        Opening(
            amount=earned if headline == "profit" else lifts["revenue"].total,
            headline=headline,
            currency=setting.currency,
            span=span,
            delivery=ledger.delivery,
            reached_nobody=setting.reached_nobody,
            treated=treated.people,
            control=control.people,
            treated_revenue=treated.revenue,
            mismatch=_mismatch(ratio, by_action),
        )
    )
    conversion = conversion_difference(people)
    facts = _action_facts(setting, ledger)
    rows = [
        action_results(
            people,
            facts,
            holdout=setting.holdout,
            by_variant=by_variant,
            seed=seed,
            permutations=permutations,
        )
        for by_variant in (False, True)
    ]
    result = CampaignResult(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        state=plan.state,
        trial=plan.trial,
        audience=plan.summary["audience"],
        goal=plan.summary["goal"],
        currency=setting.currency,
        measured_at=setting.measured_at,
        seed=seed,
        confidence=DEFAULT_CONFIDENCE,
        span=span,
        verdict=verdict,
        sentence=sentence,
        headline=headline,
        audience_size=plan.summary["audience_size"],
        excluded=dict(plan.summary["excluded"]),
        treated=treated,
        control=control,
        lifts=lifts,
        profit=earned,
        conversion_difference=conversion,
        costs=costs,
        kpis=kpis(
            people,
            Facts(
                currency=setting.currency,
                goal=setting.parts.campaign.goal.event,
                audience_size=plan.summary["audience_size"],
                costs=costs,
                delivery=ledger.delivery,
                lapse=reading.lapse,
                value_reason=reading.value_reason,
                seed=seed,
            ),
            lifts=lifts,
            conversion=conversion,
        ),
        actions=rows[0],
        variants=rows[1] if len(rows[1]) > len(rows[0]) else (),
        delivery=ledger.delivery,
        ratio=ratio,
        ratio_of_actions=by_action,
        daily=daily(
            reading.spent_by,
            reading.spent_on,
            reading.spent,
            treated=people.treated,
            days_measured=span.days_measured,
        ),
        merged=reading.merged,
        crossed=reading.crossed,
        methods=(),
        caveats=(),
        truth=setting.truth,
    )
    return words.explained(
        result,
        margin_unknown=people.margin_unknown,
        newest_order_at=reading.newest_order_at,
        reached_nobody=setting.reached_nobody,
    )


def _costs(people: People, reading: Reading, ledger: Ledger, *, reached_nobody: bool) -> Costs:
    """A trial's messages went nowhere, so they cost nothing."""
    treated = people.treated
    return Costs(
        contact=0.0 if reached_nobody else ledger.delivery.cost,
        offers=float(people.offer_cost[treated].sum()),
        offers_control=float(people.offer_cost[~treated].sum()),
        redemptions=int(reading.redemptions[treated].sum()),
        redemptions_control=int(reading.redemptions[~treated].sum()),
    )


def _explained(earned: Estimate, people: People) -> Estimate:
    """Where nobody was held out, that is the reason and not the size of an arm."""
    if earned.defined or people.margin_unknown or not people.treated.all():
        return earned
    return Estimate.missing(NO_CONTROL, method=earned.method, confidence=earned.confidence)


def _mismatch(*checks: RatioCheck | None) -> bool:
    return any(check is not None and bool(check.mismatch) for check in checks)


def _action_facts(setting: Setting, ledger: Ledger) -> dict[str, ActionFacts]:
    free = setting.reached_nobody
    return {
        action.key: ActionFacts(
            channel=action.channel,
            offer=action.offer,
            sent={c.variant: n for c, n in ledger.sent.items() if c.action == action.key},
            cost={
                c.variant: 0.0 if free else cost
                for c, cost in ledger.cost.items()
                if c.action == action.key
            },
        )
        for action in setting.parts.campaign.actions
    }
