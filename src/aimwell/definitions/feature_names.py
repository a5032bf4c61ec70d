"""The features that a rule can name. What each means stands in `history.catalogue`, which a test compares with this."""

from __future__ import annotations

__all__ = ["FEATURE_NAMES"]

FEATURE_NAMES: tuple[str, ...] = (
    "tenure_days",
    "recency_days",
    "customer_days",
    "orders",
    "revenue",
    "average_order_value",
    "largest_order_value",
    "orders_30d",
    "revenue_30d",
    "orders_90d",
    "revenue_90d",
    "orders_365d",
    "revenue_365d",
    "gap_mean_days",
    "gap_last_days",
    "overdue",
    "discount_share",
    "coupon_share",
    "return_share",
    "products",
    "categories",
    "favourite_hour",
    "favourite_hour_share",
    "favourite_weekday",
    "favourite_weekday_share",
    "weekend_share",
    "season_strength",
    "orders_year_ago_90d",
    "events_30d",
    "opens_30d",
    "clicks_30d",
    "events_90d",
    "opens_90d",
    "clicks_90d",
    "event_recency_days",
    "product_views_30d",
    "cart_adds_30d",
    "messages_sent_90d",
    "message_recency_days",
)
"""In the order of the catalogue."""
