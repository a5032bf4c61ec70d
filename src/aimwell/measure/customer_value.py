"""Lifetime value of customers before and after the campaign, by one model fitted to what was known before.

BG/NBD and Gamma-Gamma are fitted to all customers' purchases before the start and valued over a year to come. The same
models then read the longer history at the end of the window. So what changes between the two is what people did, never
the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aimwell.errors import PredictError
from aimwell.predict.bgnbd import fit_bgnbd
from aimwell.predict.buying import Buyers
from aimwell.predict.gamma_gamma import fit_gamma_gamma
from aimwell.predict.lifetime_value import lifetime_value
from aimwell.stats.samples import FloatArray

__all__ = ["HORIZON_DAYS", "Values", "values_before_and_after"]

HORIZON_DAYS = 365.0


@dataclass(frozen=True, eq=False)
class Values:
    """Lifetime value of each asked person (NaN: no purchase before the start), or the reason why there is none."""

    before: FloatArray | None = None
    after: FloatArray | None = None
    reason: str | None = None


def values_before_and_after(before: Buyers, after: Buyers, profiles: pa.Array) -> Values:
    """Lifetime value over HORIZON_DAYS of each of `profiles`, at the start and at the end, as revenue.

    Args:
        before, after: All buyers as of the two moments.
        profiles: Whose value is asked for.

    Returns:
        Missing with a reason where the models cannot be fitted to what was known at the start.
    """
    try:
        buying, spending = fit_bgnbd(before.history), fit_gamma_gamma(before.history)
        first, second = (
            _placed(
                profiles,
                buyers.profiles,
                lifetime_value(
                    buyers.history,
                    buying,
                    spending,
                    horizon_days=HORIZON_DAYS,
                    margin=None,
                    draws=0,
                ).value,
            )
            for buyers in (before, after)
        )
    except PredictError as error:
        told = str(error).split("\n")[0].rstrip(".")
        return Values(reason=f"the model of buying cannot be fitted. {told}")
    # Who had no value at the start (no purchase yet) has no change either.
    unknown = np.isnan(first) | np.isnan(second)
    first[unknown] = second[unknown] = np.nan
    return Values(before=first, after=second)


def _placed(profiles: pa.Array, names: pa.Array, values: FloatArray) -> FloatArray:
    """The values in the order of `profiles`; NaN for who has none."""
    place = pc.index_in(profiles, names)
    there = place.is_valid().to_numpy(zero_copy_only=False)
    found = np.full(len(profiles), np.nan)
    found[there] = values[place.drop_null().to_numpy()]
    return found
