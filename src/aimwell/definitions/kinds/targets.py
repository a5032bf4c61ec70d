"""Key figures that a campaign may have a target for."""

from __future__ import annotations

from typing import Literal

__all__ = ["PERCENTAGES", "TargetKey"]

TargetKey = Literal[
    "conversion_rate",
    "acquisition_cost",
    "return_on_ad_spend",
    "engagement_rate",
    "lifetime_value_lift",
    "churn_rate",
    "delivery_rate",
    "open_rate",
    "click_rate",
    "click_to_open_rate",
    "unsubscribe_rate",
    "complaint_rate",
    "share_rate",
    "orders",
    "revenue",
    "margin",
    "incremental_revenue",
    "incremental_profit",
    "return_on_investment",
    "cost_per_incremental_order",
]
"""Key figures that may have a target; percentages are written as 5 for 5 %."""
PERCENTAGES = frozenset(
    {
        "conversion_rate",
        "engagement_rate",
        "churn_rate",
        "delivery_rate",
        "open_rate",
        "click_rate",
        "click_to_open_rate",
        "unsubscribe_rate",
        "complaint_rate",
        "share_rate",
    }
)
"""Key figures that are shares in per cent, so between 0 and 100."""
