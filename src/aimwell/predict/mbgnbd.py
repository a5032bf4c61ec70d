"""MBG/NBD, the modified BG/NBD: customers may stop after their very first purchase, too.

By BG/NBD who has bought once is active for certain; here a stopping probability p counts from the first purchase on, so
that the probability of being active of those falls with their silence. All else is as in BG/NBD, with one chance to stop
more: x + 1 of them after x repeat purchases.

Source: Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer base analysis,
International Journal of Research in Marketing 24(3), 201-209.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aimwell.predict.bgnbd import BetaGeometric, fit_beta_geometric
from aimwell.predict.purchases import PurchaseHistory

__all__ = ["MbgNbd", "fit_mbgnbd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MbgNbd(BetaGeometric):
    """An MBG/NBD model, fitted by `fit_mbgnbd` or made from published parameters; see `BetaGeometric`."""

    title: ClassVar[str] = "MBG/NBD"
    first: ClassVar[int] = 1


def fit_mbgnbd(history: PurchaseHistory) -> MbgNbd:
    """Fit MBG/NBD by maximum likelihood; see `fit_beta_geometric`."""
    return fit_beta_geometric(history, MbgNbd)
