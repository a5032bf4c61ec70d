"""The horizon of churn: by when most of those who come back have come back, open waits counted for what they are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import TooLittleDataError
from aimwell.predict.rhythm import shop_rhythm


def waits(days: np.ndarray, returned: np.ndarray) -> pa.Table:
    keys, counts = np.unique(np.column_stack([days, returned]), axis=0, return_counts=True)
    return pa.table(
        {"days": keys[:, 0], "returned": keys[:, 1].astype(bool), "waits": counts.astype(float)}
    )


def test_the_horizon_is_the_quantile_of_those_who_come_back_though_many_waits_are_open() -> None:
    rng = np.random.default_rng(2)
    comes = rng.random(20_000) < 0.6
    wait = np.ceil(rng.exponential(30, 20_000))
    watched = rng.integers(20, 400, 20_000).astype(float)
    returned = comes & (wait <= watched)
    rhythm = shop_rhythm(waits(np.where(returned, wait, watched), returned))
    # 90 % of Exponential(30 days) have come after 69 days; the plain quantile of ended waits is shorter.
    assert rhythm.horizon_days == pytest.approx(69, abs=3)
    assert np.quantile(wait[returned], 0.9) < 67
    assert rhythm.returns_seen == pytest.approx(0.6, abs=0.02)


def test_hardly_anybody_who_came_back_is_refused_with_the_numbers() -> None:
    days = np.full(500, 30.0)
    with pytest.raises(TooLittleDataError, match="purchases after another one: 50 of at least 100"):
        shop_rhythm(waits(days, np.arange(500) < 50))
