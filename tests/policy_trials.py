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
from aimwell.decide.policies.judging import judge_policies
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.simulate import Action, Shop, ShopSpec, open_shop
from aimwell.simulate.cells import Cell, open_cell, trade_before
from aimwell.simulate.orders import sums
from aimwell.simulate.outcomes import Contacts, outcome
from aimwell.simulate.potential import bought_within
from aimwell.simulate.response import newsletter_openers
from aimwell.simulate.truth import effect_of_cell
from aimwell.simulate.windows import window_seconds

__all__ = [
    "ACTIONS",
    "EVEN",
    "STRONG",
    "WEAK",
    "Outcome",
    "Trial",
    "decided",
    "quick_candidates",
    "told",
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
    """What was chosen, and what it is truly worth; `oracle` is the worth of each person's best arm."""

    choice: Choice
    worth: dict[str, float]
    constants: frozenset[str]
    oracle: float

    @property
    def best_constant(self) -> float:
        return max(self.worth[name] for name in self.constants)

    @property
    def chosen(self) -> float:
        return self.worth[self.choice.chosen]

    @property
    def wrongly_personal(self) -> bool:
        """A targeted policy that is truly worse than the best constant one."""
        return self.personal and self.chosen < self.best_constant

    @property
    def personal(self) -> bool:
        """Whether a targeted policy was chosen."""
        return self.choice.chosen not in self.constants

    @property
    def covered(self) -> bool | None:
        """Whether the interval of the best targeted policy's gain holds the true one; None where there is none."""
        if self.choice.best_targeted is None or not self.choice.gain.defined:
            return None
        true = self.worth[self.choice.best_targeted] - self.worth[self.choice.best_constant]
        return bool(self.choice.gain.covers(true))

    @property
    def regret(self) -> float:
        """(best candidate − chosen) ÷ (each person's best arm − nobody); 0 where nothing can be gained."""
        most = self.oracle - self.worth["nobody"]
        return (max(self.worth.values()) - self.chosen) / most if most > 0 else 0.0

    @property
    def reached(self) -> float:
        """Share of the best candidate's true incremental profit over nobody."""
        nobody = self.worth["nobody"]
        most = max(self.worth.values()) - nobody
        return (self.chosen - nobody) / most if most > 0 else 1.0


def trial(spec: ShopSpec, *, people: int, seed: int, actions: Sequence[Action] = ACTIONS) -> Trial:
    """Everybody in the shop, each arm with the same probability; what they did for thirty days."""
    shop = open_shop(replace(spec, people=people, seed=seed))
    cost = [0.0, *(shop.spec.channel_costs[one.channel] for one in actions)]
    rng = np.random.default_rng([seed, 99])
    arm = rng.integers(len(actions) + 1, size=people)
    parts, first = [], 0
    for index in range(shop.cells):
        cell = open_cell(shop, index)
        until = first + len(cell.people)
        parts.append(_of_cell(shop, cell, arm[first:until], actions, rng))
        first = until
    features, bought, margin, truth = (np.concatenate(one) for one in zip(*parts, strict=True))
    names = ["control", *(one.name for one in actions)]
    data = experiment_of(
        features,
        np.array(names)[arm],
        {"margin": margin, "bought": bought},
        control="control",
        names=NAMES,
        probabilities=dict.fromkeys(names, 1 / len(names)),
    )
    order = [names.index(name) for name in data.arms]
    return Trial(data, margin - np.array(cost)[arm], (truth - np.array(cost))[:, order])


def _of_cell(
    shop: Shop, cell: Cell, arm: np.ndarray, actions: Sequence[Action], rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Of each person of a cell: features, whether they bought, their margin, and the margin to expect under each arm."""
    sent, window = window_seconds(shop, shop.spec.end, DAYS)
    features = _features(shop, cell, rng)
    who = np.flatnonzero(arm)
    contacts = Contacts(who, np.full(who.size, sent), arm[who] - 1, who)
    trade = outcome(shop, cell, contacts, list(actions)).trade
    orders, _revenue, margin = bought_within(shop, trade, len(arm), sent, sent + window)
    true = [effect_of_cell(shop, cell, one, sent, window) for one in actions]
    expected = [true[0]["margin_without"], *(one["margin_with"] for one in true)]
    truth = np.column_stack([one.to_numpy() for one in expected])
    return features, (orders > 0).astype(float), margin, truth


def _features(shop: Shop, cell: Cell, rng: np.random.Generator) -> np.ndarray:
    trade, _nameless = trade_before(shop, cell)
    n = len(cell.people)
    orders, baskets = trade.orders, trade.baskets
    count = np.bincount(orders.person, minlength=n).astype(float)
    coupons = np.bincount(orders.person, orders.coupon >= 0, n)
    spend = np.bincount(orders.person[baskets.order], sums(shop, orders, baskets).revenue, n)
    opened = rng.binomial(NEWSLETTERS, newsletter_openers(cell.people, cell.life))
    return np.column_stack(
        [
            (shop.end - cell.life.latest_at) / 86_400,
            count,
            (shop.end - cell.life.signup_at) / 86_400,
            np.divide(coupons, count, out=np.full(n, np.nan), where=count > 0),
            spend / 100,
            opened / NEWSLETTERS,
        ]
    )


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
    constants = frozenset(one.name for one in judgement.candidates if one.constant)
    return Outcome(choose(judgement), worth, constants, oracle=float(made.truth.max(axis=1).mean()))


def told(found: Sequence[Outcome]) -> str:
    """A line of the table in docs/policy.md."""
    covered = [one.covered for one in found if one.covered is not None]
    figures = {
        "wrongly personal": np.mean([one.wrongly_personal for one in found]),
        "personalised": np.mean([one.personal for one in found]),
        "reached": np.mean([one.reached >= 0.95 for one in found]),
        "regret": np.mean([one.regret for one in found]),
        "covered": np.mean(covered) if covered else np.nan,
    }
    return f"{len(found)} runs; " + ", ".join(
        f"{key} {value:.4f}" for key, value in figures.items()
    )
