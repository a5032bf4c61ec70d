"""The sums of days as key figures of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aimwell.stats.estimate import Estimate
from aimwell.stats.intervals import wilson

__all__ = ["RATES", "DayFigures", "figures_of_days"]

RATES: Mapping[str, tuple[str, str]] = {
    "delivery_rate": ("Delivered", "(sent − bounced) ÷ sent × 100"),
    "open_rate": ("Opened", "opened by a person ÷ delivered × 100"),
    "click_rate": ("Clicked", "clicked by a person ÷ delivered × 100"),
    "unsubscribe_rate": ("Unsubscribed", "unsubscribed ÷ delivered × 100"),
    "complaint_rate": ("Complained", "called spam ÷ delivered × 100"),
}
"""Key → label and formula; of the messages that were sent on the day, whenever it befell."""

_COUNTED = {
    "open_rate": "opened",
    "click_rate": "clicked",
    "unsubscribe_rate": "unsubscribed",
    "complaint_rate": "complained",
}


@dataclass(frozen=True, kw_only=True)
class DayFigures:
    """One day of one plan.

    Attributes:
        plan_id, day: Which.
        sent, cost: Messages of the day.
        rates: Per cent with Wilson's interval, by the keys of RATES; missing where nothing was sent.
        orders, buyers, revenue: Of contacted people; `held_…`: of the people held out.
    """

    plan_id: str
    day: str
    sent: int
    cost: float
    rates: Mapping[str, Estimate]
    orders: int
    buyers: int
    revenue: float
    held_orders: int
    held_buyers: int
    held_revenue: float


def figures_of_days(
    messages: Sequence[Mapping[str, Any]], orders: Sequence[Mapping[str, Any]]
) -> tuple[DayFigures, ...]:
    """The rows of `sums_of_days`, added up over actions and variants: one row a plan and day, by both."""
    keys = sorted({(row["plan_id"], row["day"]) for row in (*messages, *orders)})
    sent: dict[tuple[str, str], list[Mapping[str, Any]]] = {key: [] for key in keys}
    bought: dict[tuple[str, str], list[Mapping[str, Any]]] = {key: [] for key in keys}
    for row in messages:
        sent[row["plan_id"], row["day"]].append(row)
    for row in orders:
        bought[row["plan_id"], row["day"]].append(row)
    return tuple(_day(*key, sent[key], bought[key]) for key in keys)


def _day(
    plan_id: str, day: str, sent: Sequence[Mapping[str, Any]], bought: Sequence[Mapping[str, Any]]
) -> DayFigures:
    def total(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
        return sum(row[name] for row in rows)

    many = total(sent, "sent")
    delivered = max(many - total(sent, "bounced"), 0)
    rates = {"delivery_rate": wilson(delivered, many).times(100.0)}
    for key, name in _COUNTED.items():
        rates[key] = wilson(min(total(sent, name), delivered), delivered).times(100.0)
    contacted = [row for row in bought if row["action"]]
    held = [row for row in bought if not row["action"]]
    return DayFigures(
        plan_id=plan_id,
        day=day,
        sent=many,
        cost=float(total(sent, "cost")),
        rates=rates,
        orders=total(contacted, "orders"),
        buyers=total(contacted, "buyers"),
        revenue=float(total(contacted, "revenue")),
        held_orders=total(held, "orders"),
        held_buyers=total(held, "buyers"),
        held_revenue=float(total(held, "revenue")),
    )
