"""The headings under which `aimwell decide -h` lists its commands."""

from __future__ import annotations

__all__ = ["EXPERIMENTS", "LEARNING", "OFFERS", "PLANS"]

PLANS = "Plans"
LEARNING = "What past experiments teach"
EXPERIMENTS = "Experiments and holdouts"
OFFERS = "Offers"
