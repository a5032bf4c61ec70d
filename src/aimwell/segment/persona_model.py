"""What a persona is: a group of people with a face."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Difference", "Persona", "ProductLiking", "TimeLiking"]


@dataclass(frozen=True)
class Difference:
    """One thing in which a group differs from all other people.

    For a feature `own` and `others` are means; for a trait (`value` says which of its values) shares of the people
    of whom the trait is known. `effect` is in standard deviations (Cohen's d, of values bent straight where they
    are skewed; the standardised difference of shares; 10 where all of the group have one value and all others
    another), `p_value` is adjusted for the false discovery rate over
    all comparisons of all groups.
    """

    what: str
    value: str | None
    words: str
    own: float
    others: float
    effect: float
    p_value: float


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
    where it has none, and `weekday` (1–7) and `hour`, the commonest ones, are then None. `more_weekdays` and
    `more_hours` are those at which it buys more than others do, which need not be the commonest.
    """

    group: str
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
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
