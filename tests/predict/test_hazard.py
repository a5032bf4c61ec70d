"""Discrete-time hazards: chances over a horizon from hazards of months."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.predict.base_rates import BaseRates
from aimwell.predict.hazard import MonthRows, ends_within, hazard_features, hazard_matrix
from aimwell.predict.retention import revenue_at_risk
from aimwell.stats.samples import FloatArray

NAMES = hazard_features(["plus", "basic"])


def rows(size: int) -> MonthRows:
    return MonthRows(
        month=np.zeros(size),
        plan=np.array(["basic"] * size, dtype=object),
        price_monthly=np.full(size, 10.0),
        period_months=np.ones(size),
        state=np.array(["active"] * size, dtype=object),
    )


@given(hazard=st.floats(0.001, 0.9), tenure=st.floats(0, 60), horizon=st.floats(0.1, 24))
def test_a_constant_hazard_is_compounded_whatever_the_tenure(
    hazard: float, tenure: float, horizon: float
) -> None:
    scorer = BaseRates(None, (), (hazard,), hazard)
    found = ends_within(scorer, NAMES, rows(1), np.array([tenure]), horizon)
    assert found[0] == pytest.approx(1 - (1 - hazard) ** horizon)


def test_the_tenure_grows_along_the_horizon() -> None:
    # 10 % in each of the first two months of tenure, 50 % later.
    scorer = BaseRates(NAMES.index("tenure_months"), (1.0,), (0.1, 0.5), 0.1)
    tenure: FloatArray = np.array([0.0, 0.5, 1.0, 7.25])
    found = ends_within(scorer, NAMES, rows(4), tenure, 2.0)
    stays = [0.9**2, 0.9**1.5 * 0.5**0.5, 0.9 * 0.5, 0.5**2]
    assert found == pytest.approx(1 - np.array(stays))


def test_features_say_when_a_period_ends_and_which_plan_it_is() -> None:
    given_rows = MonthRows(
        month=np.array([0.0, 2, 10, 11]),
        plan=np.array(["basic", "plus", None, "other"], dtype=object),
        price_monthly=np.array([10.0, 10, np.nan, 8]),
        period_months=np.array([1.0, 3, 12, 12]),
        state=np.array(["active", "past_due", "paused", "active"], dtype=object),
    )
    table = dict(zip(NAMES, hazard_matrix(given_rows, NAMES).T.tolist(), strict=True))
    assert table["renewal"] == [1, 1, 0, 1]
    assert table["first_month"] == [1, 0, 0, 0]
    assert table["second_and_third_month"] == [0, 1, 0, 0]
    assert table["late"] == [0, 1, 0, 0]
    assert table["paused"] == [0, 0, 1, 0]
    assert table["plan: basic"] == [1, 0, 0, 0]
    assert table["plan: plus"] == [0, 1, 0, 0]
    assert np.isnan(table["price_monthly"][2])


def test_revenue_at_risk_holds_the_truth_as_often_as_it_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chance, price = rng.beta(1, 5, 400), rng.uniform(5, 50, 400)
    found = revenue_at_risk(chance, price, confidence=0.9)
    ends = (rng.random((2000, 400)) < chance) @ price
    held = ((ends >= found.lower) & (ends <= found.upper)).mean()
    assert held == pytest.approx(0.9, abs=0.04)


def test_revenue_at_risk_without_a_price_is_missing_with_a_reason() -> None:
    found = revenue_at_risk(np.array([0.5]), np.array([np.nan]))
    assert found.estimate is None
    assert found.reason == "no price is known"
