"""Discrete-time hazards: how likely a subscription ends in each month of its tenure, and so within a horizon.

A row is one month of one subscription; the outcome is whether it ended in that month. Any learner of probabilities then
learns a hazard h(month, plan, price …), and

    P(ends within a horizon) = 1 − Π (1 − h of each month)^(share of the month that lies within the horizon)

with what was known at the moment carried forward and the tenure growing.

Sources: Cox (1972), Regression models and life-tables, section on discrete time; Singer & Willett (1993), It's about time:
using discrete-time survival analysis, Journal of Educational Statistics 18(2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from aimwell.history.subscription_conduct import CONDUCT
from aimwell.predict.learners import Scorer
from aimwell.stats.samples import FloatArray

__all__ = ["MonthRows", "ends_within", "hazard_features", "hazard_matrix"]

_PLAN = "plan: "
_PLANS_MAX = 20
_PLAIN = (
    "tenure_months",
    "first_month",
    "second_and_third_month",
    "renewal",
    "price_monthly",
    "period_months",
    "late",
    "paused",
)


@dataclass(frozen=True, slots=True, eq=False)
class MonthRows:
    """Months of tenure to learn from or to foretell.

    Args:
        month: Of tenure; 0 is the first, and a part of a month counts as that month.
        plan: Name of the plan, or None.
        price_monthly, period_months: NaN where unknown.
        state: As the month began.
        conduct: Columns of `history.subscription_conduct.CONDUCT` as the month began, where they are known.
    """

    month: FloatArray
    plan: npt.NDArray[np.object_]
    price_monthly: FloatArray
    period_months: FloatArray
    state: npt.NDArray[np.object_]
    conduct: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table, month: FloatArray) -> MonthRows:
        """From a table of `history.subscription_lives`."""
        return cls(
            month=month,
            plan=table.column("plan").to_numpy(zero_copy_only=False),
            price_monthly=_floats(table, "price_monthly"),
            period_months=_floats(table, "period_months"),
            state=table.column("state").to_numpy(zero_copy_only=False),
            conduct={name: _floats(table, name) for name in CONDUCT if name in table.column_names},
        )


def hazard_features(plans: Sequence[str]) -> tuple[str, ...]:
    """Names of the features: the plain ones, and one for each of the first plans given (the most frequent first)."""
    return (*_PLAIN, *(_PLAN + plan for plan in sorted(plans[:_PLANS_MAX])))


def hazard_matrix(rows: MonthRows, names: Sequence[str]) -> FloatArray:
    """Rows × `names`. `renewal` marks the month at whose end a period ends and a new one must be paid."""
    month, period = rows.month, rows.period_months
    plain = {
        "tenure_months": month,
        "first_month": month == 0,
        "second_and_third_month": (month == 1) | (month == 2),
        "renewal": np.mod(month + 1, np.maximum(np.nan_to_num(period, nan=1.0), 1.0)) == 0,
        "price_monthly": rows.price_monthly,
        "period_months": period,
        "late": rows.state == "past_due",
        "paused": rows.state == "paused",
        **rows.conduct,
    }
    columns = [
        np.asarray(
            plain[name] if name in plain else rows.plan == name.removeprefix(_PLAN),
            dtype=np.float64,
        )
        for name in names
    ]
    return np.column_stack(columns)


def ends_within(
    scorer: Scorer,
    names: Sequence[str],
    rows: MonthRows,
    tenure: FloatArray,
    horizon: float,
) -> FloatArray:
    """The probability (0-1) that each running subscription ends within the horizon.

    Args:
        scorer: Gives the hazard of a month.
        names: Features that it needs.
        rows: What is known now; its `month` is not read.
        tenure: Months that each has lasted, with fractions.
        horizon: In months, with a fraction.
    """
    first = np.floor(tenure)
    log_stay = np.zeros(len(tenure))
    for step in range(int(np.ceil(horizon)) + 1):
        month = first + step
        share = np.clip(
            np.minimum(month + 1, tenure + horizon) - np.maximum(month, tenure), 0.0, 1.0
        )
        ahead = replace(rows, month=month)
        hazard = np.clip(scorer.score(hazard_matrix(ahead, names)), 0.0, 1 - 1e-12)
        log_stay += share * np.log1p(-hazard)
    return np.asarray(-np.expm1(log_stay))


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
