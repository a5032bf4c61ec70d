"""The smallest lift that a plan can find."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.detectable import detectable, in_words


def test_figures_shrink_with_the_arms_and_carry_their_base() -> None:
    rng = np.random.default_rng(1)
    values = rng.gamma(1.0, 20.0, 4000)
    bought = values > 30
    small = detectable(
        values, bought, treated=800, control=200, unit="GBP", metric="revenue per person"
    )
    large = detectable(
        values, bought, treated=8000, control=2000, unit="GBP", metric="revenue per person"
    )
    for one, ten in zip(small, large, strict=True):
        assert one.base == ten.base
        assert one.difference is not None
        assert ten.difference is not None
        assert ten.difference < one.difference
    assert small[1].base == pytest.approx(values.mean())


def test_an_empty_arm_gives_a_reason_and_no_figure() -> None:
    for figure in detectable(
        np.ones(3), np.ones(3, bool), treated=3, control=0, unit="GBP", metric="m"
    ):
        assert figure.difference is None
        assert figure.reason
    assert all(
        "No lift" in line
        for line in in_words(
            detectable(np.ones(0), np.ones(0, bool), treated=0, control=0, unit="GBP", metric="m")
        )
    )


def test_the_words_name_base_and_difference() -> None:
    values = np.array([0.0, 10.0] * 500)
    words = in_words(
        detectable(
            values, values > 0, treated=800, control=200, unit="GBP", metric="revenue per person"
        )
    )
    assert "from 50.0%" in words[0]
    assert "from 5.00" in words[1]
