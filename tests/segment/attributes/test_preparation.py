"""Preparation of features: bent, filled, scaled, dropped; and the same again for new people."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aimwell.errors import SegmentError
from aimwell.segment.attributes.preparation import Preparation, bend, prepare


def table(**columns: Any) -> pa.Table:
    return pa.table(
        {name: pa.array(list(values), pa.float64()) for name, values in columns.items()}
    )


def test_skewed_columns_become_symmetric_and_all_have_one_scale(seed: int) -> None:
    draw = np.random.default_rng(seed)
    raw = {"money": draw.lognormal(4, 1.5, 4000), "plain": draw.normal(50, 9, 4000)}
    prepared = prepare(table(**raw), ["money", "plain"])
    rows = prepared.apply(table(**raw))
    assert abs(stats.skew(raw["money"])) > 3
    assert np.abs(stats.skew(rows)).max() < 0.3
    assert np.abs(rows.mean(axis=0)).max() < 0.02
    assert np.abs(rows.std(axis=0) - 1).max() < 0.05
    assert prepared.columns[1].power == 1.0
    assert np.abs(rows).max() <= 3.5


@given(
    st.floats(-2, 3),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
)
def test_bending_is_that_of_scipy_and_keeps_order(power: float, values: list[float]) -> None:
    power = round(power, 6)  # nearer to 0 or 2 than this, the two formulas lose different digits
    column = np.array(values)
    bent = bend(column, power)
    assert bent == pytest.approx(stats.yeojohnson(column, power), rel=1e-6, abs=1e-9)
    order = np.argsort(column)
    assert (np.diff(bent[order]) >= 0).all()


def test_useless_columns_are_dropped_with_the_reason() -> None:
    n = 200
    steps = np.arange(n, dtype=float)
    columns = {
        "steps": steps,
        "same": np.ones(n),
        "nearly": np.r_[np.zeros(n - 1), 1.0],
        "again": steps * 3 - 7,
        "unknown": np.r_[np.full(n - 50, np.nan), np.arange(50.0)],
        "all unknown": np.full(n, np.nan),
        "other": np.tile([0.0, 1.0], n // 2),
    }
    prepared = prepare(table(**columns), list(columns))
    assert prepared.names == ("steps", "other")
    assert prepared.dropped == {
        "same": "the same for everybody",
        "nearly": "the same for 99.5% of the people",
        "again": "says the same as steps",
        "unknown": "unknown for 75% of the people",
        "all unknown": "unknown for 100% of the people",
    }


def test_missing_values_become_the_median() -> None:
    columns = table(a=[1.0, 2.0, 3.0, 4.0, None, None])
    prepared = prepare(columns, ["a"])
    rows = prepared.apply(columns)[:, 0]
    assert rows[4] == rows[5] == pytest.approx((rows[1] + rows[2]) / 2)


def test_new_people_are_prepared_by_what_was_learnt() -> None:
    prepared = prepare(table(a=[0.0, 1.0, 2.0, 3.0], b=[5.0, 0.0, 5.0, 1.0]), ["a", "b"])
    again = Preparation.from_dict(json.loads(json.dumps(prepared.to_dict())))
    assert again == prepared
    new = table(b=[2.0], a=[1.5])
    assert (again.apply(new) == prepared.apply(new)).all()
    assert prepared.apply(new)[0, 0] == 0.0
    with pytest.raises(SegmentError, match="lack the features b"):
        prepared.apply(table(a=[1.0]))
