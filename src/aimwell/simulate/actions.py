"""Actions: what can be done to a person, an offer through a channel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aimwell.errors import Fault, SimulateError
from aimwell.simulate.shop import Shop
from aimwell.simulate.spec import CHANNELS

__all__ = ["Action", "featured_column"]


@dataclass(frozen=True, kw_only=True)
class Action:
    """An offer through a channel, as the simulated people see it.

    `discount_share` is taken off the goods of every order on which the offer is used (0.1: ten percent);
    `free_shipping` lets web orders go without the fee. The offer can be used for `valid_days` after contact.
    `featured` is the category that the message shows; None: nothing in particular. `coupon` is the code that
    orders bear; default: the name in capitals.
    """

    name: str
    channel: str = "email"
    discount_share: float = 0.0
    free_shipping: bool = False
    featured: str | None = None
    valid_days: float = 14.0
    coupon: str = ""

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise SimulateError(f"The action '{self.name}' cannot be simulated.", faults)

    @property
    def has_offer(self) -> bool:
        """Whether there is anything to use up: a plain reminder has no offer."""
        return self.discount_share > 0 or self.free_shipping

    @property
    def code(self) -> str:
        """The coupon code of orders on which the offer is used."""
        return self.coupon or self.name.upper()


def _faults(action: Action) -> Iterator[Fault]:
    if not action.name:
        yield Fault("name", "is empty", None, "a name, as 'ten-percent-by-email'.")
    if action.channel not in CHANNELS:
        yield Fault("channel", "is not simulated", action.channel, f"{', '.join(CHANNELS)}.")
    if not (math.isfinite(action.discount_share) and 0 <= action.discount_share <= 0.9):
        yield Fault(
            "discount_share", "is out of range", action.discount_share, "a share from 0 to 0.9."
        )
    if any(sign in action.code for sign in ',"\r\n'):
        allowed = "a code without comma, quote and line break, which files of orders can hold."
        yield Fault("coupon", "cannot be written", action.code, allowed)
    if not (math.isfinite(action.valid_days) and action.valid_days > 0):
        yield Fault("valid_days", "is out of range", action.valid_days, "more than 0 days.")


def featured_column(shop: Shop, action: Action) -> int | None:
    """The column of `People.taste` of the featured category; None where nothing is featured.

    Raises:
        SimulateError: The shop has no such category.
    """
    names = shop.catalogue.category_names
    if action.featured is None:
        return None
    if action.featured not in names:
        fault = Fault(
            "featured", "is not a category of this shop", action.featured, f"{', '.join(names)}."
        )
        raise SimulateError(f"The action '{action.name}' cannot be simulated.", [fault])
    return names.index(action.featured)
