"""`payments`: whether somebody pays what is due, and when."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from aimwell.definitions.base import Duration
from aimwell.definitions.conditions import CountCondition
from aimwell.definitions.leaves.base import Leaf

__all__ = ["PaymentsRule", "Punctuality"]

Punctuality = Literal["on_time", "late", "missed", "due", "refunded"]


class PaymentsRule(Leaf):
    """How many payments came so; without `count` at least one."""

    key: ClassVar = "payments"

    payments: Punctuality = Field(
        description="on_time: paid by the end of the day it was due (or without a due day). late: paid after it. "
        "missed: failed, or not paid though the day has passed. due: not to be paid yet. refunded."
    )
    kind: Literal["payment", "repayment"] | None = Field(
        default=None, description="repayment: of a credit. Default: both."
    )
    count: CountCondition | None = Field(default=None, description="How many.")
    within: Duration | None = Field(
        default=None,
        description="Only those due so lately (of those without a due day: paid, or told of, so lately).",
    )
