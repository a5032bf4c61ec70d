"""What a persona is: a group of people with a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aimwell.stats.estimate import Estimate

__all__ = [
    "ChannelUse",
    "Difference",
    "DiscountUse",
    "Persona",
    "ProductLiking",
    "TimeLiking",
    "TraitNumbers",
    "TraitShare",
]


@dataclass(frozen=True)
class Difference:
    """One thing in which a group differs from all other people.

    For a feature `own` and `others` are means; for a trait (`value` says which of its values) shares of the people
    of whom the trait is known. `effect` is in standard deviations (Cohen's d, of values bent straight where they
    are skewed; the standardised difference of shares; 10 where all of the group have one value and all others
    another), `p_value` is adjusted for the false discovery rate over
    all comparisons of all groups. `holds` is the share of the group of whom it is true: who lies on that side of the
    others' median (half of those on it), or has the value, or has it not where it "seldom is" so. `known` are the people
    of the group of whom it is known.
    """

    what: str
    value: str | None
    words: str
    own: float
    others: float
    effect: float
    p_value: float
    holds: float
    known: int


@dataclass(frozen=True)
class TraitShare:
    """How many of a group have this value of a trait: shares of the people of whom the trait is known."""

    trait: str
    value: str
    people: int
    own: float
    others: float | None


@dataclass(frozen=True)
class TraitNumbers:
    """A trait that is a number: the quarters and the median in the group, the median of all others."""

    trait: str
    known: int
    quarter: float
    median: float
    three_quarters: float
    others: float | None


@dataclass(frozen=True)
class ChannelUse:
    """A channel: of the people of the group who got a message there, the share who opened or clicked one."""

    channel: str
    reached: int
    own: float
    others: float | None


@dataclass(frozen=True)
class DiscountUse:
    """Price sensitivity: the share of a group's orders that bore a discount or a coupon, with its interval.

    `others` is the share of everybody else, `money` the discount as a share of the money before it. `p_value` is of the
    difference, all orders of a person taken as one draw, adjusted over the groups.
    """

    orders: Estimate
    others: float | None
    money: float | None
    p_value: float | None


@dataclass(frozen=True)
class ProductLiking:
    """A product in a group: shares of people who ever bought it, in the group and elsewhere.

    `index` is the ratio of the shares; None where nobody else bought it. `p_value` is adjusted over all products.
    """

    sku: str
    name: str | None
    buyers: int
    own: float
    others: float
    index: float | None
    p_value: float | None


@dataclass(frozen=True)
class TimeLiking:
    """A weekday (1 Monday – 7 Sunday) or an hour (0–23) at which a group buys more than other people do.

    `own` and `others` are shares of the orders of the group and of everybody else in a group, in the firm's time zone;
    `orders` those of the group at that time. `index` is the ratio of the shares; None where nobody else orders
    then. `p_value` takes all orders of a person for one habit, and is adjusted over all times of all groups.
    """

    kind: Literal["weekday", "hour"]
    value: int
    orders: int
    own: float
    others: float
    index: float | None
    p_value: float


@dataclass(frozen=True)
class Persona:
    """One group of people.

    `share` is of all grouped people, `revenue_share` of their revenue (None where there was none in all).
    `weekdays` (Monday first) and `hours` (0–23) are shares of the group's orders in the firm's time zone; empty
    where it has none (hours also where only days are known), and `weekday` (1–7) and `hour`, the commonest ones, are then None. `more_weekdays` and
    `more_hours` are those at which it buys more than others do, which need not be the commonest.

    `name` says in plain words what sets it apart, no two groups alike. `averages` are its means of the features that
    were compared, None where unknown of all. `discounts` is None where nobody's orders tell of discounts.
    """

    group: str
    name: str
    size: int
    share: float
    revenue: float
    revenue_share: float | None
    revenue_per_person: float
    orders_per_person: float
    differences: tuple[Difference, ...]
    favourites: tuple[ProductLiking, ...]
    over_indexed: tuple[ProductLiking, ...]
    weekday: int | None
    hour: int | None
    weekdays: tuple[float, ...]
    hours: tuple[float, ...]
    more_weekdays: tuple[TimeLiking, ...]
    more_hours: tuple[TimeLiking, ...]
    demographics: tuple[TraitShare, ...]
    numbers: tuple[TraitNumbers, ...]
    channels: tuple[ChannelUse, ...]
    discounts: DiscountUse | None
    averages: Mapping[str, float | None]
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
