"""The catalogue of features: for each its name, unit, formula in words, window, and the formula itself.

A feature is null where it is undefined (no order yet, nothing to divide by); a count of nothing is 0. Days have
fractions. "Orders" are those that were not wholly returned; revenue is net of returns, in the workspace currency.
Hours and weekdays are those of the firm's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FEATURES", "Feature", "Unit"]

Unit = Literal["days", "count", "money", "share", "ratio", "hour", "weekday"]


@dataclass(frozen=True)
class Feature:
    """One feature.

    `formula`, `window` and `undefined` (when it is null) are for people. `sql` is what is computed from `p` (the
    profile) and the `parts` of `feature_parts`; `:now` is the moment in seconds.
    """

    name: str
    unit: Unit
    formula: str
    window: str
    undefined: str
    parts: tuple[str, ...]
    sql: str


_NEVER = "never"
_NO_ORDER = "no order yet"
_NO_HOUR = "no order yet that bears a time of day"
_REVENUE = "coalesce(o.revenue, 0) + coalesce(r.revenue, 0)"


def _since(time: str) -> str:
    return f"(:now - epoch({time})) / 86400.0"


def _between(first: str, last: str) -> str:
    return f"(epoch({last}) - epoch({first})) / 86400.0"


def _ratio(part: str, whole: str) -> str:
    """A quotient that is null where there is nothing to divide by."""
    return f"CAST({part} AS double) / nullif(CAST({whole} AS double), 0)"


_GAP = _ratio(_between("o.first_at", "o.last_at"), "o.orders - 1")


def _all(name: str, unit: Unit, formula: str, undefined: str, parts: str, sql: str) -> Feature:
    return Feature(name, unit, formula, "all before", undefined, tuple(parts.split()), sql)


def _count(name: str, formula: str, days: int, column: str) -> Feature:
    """A count within a window, 0 where there is nothing."""
    value = f"coalesce({column}, 0)"
    return Feature(name, "count", formula, f"last {days} days", _NEVER, (column[0],), value)


def _revenue(days: int) -> Feature:
    return Feature(
        f"revenue_{days}d",
        "money",
        "revenue of the window's orders, less returns in it that belong to no known order",
        f"last {days} days",
        _NEVER,
        ("o", "r"),
        f"coalesce(o.revenue_{days}, 0) + coalesce(r.revenue_{days}, 0)",
    )


_BUYING = (
    _all("tenure_days", "days", "since first seen", _NEVER, "", _since("p.first_seen_at")),
    _all("recency_days", "days", "since the last order", _NO_ORDER, "o", _since("o.last_at")),
    _all("customer_days", "days", "since the first order", _NO_ORDER, "o", _since("o.first_at")),
    _all("orders", "count", "orders", _NEVER, "o", "coalesce(o.orders, 0)"),
    _all("revenue", "money", "revenue of all orders, less all returns", _NEVER, "o r", _REVENUE),
    _all(
        "average_order_value",
        "money",
        "revenue ÷ orders",
        _NO_ORDER,
        "o r",
        _ratio(_REVENUE, "o.orders"),
    ),
    _all(
        "largest_order_value", "money", "revenue of the largest order", _NO_ORDER, "o", "o.largest"
    ),
    *(
        feature
        for days in (30, 90, 365)
        for feature in (
            _count(f"orders_{days}d", "orders", days, f"o.orders_{days}"),
            _revenue(days),
        )
    ),
    _all(
        "gap_mean_days",
        "days",
        "(last − first order) ÷ (orders − 1)",
        "fewer than two orders",
        "o",
        _GAP,
    ),
    _all(
        "gap_last_days",
        "days",
        "between the last order and the one before it",
        "fewer than two times of ordering",
        "o g",
        _between("g.previous_at", "o.last_at"),
    ),
    _all(
        "overdue",
        "ratio",
        "recency ÷ mean gap: above 1, the next order is late by this person's own habit",
        "fewer than two orders, or all at one time",
        "o",
        _ratio(_since("o.last_at"), _GAP),
    ),
)

_MANNER = (
    _all(
        "discount_share",
        "share",
        "discount ÷ (revenue before returns + discount)",
        "nothing bought yet for money",
        "o",
        _ratio("o.discount", "o.gross + o.discount"),
    ),
    _all(
        "coupon_share",
        "share",
        "orders with a coupon ÷ orders",
        _NO_ORDER,
        "o",
        _ratio("o.coupons", "o.orders"),
    ),
    _all(
        "return_share",
        "share",
        "money of returns ÷ revenue before returns",
        "nothing bought yet for money",
        "o r",
        _ratio("o.gross - o.revenue - coalesce(r.revenue, 0)", "o.gross"),
    ),
    _all(
        "products",
        "count",
        "different products bought",
        _NEVER,
        "l",
        "coalesce(l.products, 0)",
    ),
    _all(
        "categories",
        "count",
        "different known categories bought from",
        _NEVER,
        "l",
        "coalesce(l.categories, 0)",
    ),
)

_HABITS = (
    _all(
        "favourite_hour",
        "hour",
        "hour of the day with most orders (the earlier of equals), 0–23",
        _NO_HOUR,
        "h",
        "h.hour",
    ),
    _all(
        "favourite_hour_share",
        "share",
        "orders in the favourite hour ÷ orders",
        _NO_HOUR,
        "h",
        "h.hour_share",
    ),
    _all(
        "favourite_weekday",
        "weekday",
        "weekday with most orders (the earlier of equals), 1 Monday – 7 Sunday",
        _NO_ORDER,
        "h",
        "h.weekday",
    ),
    _all(
        "favourite_weekday_share",
        "share",
        "orders on the favourite weekday ÷ orders",
        _NO_ORDER,
        "h",
        "h.weekday_share",
    ),
    _all(
        "weekend_share",
        "share",
        "orders on Saturdays and Sundays ÷ orders",
        _NO_ORDER,
        "h",
        "h.weekend_share",
    ),
    _all(
        "season_strength",
        "share",
        "length of the mean of orders as points on the circle of the year: 1 all on one day of the year, "
        "0 spread over it",
        "fewer than two orders, or a customer for less than a year",
        "o h",
        f"CASE WHEN o.orders >= 2 AND {_since('o.first_at')} >= 365 THEN h.season END",
    ),
    Feature(
        "orders_year_ago_90d",
        "count",
        "orders in the 90 days that began a year ago: the season that comes next",
        "365 to 275 days ago",
        "a customer for less than a year",
        ("o",),
        f"CASE WHEN {_since('o.first_at')} >= 365 THEN o.orders_year_ago END",
    ),
)

_ATTENTION = (
    *(
        feature
        for days in (30, 90)
        for feature in (
            _count(
                f"events_{days}d", "events other than orders and messages", days, f"e.events_{days}"
            ),
            _count(f"opens_{days}d", "messages opened, not by machines", days, f"t.opens_{days}"),
            _count(
                f"clicks_{days}d",
                "links in messages clicked, not by machines",
                days,
                f"t.clicks_{days}",
            ),
        )
    ),
    _all(
        "event_recency_days",
        "days",
        "since the last event other than orders and messages",
        "no such event yet",
        "e",
        _since("e.last_at"),
    ),
    _count("product_views_30d", "events 'Product Viewed'", 30, "e.views_30"),
    _count("cart_adds_30d", "events 'Product Added'", 30, "e.adds_30"),
    _count("messages_sent_90d", "messages sent", 90, "t.sent_90"),
    _all(
        "message_recency_days",
        "days",
        "since the last message was sent",
        "no message yet",
        "t",
        _since("t.last_at"),
    ),
)

_FURTHER = (
    Feature(
        "orders_trend_90d",
        "ratio",
        "orders in the last 90 days ÷ orders in the 90 days before",
        "last 90 days and the 90 before",
        "no order in the 90 days before",
        ("o",),
        _ratio("coalesce(o.orders_90, 0)", "o.orders_90_before"),
    ),
    _all(
        "favourite_category_share",
        "share",
        "revenue in the category with most of it ÷ revenue in known categories, before returns",
        "nothing bought yet of a known category for money",
        "c",
        "c.favourite_share",
    ),
    _all(
        "unit_price_mean",
        "money",
        "revenue of goods before returns ÷ their quantity",
        "no goods bought yet",
        "c",
        "c.unit_price",
    ),
    _count("searches_30d", "events 'Products Searched' or 'Product Searched'", 30, "e.searches_30"),
    Feature(
        "subscriptions_running",
        "count",
        "subscriptions that run: on trial, active or past due, and not ended",
        "at the moment",
        _NEVER,
        ("s",),
        "coalesce(s.running, 0)",
    ),
    Feature(
        "subscription_days",
        "days",
        "since the longest running subscription began",
        "at the moment",
        "no subscription runs, or it is not known when it began",
        ("s",),
        _since("s.since"),
    ),
    _all(
        "usage_recency_days",
        "days",
        "since the last usage",
        "no usage yet",
        "u",
        _since("u.last_at"),
    ),
    _count("usage_periods_90d", "periods in which anything was used", 90, "u.periods_90"),
    _count("reviews_365d", "reviews written", 365, "v.reviews_365"),
    _all(
        "review_mark_share",
        "share",
        "mean of mark ÷ best mark over reviews",
        "no review with a mark yet",
        "v",
        "v.mark",
    ),
    _count("surveys_365d", "times at which a survey was answered", 365, "a.surveys_365"),
    _count("payments_late_365d", "payments that are late or failed", 365, "d.late_365"),
    _all(
        "loyalty_balance",
        "count",
        "points of all programmes by their newest balance",
        "in no programme",
        "y",
        "y.balance",
    ),
)

FEATURES: tuple[Feature, ...] = (*_BUYING, *_MANNER, *_HABITS, *_ATTENTION, *_FURTHER)
"""Every feature, in the order of the table that `features` gives."""
