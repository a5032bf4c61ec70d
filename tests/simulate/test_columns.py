from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aimwell.simulate.columns import join_text, lookup, moments, money, optional, padded


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_money_is_exact(minor):
    assert money(np.array(minor, np.int64)).to_pylist() == [
        Decimal(value).scaleb(-2) for value in minor
    ]


def test_unknown_money_is_missing():
    assert money(np.array([150, 2]), known=np.array([True, False])).to_pylist() == [
        Decimal("1.50"),
        None,
    ]


def test_text_columns():
    words = lookup(("a", "b"), np.array([1, 0]))
    assert words.to_pylist() == ["b", "a"]
    assert join_text("<", optional(words, np.array([True, False])), ">").to_pylist() == [
        "<b>",
        None,
    ]
    assert padded(np.array([7, 1234]), 3).to_pylist() == ["007", "1234"]
    assert moments(np.array([0])).to_pylist()[0].isoformat() == "1970-01-01T00:00:00+00:00"
