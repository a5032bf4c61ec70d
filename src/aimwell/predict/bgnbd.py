"""BG/NBD: who is still a customer, and how often they will buy.

Assumptions: while active, a customer buys at random moments at a rate λ of their own; after every purchase they
stop for good with a probability p of their own. Over customers λ is Gamma(r, α) and p is Beta(a, b).

Source: Fader, Hardie & Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model,
Marketing Science 24(2), 275-284. x, tₓ, T there are `frequency`, `recency`, `age` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from aimwell.predict.bgnbd_likelihood import (
    BuyingRows,
    log_densities,
    log_likelihood,
    log_odds_stopped,
)
from aimwell.predict.buying_law import (
    CUSTOMERS_MIN,
    REPEAT_BUYERS_MIN,
    BuyingLaw,
    check_enough,
)
from aimwell.predict.likelihood import fit_positive
from aimwell.predict.purchase_counts import expected_while_active
from aimwell.predict.purchases import PurchaseHistory
from aimwell.stats.samples import FloatArray

__all__ = [
    "CUSTOMERS_MIN",
    "REPEAT_BUYERS_MIN",
    "BetaGeometric",
    "BgNbd",
    "fit_beta_geometric",
    "fit_bgnbd",
]

# A stopping probability below this cannot show in any number of purchases, and numpy's geometric law refuses 0.
_STOPPING_MIN = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaGeometric(BuyingLaw):
    """A law by which customers stop after a purchase: BG/NBD and its modification.

    Args:
        r_, alpha_: Shape and rate of the purchase rate over customers; α in units of time.
        a_, b_: Shapes of the stopping probability over customers.

    `first` is 1 where they may stop after the very first purchase, else 0.
    """

    names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    first: ClassVar[int]

    r_: float
    alpha_: float
    a_: float
    b_: float

    def log_odds_stopped(self, history: PurchaseHistory) -> FloatArray:
        """See `BuyingLaw`."""
        odds = np.full(len(history), -np.inf)
        able = history.frequency + self.first > 0
        odds[able] = log_odds_stopped(
            self.parameters,
            history.frequency[able],
            history.recency[able],
            history.age[able],
            first=self.first,
        )
        return odds

    def log_densities(self, history: PurchaseHistory) -> FloatArray:
        """See `BuyingLaw`."""
        odds = self.log_odds_stopped(history)
        return log_densities(self.parameters, history, odds, first=self.first)

    def expected_while_active(
        self, frequency: FloatArray, age: FloatArray, horizon: float
    ) -> FloatArray:
        """See `BuyingLaw`."""
        # Who is active has come through every chance to stop, one more of them where `first` is 1.
        survived = self.parameters + np.array([0.0, 0.0, 0.0, self.first])
        return expected_while_active(survived, frequency, age, horizon)

    def drawn_while_active(
        self, history: PurchaseHistory, horizon: float, *, rng: np.random.Generator
    ) -> FloatArray:
        """See `BuyingLaw`."""
        known = self.alpha_ + history.age
        wanted = rng.negative_binomial(self.r_ + history.frequency, known / (known + horizon))
        stopping = rng.beta(self.a_, self.b_ + history.frequency + self.first)
        last = rng.geometric(np.maximum(stopping, _STOPPING_MIN))
        return np.minimum(wanted, last).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BgNbd(BetaGeometric):
    """A BG/NBD model, fitted by `fit_bgnbd` or made from published parameters; see `BetaGeometric`.

    Who has bought once is active for certain.
    """

    title: ClassVar[str] = "BG/NBD"
    first: ClassVar[int] = 0


LawT = TypeVar("LawT", bound=BetaGeometric)


def fit_bgnbd(history: PurchaseHistory) -> BgNbd:
    """Fit BG/NBD by maximum likelihood; see `fit_beta_geometric`."""
    return fit_beta_geometric(history, BgNbd)


def fit_beta_geometric(history: PurchaseHistory, law: type[LawT]) -> LawT:
    """Fit by maximum likelihood.

    Where the purchases leave a parameter open (its standard error exceeds 20-fold; usual where nobody seems to
    stop, so that a → 0), a weak prior is added, ln parameter ~ Normal(ln reference, 3²) with reference 1, and the
    mean age for α. It hardly moves a prediction, keeps the parameters finite, and `note_` says so.

    Args:
        history: One row per customer, with at least `CUSTOMERS_MIN` customers, `REPEAT_BUYERS_MIN` of them repeat
            buyers.
        law: Which of the two.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers.
        PredictError: All customers are alike, or the likelihood has no top.
    """
    rows = BuyingRows.of(history, first=law.first)
    check_enough(
        law.title,
        customers=rows.customers,
        repeat_buyers=rows.repeat_buyers,
        distinct=len(rows.age) + len(rows.once_age),
    )
    rate = float(history.frequency.sum() / history.age.sum())
    fit = fit_positive(
        lambda theta: log_likelihood(theta, rows),
        names=law.names,
        # Half a purchase's worth of knowledge about a rate that is the mean rate; one in four stops.
        start=np.array([0.5, 0.5 / rate, 0.5, 1.5]),
        reference=np.array([1.0, history.age.mean(), 1.0, 1.0]),
        rows=rows.customers,
        what=law.title,
    )
    r, alpha, a, b = fit.values
    note = fit.note
    if "a" in fit.left_open and a < b:
        note += " There is little sign that customers stop for good, so most count as alive."
    return law(
        r_=r,
        alpha_=alpha,
        a_=a,
        b_=b,
        unit_days=history.unit_days,
        customers_=rows.customers,
        repeat_buyers_=rows.repeat_buyers,
        log_likelihood_=fit.log_likelihood,
        covariance_=fit.covariance,
        note_=note,
    )
