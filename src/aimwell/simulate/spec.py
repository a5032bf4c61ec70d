"""What a simulated shop is like: every number, with its unit, its default and what is allowed.

The meaning of a field stands in its own `help`, so that a command line or a form can show it.
A `ShopSpec` that exists is right: a wrong one is refused with every fault at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from aimwell.errors import Fault, SimulateError
from aimwell.simulate.places import COUNTRIES

__all__ = ["CHANNELS", "Dirt", "ShopSpec"]

CHANNELS = ("email", "sms", "push", "post")
_LONGEST_HISTORY_DAYS = 365 * 20


def _number(default: float, unit: str, low: float, high: float, help: str) -> Any:
    """A dataclass field for a number from `low` to `high`, both allowed."""
    return field(default=default, metadata={"unit": unit, "low": low, "high": high, "help": help})


def _share(default: float, help: str) -> Any:
    return _number(default, "share, 0 to 1", 0.0, 1.0, help)


def _count(help: str) -> Any:
    return _number(0, "lines", 0, 10**9, help)


@dataclass(frozen=True, kw_only=True)
class Dirt:
    """Faults put on purpose into the file of history order lines, each an exact number of lines.

    A line carries at most one fault. Duplicates are added; every other fault changes a line that was right.
    """

    duplicate_lines: int = _count("exact copies of a line, written once more")
    mixed_dates: int = _count(
        "readable dates in two other forms (31.12.2025 17:05 and 12/31/2025 05:05 PM)"
    )
    unreadable_dates: int = _count("dates that no calendar has (2025-13-45)")
    text_quantities: int = _count("a word where the quantity should be")
    zero_quantities: int = _count("quantity 0")
    negative_quantities: int = _count(
        "a negative quantity in an ordinary order, without an order that it reverses"
    )
    absurd_quantities: int = _count("a quantity of 99,999,999")

    def __post_init__(self) -> None:
        _refuse("The dirt asked for is not possible.", _number_faults(self))

    def counts(self) -> dict[str, int]:
        """Lines asked for, by kind of fault."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def any(self) -> bool:
        """Whether any fault is asked for."""
        return any(self.counts().values())


@dataclass(frozen=True, kw_only=True)
class ShopSpec:
    """A shop to simulate. Money is in `currency`, which has 100 minor units; times are UTC."""

    people: int = _number(20_000, "people", 1, 100_000_000, "customers and prospects together")
    seed: int = _number(
        1, "seed", 0, 2**63 - 1, "the same seed and spec give the same shop, byte for byte"
    )
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    end: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    after_days: int = _number(
        180, "days", 1, 1000, "how long after `end` the shop can answer to messages"
    )
    currency: str = "GBP"
    countries: Mapping[str, float] = field(
        default_factory=lambda: {"GB": 0.6, "DE": 0.15, "FR": 0.1, "US": 0.1, "AU": 0.05}
    )

    prospect_share: float = _share(0.12, "people who signed up and have never bought")
    prospect_pace: float = _share(0.25, "a prospect's rate of buying, as a share of a customer's")
    second_account_share: float = _share(
        0.03, "people with two customer ids that share a phone or an e-mail"
    )
    long_id_share: float = _share(
        0.2, "people whose customer id has 19 digits; the others' have leading zeros"
    )
    email_share: float = _share(0.95, "people with an e-mail address")
    phone_share: float = _share(0.3, "people with a phone, as far as reserved numbers reach")
    email_opt_in_share: float = _share(0.62, "of those with an e-mail: agreed to e-mail")
    sms_opt_in_share: float = _share(0.35, "of those with a phone: agreed to text messages")
    unknown_consent_share: float = _share(0.08, "of those with an address: the shop does not know")
    unknown_gender_share: float = _share(0.2, "people whose gender is not known")
    unknown_birth_share: float = _share(0.3, "people whose birth date is not known")

    products: int = _number(400, "products", 1, 1_000_000, "different articles")
    categories: int = _number(
        8, "categories", 1, 12, "groups of products; never more than products"
    )
    brands: int = _number(25, "brands", 1, 1000, "makers")
    margin: float = _number(0.45, "share of price", 0.01, 0.95, "mean margin before discounts")
    no_cost_share: float = _share(0.02, "products whose unit cost is not in the files")
    price_median: float = _number(
        14.0, "currency", 0.1, 100_000, "median price of a product, before tax"
    )
    price_spread: float = _number(
        0.6, "log units", 0.0, 2.0, "standard deviation of the log of prices"
    )
    shops: int = _number(6, "shops", 0, 999, "shops with a door, beside the web shop")
    store_share: float = _share(0.25, "orders bought in a shop with a door")

    orders_per_year: float = _number(
        4.0, "orders", 0.01, 1000, "mean rate of a customer who is still there"
    )
    rate_shape: float = _number(
        0.9, "gamma shape", 0.05, 100, "small: few buy much; large: all buy alike"
    )
    dropout_mean: float = _number(
        0.14, "share", 0.001, 0.95, "mean chance to leave for good after an order"
    )
    dropout_size: float = _number(4.0, "beta a + b", 0.1, 1000, "large: all leave alike")
    lines_per_order: float = _number(2.4, "lines", 1.0, 50, "mean lines of an order")
    extra_units: float = _number(
        0.35, "units", 0.0, 100, "median of a person's units above one per line"
    )
    basket_tail: float = _number(
        0.9, "log units", 0.0, 2.0, "how much basket sizes differ between people"
    )
    basket_spread: float = _number(
        0.5, "log units", 0.0, 2.0, "how much a person's own baskets differ"
    )
    coupon_share: float = _number(
        0.2, "share of orders", 0.0, 0.5, "ordinary orders with one of the shop's coupons"
    )
    return_share: float = _share(0.03, "order lines that come back")
    anonymous_share: float = _share(0.06, "sales without a customer, per sale with one")
    shipping_fee: float = _number(
        3.95, "currency per order", 0.0, 1000, "paid by the buyer, passed on to the carrier"
    )

    christmas_peak: float = _number(
        1.9, "times", 0.1, 10, "rate of buying in mid-December against other days of December"
    )
    season_strength: float = _number(1.0, "power", 0.0, 3.0, "0: every month and weekday alike")
    birthday_effect: float = _number(
        0.25, "share", 0.0, 5.0, "added to the rate in the month of the birthday"
    )
    browse_per_order: float = _number(
        0.8, "sessions", 0.0, 50, "visits to the web shop that end without an order"
    )
    tracked_share: float = _share(0.5, "visits to the web shop of which there are events")
    newsletters_per_month: float = _number(
        1.0, "messages", 0.0, 30, "sent in the history to those who agreed"
    )

    persuadable_share: float = _share(0.3, "people whom contact can move to buy")
    sure_thing_share: float = _share(0.25, "people who buy as they would, contacted or not")
    do_not_disturb_share: float = _share(
        0.1, "people whom contact drives away; the rest are lost causes"
    )
    effect_strength: float = _number(
        1.0,
        "times",
        0.0,
        10,
        "scales what contact does; 0: it moves nobody (offers are still used)",
    )
    pull: float = _number(
        0.15,
        "probability",
        0.0,
        0.9,
        "usual chance that contact brings a persuadable an order more",
    )
    push: float = _number(
        0.5,
        "probability",
        0.0,
        0.9,
        "usual chance that contact costs an order of who is driven away",
    )
    response_days: float = _number(
        3.0, "days", 0.05, 90, "mean delay from contact to the order that it brought"
    )
    push_days: float = _number(30.0, "days", 0.05, 365, "how long contact keeps people away")
    fatigue: float = _share(0.4, "of the pull lost for each other message in the 14 days before")
    channel_costs: Mapping[str, float] = field(
        default_factory=lambda: {"email": 0.002, "sms": 0.05, "push": 0.0005, "post": 0.85}
    )
    dirt: Dirt = field(default_factory=Dirt)

    def __post_init__(self) -> None:
        _refuse(
            "The shop cannot be simulated as asked.", [*_number_faults(self), *_other_faults(self)]
        )
        object.__setattr__(self, "countries", MappingProxyType(dict(self.countries)))
        object.__setattr__(self, "channel_costs", MappingProxyType(dict(self.channel_costs)))
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @property
    def last(self) -> datetime:
        """The moment up to which the shop can answer; nothing is simulated after it."""
        return self.end + timedelta(days=self.after_days)


def _refuse(title: str, faults: list[Fault]) -> None:
    if faults:
        raise SimulateError(title, faults)


def _number_faults(spec: Any) -> list[Fault]:
    return [
        fault
        for item in fields(spec)
        if "low" in item.metadata
        for fault in _number_fault(spec, item)
    ]


def _number_fault(spec: Any, item: Field[Any]) -> Iterator[Fault]:
    value, low, high = getattr(spec, item.name), item.metadata["low"], item.metadata["high"]
    whole = item.type in ("int", int)
    kind = "a whole number" if whole else "a number"
    allowed = f"{kind} from {low:,} to {high:,} ({item.metadata['unit']})."
    right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right_type or not math.isfinite(value):
        yield Fault(item.name, f"is not {kind}", value, allowed)
    elif not low <= value <= high:
        yield Fault(item.name, "is out of range", value, allowed)


def _other_faults(spec: ShopSpec) -> Iterator[Fault]:
    yield from _period_faults(spec)
    if not (isinstance(spec.currency, str) and len(spec.currency) == 3 and spec.currency.isupper()):
        yield Fault(
            "currency", "is not a currency code", spec.currency, "three capital letters, as GBP."
        )
    yield from _weight_faults("countries", spec.countries, tuple(COUNTRIES), positive=True)
    yield from _weight_faults("channel_costs", spec.channel_costs, CHANNELS, positive=False)
    if not isinstance(spec.dirt, Dirt):
        yield Fault("dirt", "is not a Dirt", spec.dirt, "Dirt(duplicate_lines=…, …).")
    shares = ("persuadable_share", "sure_thing_share", "do_not_disturb_share")
    values = [getattr(spec, name) for name in shares]
    if all(isinstance(value, int | float) for value in values) and sum(values) > 1 + 1e-12:
        yield Fault(
            " + ".join(shares),
            "is more than everybody",
            sum(values),
            "at most 1; the rest are lost causes.",
        )


def _period_faults(spec: ShopSpec) -> Iterator[Fault]:
    wrong = False
    for name in ("start", "end"):
        moment = getattr(spec, name)
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            wrong = True
            yield Fault(
                name,
                "is not a moment with a time zone",
                moment,
                "an aware datetime, as datetime(2025, 1, 1, tzinfo=UTC).",
            )
    if wrong:
        return
    if spec.start.year < 1990 or spec.end.year > 2090:
        yield Fault("start", "is out of range", spec.start, "a history within 1990 to 2090.")
    elif not timedelta(days=1) <= spec.end - spec.start <= timedelta(days=_LONGEST_HISTORY_DAYS):
        allowed = "one day to 20 years after `start`."
        yield Fault("end", "is not after start by a usual time", spec.end, allowed)


def _weight_faults(
    name: str, weights: Mapping[str, float], known: tuple[str, ...], *, positive: bool
) -> Iterator[Fault]:
    allowed = f"a number of 0 or more for some of {', '.join(known)}" + (
        ", not all 0." if positive else "."
    )
    if not isinstance(weights, Mapping):
        yield Fault(name, "is not a mapping", weights, allowed)
        return
    for key, value in weights.items():
        good = isinstance(value, int | float) and math.isfinite(value) and value >= 0
        if key not in known or not good:
            yield Fault(
                f"{name}.{key}",
                "is unknown" if key not in known else "is not such a number",
                value,
                allowed,
            )
            return
    if positive and not sum(weights.values()) > 0:
        yield Fault(name, "names nothing", dict(weights), allowed)
