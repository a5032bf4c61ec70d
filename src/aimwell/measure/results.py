"""From people and ledger to the whole result: pure, so that the same input and seed give the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import Plan
from aimwell.decide.stops import Stop
from aimwell.measure import words
from aimwell.measure.actions import ActionFacts, action_results
from aimwell.measure.belief import Earlier, belief
from aimwell.measure.comparing import with_targets
from aimwell.measure.daily import daily
from aimwell.measure.feedback.of_campaign import SaidInWindow
from aimwell.measure.kpis import Facts, kpis
from aimwell.measure.ledger import Ledger
from aimwell.measure.lift_views import lift_views
from aimwell.measure.lifts import (
    NO_CONTROL,
    action_ratio,
    arm_ratio,
    conversion_difference,
    lifts_of,
    profit,
)
from aimwell.measure.model import (
    ActionResult,
    CampaignResult,
    Costs,
    DailyPoint,
    Metric,
    Revision,
    Span,
    Truth,
)
from aimwell.measure.people import People, arm_figures
from aimwell.measure.planned_looks import group_or_person_means, planned_looks
from aimwell.measure.reading import Reading
from aimwell.measure.sentence import Opening, opening
from aimwell.measure.series_model import Series
from aimwell.measure.spans import holdout_of
from aimwell.measure.strength import strength_of
from aimwell.measure.view_model import LiftViews
from aimwell.stats.estimate import DEFAULT_CONFIDENCE, Estimate
from aimwell.stats.lift import Lift
from aimwell.stats.randomisation import DEFAULT_PERMUTATIONS
from aimwell.stats.spillover import Spillover
from aimwell.stats.srm import RatioCheck

__all__ = ["Setting", "result_from"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a result is about, beside its people: the plan, its definitions, when, in which currency and time zone.

    `spillover`: how many people held out live with people who were contacted.
    """

    plan: Plan
    parts: CampaignParts
    span: Span
    currency: str
    timezone: str
    measured_at: datetime
    truth: Truth | None = None
    spillover: Spillover | None = None

    @property
    def reached_nobody(self) -> bool:
        """A trial, unless the people are simulated and answered what was sent to them."""
        return self.plan.trial and self.truth is None


def result_from(
    reading: Reading,
    ledger: Ledger,
    setting: Setting,
    *,
    seed: int,
    permutations: int = DEFAULT_PERMUTATIONS,
    erased: int = 0,
    earlier: Sequence[Earlier] = (),
    series: Series | None = None,
    stops: Sequence[Stop] = (),
    revision: Revision | None = None,
    said: SaidInWindow | None = None,
) -> CampaignResult:
    """Measure: lifts, profit, figures, rows by action, and the words for all of it.

    Args:
        reading: The people and what they did.
        ledger: What became of the messages.
        setting: What it is about.
        seed: Of the randomisation test.
        permutations: Of the randomisation test.
        erased: Assigned people who are not among the people read, because they were erased.
        earlier: Lifts of earlier campaigns, for the Bayesian view.
        series: What the waves up to this one say together.
        stops: Where guardrails held the plan up, in the order of time.
        revision: What came back after the window.
        said: What people said in it.
    """
    people, plan = reading.people, setting.plan
    fraction = setting.span.fraction
    lifts = lifts_of(people, seed=seed, permutations=permutations, fraction=fraction)
    costs = _costs(people, reading, ledger, reached_nobody=setting.reached_nobody)
    earned = _explained(profit(lifts, contact_cost=costs.contact), people)
    conversion = conversion_difference(people, fraction=fraction)
    checks = (
        arm_ratio(people, holdout=holdout_of(setting.plan)),
        action_ratio(people, holdout=holdout_of(setting.plan)),
    )
    opened = _opening(setting, ledger, people, lifts, earned, checks)
    verdict, sentence = opening(opened)
    by_action, by_variant = _rows(people, setting, ledger, seed, permutations)
    facts = Facts(
        currency=setting.currency,
        goal=setting.parts.campaign.goal.event,
        audience_size=plan.summary["audience_size"],
        costs=costs,
        delivery=ledger.delivery,
        lapse=reading.lapse,
        value_reason=reading.value_reason,
        seed=seed,
        permutations=permutations,
        fraction=fraction,
        reached_nobody=setting.reached_nobody,
    )
    result = CampaignResult(
        plan_id=plan.plan_id,
        campaign=plan.campaign,
        state=plan.state,
        trial=plan.trial,
        audience=plan.summary["audience"],
        goal=plan.summary["goal"],
        currency=setting.currency,
        timezone=setting.timezone,
        measured_at=setting.measured_at,
        seed=seed,
        confidence=DEFAULT_CONFIDENCE,
        span=setting.span,
        verdict=verdict,
        sentence=sentence,
        headline=opened.headline,
        audience_size=plan.summary["audience_size"],
        excluded=dict(plan.summary["excluded"]),
        treated=arm_figures(people, people.treated),
        control=arm_figures(people, ~people.treated),
        lifts=lifts,
        profit=earned,
        conversion_difference=conversion,
        costs=costs,
        kpis=with_targets(
            kpis(people, facts, lifts=lifts, conversion=conversion),
            setting.parts.campaign.targets,
            currency=setting.currency,
        ),
        actions=by_action,
        variants=by_variant,
        delivery=ledger.delivery,
        ratio=checks[0],
        ratio_of_actions=checks[1],
        daily=_daily(reading, setting),
        merged=reading.merged,
        crossed=reading.crossed,
        methods=(),
        caveats=(),
        truth=setting.truth,
        erased=erased,
        belief=None if setting.reached_nobody else belief(people, earlier),
        views=_views(reading, setting, lifts, seed=seed, permutations=permutations),
        series=series,
        stops=tuple(stops),
        revision=revision,
        said=said,
    )
    return words.explained(
        result,
        margin_unknown=people.margin_unknown,
        newest_order_at=reading.newest_order_at,
        reached_nobody=setting.reached_nobody,
        spillover=None if setting.spillover is None else setting.spillover.warning,
    )


def _views(
    reading: Reading,
    setting: Setting,
    lifts: dict[Metric, Lift],
    *,
    seed: int,
    permutations: int,
) -> LiftViews:
    people, span = reading.people, setting.span
    spent = reading.spent_by, reading.spent_on, reading.spent
    wanted = setting.parts.campaign.looks
    means = NO_CONTROL if people.treated.all() else group_or_person_means(people, people.revenue)
    return lift_views(
        people,
        spent,
        lifts,
        span=span,
        seed=seed,
        permutations=permutations,
        strength=strength_of(
            means, lifts["revenue"].difference, people=len(people), currency=setting.currency
        ),
        looks=None
        if wanted is None or people.treated.all()
        else planned_looks(people, spent, wanted, span, currency=setting.currency),
        spillover=setting.spillover,
        reached_nobody=setting.reached_nobody,
    )


def _opening(
    setting: Setting,
    ledger: Ledger,
    people: People,
    lifts: Mapping[Metric, Lift],
    earned: Estimate,
    checks: tuple[RatioCheck | None, ...],
) -> Opening:
    """What the sentence depends on. It speaks of profit where every margin is known, else of revenue."""
    known = "margin" in lifts
    treated = people.treated
    return Opening(
        amount=earned if known else lifts["revenue"].total,
        headline="profit" if known else "revenue",
        currency=setting.currency,
        span=setting.span,
        delivery=ledger.delivery,
        reached_nobody=setting.reached_nobody,
        treated=int(treated.sum()),
        control=int((~treated).sum()),
        treated_revenue=float(people.revenue[treated].sum()),
        mismatch=any(check is not None and bool(check.mismatch) for check in checks),
    )


def _rows(
    people: People, setting: Setting, ledger: Ledger, seed: int, permutations: int
) -> tuple[tuple[ActionResult, ...], tuple[ActionResult, ...]]:
    """By action, and by variant where any action has several."""
    facts = _action_facts(setting, ledger)
    by_action, by_variant = (
        action_results(
            people,
            facts,
            holdout=holdout_of(setting.plan),
            by_variant=variants,
            seed=seed,
            permutations=permutations,
            fraction=setting.span.fraction,
        )
        for variants in (False, True)
    )
    return by_action, by_variant if len(by_variant) > len(by_action) else ()


def _daily(reading: Reading, setting: Setting) -> tuple[DailyPoint, ...]:
    return daily(
        reading.spent_by,
        reading.spent_on,
        reading.spent,
        treated=reading.people.treated,
        days_measured=setting.span.days_measured,
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
