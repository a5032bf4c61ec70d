"""The headings under which `aimwell measure -h` lists its commands."""

from __future__ import annotations

__all__ = ["CAMPAIGN", "CUSTOMERS", "EXPERIMENTS", "TOGETHER"]

CAMPAIGN = "One campaign"
EXPERIMENTS = "Experiments that others ran"
TOGETHER = "All campaigns"
CUSTOMERS = "Customers"
