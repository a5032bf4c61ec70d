"""An experiment on the simulated shop, with what a shop would know of each person, and the true worth of each arm for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aimwell.decide.policies.candidates import (
    LikeliestFirst,
    PolicyCandidate,
    UpliftPolicy,
    constant_candidates,
)
from aimwell.decide.policies.choosing import Choice, choose
from aimwell.decide.policies.judging import Judgement, judge_policies
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.simulate import Action, Shop, ShopSpec, open_shop, potential_outcomes, true_effect
from aimwell.simulate.cells import open_cell, trade_before
from aimwell.simulate.orders import sums
from aimwell.simulate.response import newsletter_openers

__all__ = [
    "ACTIONS",
    "EVEN",
    "STRONG",
    "WEAK",
    "Outcome",
    "Trial",
    "decided",
    "quick_candidates",
    "trial",
]

DAYS = 30
NEWSLETTERS = 12
ACTIONS = (
    Action(name="ten-percent", discount_share=0.10),
    Action(name="reminder"),
)
STRONG = ShopSpec(
    people=1,
    effect_strength=3.0,
    orders_per_year=8.0,
    do_not_disturb_share=0.4,
    persuadable_share=0.3,
    sure_thing_share=0.15,
    push=0.3,
)
"""Contact moves many and drives more away, so that it matters whom it goes to."""
EVEN = ShopSpec(
    people=1, effect_strength=3.0, do_not_disturb_share=0.3, persuadable_share=0.3, push=0.3
)
"""As strong, but an offer to everyone earns 95 % of what choosing by what is known earns."""
WEAK = ShopSpec(people=1, effect_strength=0.3)
NAMES = ("recency_days", "orders", "tenure_days", "coupon_share", "spend", "opened_share")


@dataclass(frozen=True)
class Trial:
    """Experiment, profit of each person, and people × arms true expected profit."""

    data: ExperimentData
    profit: np.ndarray
    truth: np.ndarray

    def worth(self, policy: np.ndarray) -> float:
        """The true profit per person of a policy, people × arms."""
        return float((self.truth * policy).sum(axis=1).mean())


@dataclass(frozen=True)
class Outcome:
    """What was chosen, and what it is truly worth."""

    judgement: Judgement
    choice: Choice
    worth: dict[str, float]

    @property
    def best_constant(self) -> float:
        return max(self.worth[one.name] for one in self.judgement.candidates if one.constant)

    @property
    def chosen(self) -> float:
        return self.worth[self.choice.chosen]

    @property
    def wrongly_personal(self) -> bool:
        """A targeted policy that is truly worse than the best constant one."""
        targeted = not self.judgement.find(self.choice.chosen).constant
        return targeted and self.chosen < self.best_constant

    @property
    def reached(self) -> float:
        """Share of the best candidate's true incremental profit over nobody."""
        nobody = self.worth["nobody"]
        most = max(self.worth.values()) - nobody
        return (self.chosen - nobody) / most if most > 0 else 1.0


def trial(spec: ShopSpec, *, people: int, seed: int, actions: Sequence[Action] = ACTIONS) -> Trial:
    """Everybody in the shop, each arm with the same probability; what they did for thirty days."""
    shop = open_shop(replace(spec, people=people, seed=seed))
    sent = shop.spec.end
    done = [potential_outcomes(shop, one, sent_at=sent, window_days=DAYS) for one in actions]
    true = [true_effect(shop, one, sent_at=sent, window_days=DAYS) for one in actions]
    cost = [0.0, *(shop.spec.channel_costs[one.channel] for one in actions)]
    margins = np.column_stack(
        [done[0]["margin_without"].to_numpy(), *(t["margin_with"].to_numpy() for t in done)]
    )
    orders = np.column_stack(
        [done[0]["orders_without"].to_numpy(), *(t["orders_with"].to_numpy() for t in done)]
    )
    truth = np.column_stack(
        [true[0]["margin_without"].to_numpy(), *(t["margin_with"].to_numpy() for t in true)]
    ) - np.array(cost)
    rng = np.random.default_rng([seed, 99])
    arm = rng.integers(len(actions) + 1, size=people)
    rows = np.arange(people)
    labels = np.array(["control", *(one.name for one in actions)])[arm]
    data = experiment_of(
        _features(shop, rng),
        labels,
        {"margin": margins[rows, arm], "bought": (orders[rows, arm] > 0).astype(float)},
        control="control",
        names=NAMES,
        probabilities={
            name: 1 / (len(actions) + 1) for name in ("control", *(one.name for one in actions))
        },
    )
    order = [("control", *(one.name for one in actions)).index(name) for name in data.arms]
    return Trial(data, margins[rows, arm] - np.array(cost)[arm], truth[:, order])


def _features(shop: Shop, rng: np.random.Generator) -> np.ndarray:
    parts = []
    for index in range(shop.cells):
        cell = open_cell(shop, index)
        trade, _nameless = trade_before(shop, cell)
        n = len(cell.people)
        orders, baskets = trade.orders, trade.baskets
        count = np.bincount(orders.person, minlength=n).astype(float)
        coupons = np.bincount(orders.person, orders.coupon >= 0, n)
        spend = np.bincount(orders.person[baskets.order], sums(shop, orders, baskets).revenue, n)
        opened = rng.binomial(NEWSLETTERS, newsletter_openers(cell.people, cell.life))
        parts.append(
            np.column_stack(
                [
                    (shop.end - cell.life.latest_at) / 86_400,
                    count,
                    (shop.end - cell.life.signup_at) / 86_400,
                    np.divide(coupons, count, out=np.full(n, np.nan), where=count > 0),
                    spend / 100,
                    opened / NEWSLETTERS,
                ]
            )
        )
    return np.concatenate(parts)


def quick_candidates(arms: Sequence[str]) -> tuple[PolicyCandidate, ...]:
    """The constant policies, the likeliest first, and learners by ridge."""
    learners = [UpliftPolicy(UpliftLearner(kind)) for kind in ("T", "X", "R", "DR")]
    return (*constant_candidates(arms), LikeliestFirst(), *learners)


def decided(made: Trial, *, seed: int = 0) -> Outcome:
    """Judge the quick candidates and choose."""
    judgement = judge_policies(
        made.data,
        made.profit,
        quick_candidates(made.data.arms),
        response=made.data.outcome("bought"),
        seed=seed,
    )
    worth = {one.name: made.worth(one.policy) for one in judgement.candidates}
    return Outcome(judgement, choose(judgement), worth)
