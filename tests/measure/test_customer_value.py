"""Lifetime value before and after the campaign."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from aimwell.measure.customer_value import values_before_and_after
from aimwell.predict.bgnbd import fit_bgnbd
from aimwell.predict.buying import Buyers
from aimwell.predict.gamma_gamma import fit_gamma_gamma
from aimwell.predict.lifetime_value import lifetime_value
from aimwell.predict.purchases import PurchaseHistory


def buyers(table: pa.Table) -> Buyers:
    spend = table["monetary"].to_numpy(zero_copy_only=False)
    return Buyers(
        table["profile_id"].combine_chunks(),
        PurchaseHistory(
            frequency=table["frequency"].to_numpy().astype(float),
            recency=table["recency"].to_numpy(),
            age=table["age"].to_numpy(),
            spend=spend,
        ),
    )


def history(seed: int, n: int = 600) -> pa.Table:
    rng = np.random.default_rng(seed)
    frequency = rng.negative_binomial(1, 0.35, n)
    age = rng.uniform(10, 50, n)
    recency = np.where(frequency > 0, age * rng.uniform(0.05, 1, n), 0.0)
    level = rng.gamma(6, 5, n)
    spend = rng.gamma(np.maximum(frequency, 1) * 4, level / (np.maximum(frequency, 1) * 4))
    return pa.table(
        {
            "profile_id": [f"p{i:04}" for i in range(n)],
            "frequency": pa.array(frequency, pa.int64()),
            "recency": recency,
            "age": age,
            "monetary": pa.array(np.where(frequency > 0, spend, np.nan), mask=frequency == 0),
        }
    )


def test_values_are_those_of_the_model_fitted_before() -> None:
    before = history(1)
    asked = pa.array(["p0003", "nobody", "p0000"])
    found = values_before_and_after(buyers(before), buyers(before), asked)
    assert found.reason is None
    assert found.before is not None
    assert found.after is not None
    own = buyers(before).history
    expected = lifetime_value(
        own, fit_bgnbd(own), fit_gamma_gamma(own), horizon_days=365, margin=None, draws=0
    ).value
    assert found.before[[0, 2]] == pytest.approx(expected[[3, 0]])
    assert np.isnan(found.before[1])
    assert found.after[[0, 2]] == pytest.approx(found.before[[0, 2]])


def test_who_buys_again_is_worth_more_than_who_does_not() -> None:
    before = history(1)
    bought = before["frequency"].to_numpy().astype(float)
    again = np.arange(len(bought)) % 2 == 0
    monetary = np.nan_to_num(before["monetary"].to_numpy(zero_copy_only=False), nan=30.0)
    after = pa.table(
        {
            "profile_id": before["profile_id"],
            "frequency": pa.array(bought + again, pa.float64()),
            "recency": np.where(again, before["age"].to_numpy() + 1, before["recency"].to_numpy()),
            "age": before["age"].to_numpy() + 2,
            "monetary": pa.array(monetary, mask=(bought + again) == 0),
        }
    )
    found = values_before_and_after(
        buyers(before), buyers(after), before["profile_id"].combine_chunks()
    )
    assert found.before is not None
    assert found.after is not None
    change = found.after - found.before
    assert np.nanmean(change[again]) > np.nanmean(change[~again]) + 1


def test_a_new_customer_has_no_change_of_value() -> None:
    before = history(1)
    few = before.slice(0, 500)
    found = values_before_and_after(buyers(few), buyers(before), pa.array(["p0001", "p0550"]))
    assert found.before is not None
    assert found.after is not None
    assert np.isnan(found.before[1])
    assert np.isnan(found.after[1])


def test_too_few_buyers_give_a_reason() -> None:
    few = history(1, 5)
    found = values_before_and_after(buyers(few), buyers(few), pa.array(["p0001"]))
    assert found.before is None
    assert (found.reason or "").startswith("the model of buying cannot be fitted.")
