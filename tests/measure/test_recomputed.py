"""Every number of a report on Online Retail, computed a second time from the rows of the lake.

Nothing of Aimwell's own SQL, features or statistics is used for the second time: plain Python over the Delta tables,
NumPy, and SciPy's general functions. Only who was drawn into which arm is taken from the plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from deltalake import DeltaTable
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1
from scipy.stats import binomtest, norm, skew

from aimwell.decide.service import approve, plan
from aimwell.decide.stored import places
from aimwell.deliver import service as deliver
from aimwell.measure.model import CampaignResult, Truth
from aimwell.measure.report import report_html
from aimwell.measure.service import measure
from aimwell.store.stores import Stores
from retail_trials import AUDIENCES, apply_trials
from shop import make_stores, online_retail

pytestmark = pytest.mark.slow

ZONE = ZoneInfo("Europe/London")
START = datetime(2011, 9, 1, tzinfo=ZONE).astimezone(UTC)
END = START + timedelta(days=90)
NOW = datetime(2012, 1, 1, tzinfo=UTC)
MARGIN, COST = 0.4, 0.02


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(
        tmp_path_factory.mktemp("retail"),
        currency="GBP",
        timezone="Europe/London",
        margin_default=MARGIN,
    )
    online_retail(opened)
    apply_trials(opened, salt="recomputed", goal={"window": "90d", "value": "margin"}, now=NOW)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Rows:
    """The orders of the lake as they lie there."""

    rows: list[dict[str, Any]]

    @cached_property
    def sales(self) -> dict[tuple[str, str], datetime]:
        return {
            (row["origin_id"], row["order_id"]): row["ordered_at"]
            for row in self.rows
            if row["kind"] == "sale"
        }

    def until(self, moment: datetime) -> Rows:
        return Rows([row for row in self.rows if row["ordered_at"] < moment])

    @staticmethod
    def about(row: dict[str, Any]) -> tuple[str, str]:
        return row["origin_id"], row["original_order_id"] or row["order_id"]

    def kept(self) -> list[tuple[str, datetime, float]]:
        """Who bought when for how much, net of known returns; what was wholly returned left out."""
        rest: dict[tuple[str, str], float] = defaultdict(float)
        returned = set()
        for row in self.rows:
            rest[self.about(row)] += float(row["revenue"])
            if row["kind"] == "return" and row["revenue"]:
                returned.add(self.about(row))
        return [
            (key[0], at, rest[key])
            for key, at in self.sales.items()
            if key not in returned or rest[key] > 1e-9
        ]


@dataclass(frozen=True)
class Recomputed:
    """People in a fixed order, with what each did."""

    treated: np.ndarray
    revenue: np.ndarray
    orders: np.ndarray
    before: np.ndarray
    last_before: list[datetime | None]
    last: list[datetime | None]
    origins: list[str]

    def adjusted(self, outcome: np.ndarray) -> float:
        """The coefficient of treatment beside past spend."""
        table = np.column_stack([np.ones(len(outcome)), self.treated, self.before])
        return float(np.linalg.lstsq(table, outcome, rcond=None)[0][1])

    def residuals(self, outcome: np.ndarray) -> np.ndarray:
        table = np.column_stack([np.ones(len(outcome)), self.before])
        found: np.ndarray = outcome - table @ np.linalg.lstsq(table, outcome, rcond=None)[0]
        return found

    def tails(self, outcome: np.ndarray, effect: float, draws: int = 4_000) -> tuple[float, float]:
        """Shares of random divisions whose studentised difference is at most, at least, that of the real one."""
        left = self.residuals(outcome) - effect * self.residuals(self.treated.astype(float))
        rng = np.random.default_rng(11)

        def statistic(arm: np.ndarray) -> float:
            one, other = left[arm], left[~arm]
            spread = one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)
            return float((one.mean() - other.mean()) / np.sqrt(spread))

        seen = statistic(self.treated)
        drawn = np.array([statistic(rng.permutation(self.treated)) for _ in range(draws)])
        return float((drawn <= seen).mean()), float((drawn >= seen).mean())


def _recomputed(lake: Rows, origins: list[str], treated: list[bool]) -> Recomputed:
    place = {origin: number for number, origin in enumerate(origins)}
    revenue, before, orders = (np.zeros(len(origins)) for _ in range(3))
    earlier = {key for key, at in lake.sales.items() if at < START}
    for row in lake.rows:
        number = place.get(row["origin_id"])
        if number is None:
            continue
        if row["ordered_at"] < START:
            before[number] += float(row["revenue"])
        elif row["ordered_at"] < END and (row["kind"] == "sale" or lake.about(row) not in earlier):
            revenue[number] += float(row["revenue"])
    window = Rows([row for row in lake.rows if START <= row["ordered_at"] < END])
    last_before: list[datetime | None] = [None] * len(origins)
    for origin, at, _ in lake.until(START).kept():
        if origin in place:
            number = place[origin]
            last_before[number] = max(at, last_before[number] or at)
    last = list(last_before)
    for origin, at, _ in window.kept():
        if origin in place:
            number = place[origin]
            orders[number] += 1
            last[number] = max(at, last[number] or at)
    return Recomputed(np.array(treated), revenue, orders, before, last_before, last, origins)


@dataclass(frozen=True)
class Case:
    """One report and its second computation."""

    result: CampaignResult
    own: Recomputed
    lake: Rows


@pytest.fixture(
    scope="module",
    params=[
        "lapsing",
        *(pytest.param(n, marks=pytest.mark.long) for n in AUDIENCES if n != "lapsing"),
    ],
)
def case(request: pytest.FixtureRequest, stores: Stores) -> Case:
    made = plan(stores, request.param, now=NOW, as_of=START, by="test")
    approve(stores, made.plan_id, now=NOW, by="test")
    deliver.execute(stores, made.plan_id, now=NOW, by="test")
    deliver.run_sending(stores, made.plan_id, clock=lambda: NOW)
    # As if the people had answered: then messages cost, and the words are those of a real campaign.
    result = measure(stores, made.plan_id, now=NOW, truth=Truth(source="nobody"))
    table = DeltaTable(str(Path(stores.root) / "lake" / "orders")).to_pyarrow_table()
    lake = Rows([row for row in table.to_pylist() if row["origin_id"] is not None])
    drawn = places(stores.control, made.plan_id, arms=("treatment", "control"))
    own = _recomputed(
        lake, [one.origin_id for one in drawn], [one.arm == "treatment" for one in drawn]
    )
    return Case(result, own, lake)


def test_both_arms_did_what_the_report_says(case: Case) -> None:
    for arm, chosen in (
        (case.result.treated, case.own.treated),
        (case.result.control, ~case.own.treated),
    ):
        assert arm.people == chosen.sum()
        assert arm.converted == arm.buyers == (case.own.orders[chosen] > 0).sum()
        assert arm.orders == case.own.orders[chosen].sum()
        assert arm.revenue == pytest.approx(case.own.revenue[chosen].sum(), abs=1e-6)
        assert arm.margin == pytest.approx(MARGIN * case.own.revenue[chosen].sum(), abs=0.02)


def test_the_lift_is_that_of_a_regression_on_past_spend(case: Case) -> None:
    own, lifts = case.own, case.result.lifts
    targeted = int(own.treated.sum())
    for metric, outcome in (("revenue", own.revenue), ("orders", own.orders)):
        assert lifts[metric].difference.estimate == pytest.approx(own.adjusted(outcome), rel=1e-9)
    added = lifts["revenue"].total.estimate
    assert added == pytest.approx(targeted * own.adjusted(own.revenue), rel=1e-9)
    cost = COST * targeted
    assert case.result.costs.total == pytest.approx(cost)
    profit = MARGIN * targeted * own.adjusted(own.revenue) - cost
    assert case.result.profit.estimate == pytest.approx(profit, rel=1e-4)


def test_the_method_is_the_one_that_the_rule_asks_for(case: Case) -> None:
    own, lift = case.own, case.result.lifts["revenue"]
    skews = [float(skew(own.revenue)), float(skew(own.residuals(own.revenue)))]
    strongest = max(skews, key=abs)
    smaller = own.treated if own.treated.sum() < (~own.treated).sum() else ~own.treated
    buyers = int((own.revenue[smaller] != 0).sum())
    assert lift.choice.skew == pytest.approx(strongest, rel=1e-6)
    assert lift.choice.smaller_arm_buyers == buyers
    assert (buyers < 200 or abs(strongest) > 4) is (lift.choice.method == "cuped_randomisation")
    assert lift.choice.method == "cuped_randomisation"
    orders = case.result.lifts["orders"].choice
    few = bool((own.orders[smaller] > 0).sum() < 200)
    far = bool(max(abs(skew(own.orders)), abs(skew(own.residuals(own.orders)))) > 4)
    assert (few or far) is ("randomisation" in orders.method)


def test_interval_and_p_value_are_those_of_shuffled_arms(case: Case) -> None:
    """At each bound one tail of the test is 2.5 %; both simulations err by a third of a point."""
    own, found = case.own, case.result.lifts["revenue"].difference
    low, high = own.tails(own.revenue, 0.0)
    assert found.p_value == pytest.approx(min(1.0, 2 * min(low, high)), abs=0.05)
    assert own.tails(own.revenue, found.lower)[1] == pytest.approx(0.025, abs=0.015)
    assert own.tails(own.revenue, found.upper)[0] == pytest.approx(0.025, abs=0.015)


def test_the_winsorised_figure_pulls_in_one_in_a_hundred(case: Case) -> None:
    own, tame = case.own, case.result.lifts["revenue"].winsorised
    assert tame is not None
    pulled = np.clip(own.revenue, tame.limits.low, tame.limits.high)
    assert tame.difference.estimate == pytest.approx(own.adjusted(pulled), rel=1e-9)
    assert 0.004 <= (own.revenue > tame.limits.high).mean() <= 0.0101
    assert tame.limits.changed == (pulled != own.revenue).sum()


def test_the_arms_are_checked_against_the_plan(case: Case) -> None:
    ratio = case.result.ratio
    assert ratio is not None
    exact = binomtest(int(case.own.treated.sum()), len(case.own.treated), 0.8).pvalue
    assert ratio.p_value == pytest.approx(exact, rel=1e-9)


def test_shares_have_wilsons_and_newcombes_intervals(case: Case) -> None:
    own, kpi = case.own, case.result.kpi("conversion_rate")
    done, targeted = int((own.orders[own.treated] > 0).sum()), int(own.treated.sum())
    held_done, held = int((own.orders[~own.treated] > 0).sum()), int((~own.treated).sum())
    assert kpi.value.value == pytest.approx(100 * done / targeted)
    one, other = _wilson(done, targeted), _wilson(held_done, held)
    assert kpi.interval is not None
    assert (kpi.interval.lower, kpi.interval.upper) == pytest.approx((100 * one[0], 100 * one[1]))
    p, q = done / targeted, held_done / held
    assert kpi.causal.estimate == pytest.approx(100 * (p - q))
    assert kpi.causal.lower == pytest.approx(100 * (p - q - np.hypot(p - one[0], other[1] - q)))
    assert kpi.causal.upper == pytest.approx(100 * (p - q + np.hypot(one[1] - p, q - other[0])))


def _wilson(done: int, of: int) -> tuple[float, float]:
    z = norm.ppf(0.975)
    middle = (done + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * np.sqrt(done * (of - done) / of + z * z / 4)
    return float(middle - half), float(middle + half)


def test_money_figures_are_their_formulas(case: Case) -> None:
    own, result = case.own, case.result
    targeted = int(own.treated.sum())
    cost, revenue = COST * targeted, own.revenue[own.treated].sum()
    spend = result.kpi("return_on_ad_spend")
    assert spend.value.value == pytest.approx(revenue / cost)
    assert spend.causal.estimate == pytest.approx(targeted * own.adjusted(own.revenue) / cost)
    prospects = np.array([last is None for last in own.last_before])
    new = int(((own.orders > 0) & own.treated & prospects).sum())
    acquisition = result.kpi("acquisition_cost").value
    assert acquisition.value == (pytest.approx(cost / new) if new else None)
    assert (acquisition.reason is None) is bool(new)
    assert result.kpi("engagement_rate").value.value == 0.0


def test_churn_is_who_was_a_customer_and_is_none(case: Case) -> None:
    own, kpi = case.own, case.result.kpi("churn_rate")
    days: dict[str, set[Any]] = defaultdict(set)
    for origin, at, _ in case.lake.until(START).kept():
        days[origin].add(at.astimezone(ZONE).date())
    gaps = sorted(
        (later - earlier).days
        for bought in days.values()
        for earlier, later in zip(sorted(bought), sorted(bought)[1:], strict=False)
    )
    lapse = timedelta(days=gaps[int(np.ceil(0.9 * len(gaps))) - 1])
    active = np.array([last is not None and last >= START - lapse for last in own.last_before])
    still = np.array([last is not None and last >= END - lapse for last in own.last])
    lost, start = int((own.treated & active & ~still).sum()), int((own.treated & active).sum())
    assert f"within the last {lapse.days} days" in kpi.notes[0]
    assert kpi.value.value == (pytest.approx(100 * lost / start) if start else None)


def test_lifetime_value_is_that_of_models_fitted_a_second_time(case: Case) -> None:
    """BG/NBD and Gamma-Gamma by their published likelihoods and a general minimiser."""
    first = _histories(case.lake, START)
    r, alpha, a, b = _fit_buying(first)
    p, q, v = _fit_spending(first)
    means = []
    for moment in (START, END):
        people = _histories(case.lake, moment)
        values = []
        for origin, treated in zip(case.own.origins, case.own.treated, strict=True):
            if treated and origin in first and origin in people:
                x, recency, age, spend = people[origin]
                ends = np.minimum(np.arange(1, 13) * 365.25 / 12, 365.0)
                expected = _expected(x, recency, age, ends / 7, (r, alpha, a, b))
                each = (p * v + (p * x * spend if x else 0)) / (p * x + q - 1)
                discounted = np.diff(expected, prepend=0) * 1.01 ** -(ends / (365.25 / 12))
                values.append(each * discounted.sum())
        means.append(np.mean(values))
    found = case.result.kpi("lifetime_value_lift").value.value
    assert found == pytest.approx(100 * (means[1] - means[0]) / means[0], abs=0.05)


def _histories(lake: Rows, moment: datetime) -> dict[str, tuple[int, float, float, float]]:
    """Repeat days, recency and age in weeks, mean spend of repeat days, by person."""
    seen = lake.until(moment)
    days: dict[str, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for origin, at, revenue in seen.kept():
        days[origin][at.astimezone(ZONE).date()] += revenue
    loose: dict[str, float] = defaultdict(float)
    for row in seen.rows:
        if row["kind"] == "return" and seen.about(row) not in seen.sales:
            loose[row["origin_id"]] += float(row["revenue"])
    until = (moment - timedelta(microseconds=1)).astimezone(ZONE).date()
    found = {}
    for origin, bought in days.items():
        first, x = min(bought), len(bought) - 1
        whole = sum(bought.values())
        left = max(0.0, 1 + loose[origin] / whole) if whole > 0 else 0.0
        spend = max(0.0, (whole - bought[first]) / x) * left if x else 0.0
        found[origin] = (x, (max(bought) - first).days / 7, (until - first).days / 7, spend)
    return found


def _fit_buying(people: dict[str, tuple[int, float, float, float]]) -> np.ndarray:
    x, recency, age, _ = np.array(list(people.values())).T

    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        front = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b)
        gone = np.where(x > 0, gone - (r + x) * np.log(alpha + recency), -np.inf)
        # Nobody here seems to stop for good, which leaves a and b open: the documented weak prior.
        prior = ((logs - np.log([1.0, age.mean(), 1.0, 1.0])) ** 2).sum() / (2 * 3.0**2)
        return float(prior - (front + np.logaddexp(alive, gone)).sum())

    return _minimised(loss, 4)


def _fit_spending(people: dict[str, tuple[int, float, float, float]]) -> np.ndarray:
    x, _, _, spend = np.array([one for one in people.values() if one[0] and one[3] > 0]).T

    def loss(logs: np.ndarray) -> float:
        p, q, v = np.exp(logs)
        whole = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        whole += (p * x - 1) * np.log(spend) + p * x * np.log(x)
        return -float((whole - (p * x + q) * np.log(x * spend + v)).sum())

    return _minimised(loss, 3)


def _minimised(loss: Any, size: int) -> np.ndarray:
    start = np.zeros(size)
    for _ in range(3):
        start = minimize(
            loss,
            start,
            method="Nelder-Mead",
            options={"maxiter": 4_000, "xatol": 1e-8, "fatol": 1e-8},
        ).x
    found: np.ndarray = np.exp(start)
    return found


def _expected(
    x: float, recency: float, age: float, ahead: np.ndarray, parameters: tuple[float, ...]
) -> np.ndarray:
    """Fader, Hardie and Lee (2005), equation 10."""
    r, alpha, a, b = parameters
    series = hyp2f1(r + x, b + x, a + b + x - 1, ahead / (alpha + age + ahead))
    shrunk = 1 - ((alpha + age) / (alpha + age + ahead)) ** (r + x) * series
    gone = a / (b + x - 1) * ((alpha + age) / (alpha + recency)) ** (r + x) if x else 0.0
    found: np.ndarray = (a + b + x - 1) / (a - 1) * shrunk / (1 + gone)
    return found


def test_the_page_shows_these_numbers(case: Case) -> None:
    result, own = case.result, case.own
    page = report_html(result)
    targeted, done = int(own.treated.sum()), int((own.orders[own.treated] > 0).sum())
    assert f"{done:,} ÷ {targeted:,} × 100" in page
    assert f"£{own.revenue[own.treated].sum():,.0f} ÷ £{COST * targeted:,.2f}" in page
    earned = MARGIN * targeted * own.adjusted(own.revenue) - COST * targeted
    assert f"earned £{abs(earned):,.0f} {'more' if earned > 0 else 'less'} than not sending" in (
        result.sentence
    )
    assert "90 days from 1 September 2011" in page
    assert "Orders count from 1 September 2011, 00:00 (Europe/London)" in page
