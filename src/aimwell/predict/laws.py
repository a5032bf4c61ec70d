"""The laws of buying by name, the simplest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from aimwell.errors import PredictError
from aimwell.predict.bgnbd import BgNbd, fit_bgnbd
from aimwell.predict.buying_law import BuyingLaw
from aimwell.predict.mbgnbd import MbgNbd, fit_mbgnbd
from aimwell.predict.pareto_nbd import ParetoNbd, fit_pareto_nbd
from aimwell.predict.purchases import PurchaseHistory

__all__ = ["LAWS", "Law", "checked_law", "fit_law", "law_of"]

Law = Literal["bgnbd", "mbg", "pareto"]

LAWS: Mapping[Law, type[BuyingLaw]] = {"bgnbd": BgNbd, "mbg": MbgNbd, "pareto": ParetoNbd}
"""Each law by its name; BG/NBD, the best known and quickest, stands first."""

_FITS: Mapping[Law, Callable[[PurchaseHistory], BuyingLaw]] = {
    "bgnbd": fit_bgnbd,
    "mbg": fit_mbgnbd,
    "pareto": fit_pareto_nbd,
}


def fit_law(history: PurchaseHistory, law: Law) -> BuyingLaw:
    """Fit a law by maximum likelihood.

    Raises:
        TooLittleDataError: Too few customers or repeat buyers.
        PredictError: All customers are alike, or the likelihood has no top.
    """
    return _FITS[law](history)


def law_of(model: BuyingLaw) -> Law:
    """The name of a model's law."""
    return next(name for name, kind in LAWS.items() if type(model) is kind)


def checked_law(name: str) -> Law | None:
    """The law that a name asks for; None for "auto".

    Raises:
        PredictError: There is no such law; says which there are.
    """
    if name == "auto":
        return None
    for law in LAWS:
        if law == name:
            return law
    raise PredictError(f"There is no law of buying '{name:.40}'. Allowed: auto, {', '.join(LAWS)}.")
