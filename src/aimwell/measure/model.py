"""What a measured campaign is made of. Nothing in it names a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from aimwell.stats.bayes import Belief
from aimwell.stats.estimate import Estimate, Figure
from aimwell.stats.lift import Lift
from aimwell.stats.srm import RatioCheck

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from aimwell.decide.stops import Stop
    from aimwell.measure.feedback.of_campaign import SaidInWindow
    from aimwell.measure.series_model import Series
    from aimwell.measure.view_model import LiftViews

__all__ = [
    "ActionResult",
    "ArmFigures",
    "CampaignResult",
    "ChosenFor",
    "Costs",
    "DailyPoint",
    "Delivery",
    "Kpi",
    "Metric",
    "Revision",
    "Span",
    "Truth",
    "Unit",
    "Verdict",
    "plain",
]

Metric = Literal["revenue", "margin", "orders", "conversion"]
Unit = Literal["percent", "points", "money", "ratio", "orders", "share"]
Verdict = Literal[
    "gain", "loss", "unsure", "no_control", "not_sent", "trial", "undefined", "mismatch"
]


@dataclass(frozen=True, kw_only=True)
class Span:
    """When outcomes count: from `starts_at` on and before `measured_until`.

    `ends_at` is the end of the campaign's window; an unfinished window is measured up to now.
    """

    starts_at: datetime
    ends_at: datetime
    measured_until: datetime

    @property
    def finished(self) -> bool:
        """Whether the whole window has passed."""
        return self.measured_until >= self.ends_at

    @property
    def fraction(self) -> float | None:
        """The share of an open window that has passed; None once it is over, for the one look that was planned."""
        return None if self.finished else self.days_measured / self.days

    @property
    def days(self) -> float:
        """Length of the campaign's window."""
        return (self.ends_at - self.starts_at).total_seconds() / 86_400

    @property
    def days_measured(self) -> float:
        """Length of what has been measured."""
        return (self.measured_until - self.starts_at).total_seconds() / 86_400


@dataclass(frozen=True, kw_only=True)
class ArmFigures:
    """One arm as it was observed. Figures per person are None where nobody is in it.

    `margin` is what the goods earned less what offers cost; None where it is unknown.
    """

    people: int
    converted: int
    buyers: int
    orders: int
    revenue: float
    margin: float | None
    conversion_percent: float | None
    revenue_per_person: float | None
    margin_per_person: float | None


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One figure with its formula, and beside it what sending *caused*.

    Attributes:
        key, label: Its name, for programs and for readers.
        unit: Of `value` and `interval`.
        formula: In words.
        worked: The formula with the numbers in it; empty where there is no figure.
        value: The figure, or the reason why there is none.
        interval: How sure the figure itself is; None where that makes no sense.
        causal: What sending added, with its interval; missing with a reason.
        causal_label, causal_unit: What `causal` counts.
        notes: How its words are meant.
    """

    key: str
    label: str
    unit: Unit
    formula: str
    worked: str
    value: Figure
    interval: Estimate | None
    causal: Estimate
    causal_label: str
    causal_unit: Unit
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChosenFor:
    """Those for whom a policy chose an action before chance decided who is held out and who explores.

    Attributes:
        people: Of them those who were left to the policy (not held out, nothing at random), whom no earlier wave drew.
        held_out: Of the held-out those for whom it was chosen.
        got: How many of `people` got the action; to the others the limits gave something else, or nothing.
        contact_cost: Of `people`.
        drawn_before: For whom it was chosen too, but an earlier wave of the campaign drew them, so they are not compared.
        difference: Of `people` from `held_out`, per person, of the metric of the row and with its confidence.
        profit: That difference times `people`, less `contact_cost`.
    """

    people: int
    held_out: int
    got: int
    contact_cost: float
    drawn_before: int
    difference: Estimate
    profit: Estimate


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """The people of one action, or of one content variant of it, against all who were held out.

    Attributes:
        variant: None for the action as a whole.
        difference: Of `metric`, per person. With k rows its confidence is 1 − 0.05 / k, so that all intervals hold
            at once in 95 of 100 campaigns.
        profit: Amount that the action added after contact cost; of those who got it where all had the same probability of it, else of those
            for whom it was chosen (`chosen`). Missing where margin is unknown, and where chances differed and no policy chose.
        profit_of_all: The same if everybody who was assigned got the action, at the contact cost of those who did.
        p_adjusted: p-value of the difference after Holm's correction for the number of rows compared.
        effective: How many people of the action tell as much, all weighed alike, where people had different probabilities and are
            weighed by one over them; the difference is then that on everybody who was assigned. None where all had the same.
        chosen: Those for whom it was chosen, where people had different probabilities because a policy chose; else None.
    """

    action: str
    variant: str | None
    channel: str
    offer: str | None
    figures: ArmFigures
    sent: int
    contact_cost: float
    metric: Metric
    difference: Estimate
    profit: Estimate
    p_adjusted: float | None
    effective: float | None = None
    profit_of_all: Estimate
    chosen: ChosenFor | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of the messages of a plan; each person has one message.

    `stopped`, `failed` count by reason. Opens and clicks count messages, once each; `…_machine` are those with
    signs of a machine alone. `cost` is that of the messages sent.
    """

    messages: int = 0
    sent: int = 0
    waiting: int = 0
    unknown: int = 0
    stopped: Mapping[str, int]
    failed: Mapping[str, int]
    opened: int = 0
    opened_machine: int = 0
    clicked: int = 0
    clicked_machine: int = 0
    engaged: int = 0
    engaged_machine: int = 0
    unsubscribed: int = 0
    bounced: int = 0
    complained: int = 0
    shared: int = 0
    cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the campaign cost, in the workspace currency.

    Attributes:
        contact: Of messages really sent.
        offers: Of redemptions by targeted people, where the orders' revenue does not show it already.
        offers_control: The same by held-out people who used the code all the same.
        redemptions, redemptions_control: How many.
    """

    contact: float
    offers: float
    offers_control: float
    redemptions: int
    redemptions_control: int

    @property
    def total(self) -> float:
        """Campaign cost: contact and offers."""
        return self.contact + self.offers


@dataclass(frozen=True, kw_only=True)
class DailyPoint:
    """Revenue per person up to the end of one day after the start, in one arm, with the interval of the mean."""

    day: float
    arm: Literal["treatment", "control"]
    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What sending really added, known because the people are simulated. Totals over the targeted people."""

    source: str
    revenue: float | None = None
    profit: float | None = None


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What came back after the window of what was sold in it, and the lift of revenue with that off.

    Attributes:
        until: Up to when returns were looked for.
        returned_treated, returned_control: Revenue that came back, by arm.
        difference, total: Of revenue, per person and of all who were contacted.
        sentence: In words.
    """

    until: datetime
    returned_treated: float
    returned_control: float
    difference: Estimate
    total: Estimate
    sentence: str


@dataclass(frozen=True, kw_only=True)
class CampaignResult:
    """Everything that was measured of one plan.

    Attributes:
        timezone: The workspace's, in which a reader sees dates; the moments themselves are UTC.
        lifts: By metric; `margin` is there only where every margin is known, and is net of offer costs.
        profit: Amount that sending added: incremental margin less contact cost.
        headline: Which of `profit` and the revenue lift the opening sentence speaks of.
        conversion_difference: Difference of the two conversion rates, in points.
        merged: Targeted or held-out people who were several when the plan was made.
        crossed: Those of them who were both treated and held out; the earliest assignment counts.
        erased: Assigned people who were erased since. What they did is not known any more, so they do not count.
        belief: The Bayesian view of the revenue per person that sending adds, beside the lift; None where there is none.
        views: The effect from other sides: on the reached, ratios, quantiles, over time; None where nobody looked.
        series: What the waves of a campaign that runs on say together; None where under two are over.
        stops: Where guardrails held the plan up, in the order of time.
        revision: What later returns change; None where nothing came back since the window closed.
        said: What people said in the window; None where nobody said anything, or nobody looked.
        methods: How it was measured, in words.
        caveats: What a reader must know before believing it.
    """

    plan_id: str
    campaign: str
    state: str
    trial: bool
    audience: str
    goal: str
    currency: str
    timezone: str
    measured_at: datetime
    seed: int
    confidence: float
    span: Span
    verdict: Verdict
    sentence: str
    headline: Literal["profit", "revenue"]
    audience_size: int
    excluded: Mapping[str, int]
    treated: ArmFigures
    control: ArmFigures
    lifts: Mapping[Metric, Lift]
    profit: Estimate
    conversion_difference: Estimate
    costs: Costs
    kpis: tuple[Kpi, ...]
    actions: tuple[ActionResult, ...]
    variants: tuple[ActionResult, ...]
    delivery: Delivery
    ratio: RatioCheck | None
    ratio_of_actions: RatioCheck | None
    daily: tuple[DailyPoint, ...]
    merged: int
    crossed: int
    methods: tuple[str, ...]
    caveats: tuple[str, ...]
    truth: Truth | None = None
    erased: int = 0
    belief: Belief | None = None
    views: LiftViews | None = None
    series: Series | None = None
    stops: tuple[Stop, ...] = ()
    revision: Revision | None = None
    said: SaidInWindow | None = None

    @property
    def headline_estimate(self) -> Estimate:
        """The amount that the opening sentence speaks of."""
        return self.profit if self.headline == "profit" else self.lifts["revenue"].total

    def kpi(self, key: str) -> Kpi:
        """One KPI by its key."""
        return next(kpi for kpi in self.kpis if kpi.key == key)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: plain values, times in ISO 8601."""
        body = plain_fields(self)
        body["headline_estimate"] = plain(self.headline_estimate)
        body["span"] |= {
            "finished": self.span.finished,
            "days": self.span.days,
            "days_measured": self.span.days_measured,
        }
        body["costs"]["total"] = self.costs.total
        return body


def plain_fields(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a data class, each as `plain` gives it."""
    return {field.name: plain(getattr(value, field.name)) for field in fields(value)}


def plain(value: Any) -> Any:
    """A result as JSON can say it: data classes as mappings, times in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain_fields(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
