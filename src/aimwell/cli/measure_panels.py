"""The headings under which `aimwell measure -h` lists its commands."""

from __future__ import annotations

__all__ = ["CAMPAIGN", "CUSTOMERS", "TOGETHER"]

CAMPAIGN = "One campaign"
TOGETHER = "All campaigns"
CUSTOMERS = "Customers"
