"""Expected purchases of active customers: the closed form against an integral, in the corners too."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln

from aimwell.predict.purchase_counts import expected_while_active


def by_integral(parameters: list[float], x: float, age: float, horizon: float) -> float:
    """∫ Beta(p; a, b+x) · E[purchases | p] dp, with p = e^u/(1+e^u) so that both ends are smooth."""
    r, alpha, a, b = parameters
    first, second = a, b + x

    def weighted(u: float) -> float:
        log_p, log_q = -np.logaddexp(0, -u), -np.logaddexp(0, u)
        p, slope = np.exp(log_p), horizon / (alpha + age)
        bought = -np.expm1(-(r + x) * np.log1p(p * slope))
        per_p = bought / p if p > 1e-300 else (r + x) * slope
        return float(np.exp(first * log_p + second * log_q - betaln(first, second)) * per_p)

    centre = np.log(first / second)
    lowest, highest = centre - 40 - 40 / first, centre + 40 + 40 / second
    cuts = [lowest, *(centre + np.array([-30.0, -3.0, 0.0, 3.0, 30.0])), highest]
    pieces = pairwise(cuts)
    return sum(quad(weighted, low, high, limit=200, epsrel=1e-10)[0] for low, high in pieces)


def expected(parameters: list[float], x: float, age: float, horizon: float) -> float:
    found = expected_while_active(np.array(parameters), np.array([x]), np.array([age]), horizon)
    return float(found[0])


@given(
    logs=st.tuples(st.floats(-2, 3), st.floats(-1, 4), st.floats(-3, 3.5), st.floats(-2, 4)),
    x=st.integers(0, 60),
    age=st.floats(0, 200),
    horizon=st.floats(0.5, 260),
)
def test_it_equals_the_integral(
    logs: tuple[float, float, float, float], x: int, age: float, horizon: float
) -> None:
    parameters = [float(np.exp(log)) for log in logs]
    assert expected(parameters, x, age, horizon) == pytest.approx(
        by_integral(parameters, x, age, horizon), rel=1e-7
    )


@pytest.mark.parametrize(
    "parameters",
    [
        [0.3, 4.0, 1.0, 2.5],
        [0.3, 4.0, 1 + 3e-7, 2.5],
        [0.3, 4.0, 1 - 2e-6, 2.5],
        [0.3, 4.0, 0.3, 0.7],
        [0.3, 4.0, 0.3, 0.7 + 1e-9],
        [0.3, 4.0, 1.0, 1e-3],
        [0.3, 4.0, 49.9, 200.0],
        [0.3, 4.0, 50.1, 200.0],
        [0.7, 9.0, 1800.0, 9000.0],
        [0.7, 2.0, 0.7, 2.0],
        [0.25, 1.5, 0.25, 400.0],
        [0.5, 4.0, 1.5, 3.0],
        [900.0, 4000.0, 0.8, 2.4],
        [0.7, 9.0, 6e-4, 1.3],
    ],
)
@pytest.mark.parametrize("x", [0, 1, 400])
def test_the_corners_where_the_formula_breaks_are_exact(parameters: list[float], x: int) -> None:
    for age, horizon in ((0.0, 260.0), (38.86, 39.0)):
        assert expected(parameters, x, age, horizon) == pytest.approx(
            by_integral(parameters, x, age, horizon), rel=1e-7
        )


def test_nothing_is_bought_in_no_time() -> None:
    assert expected([0.3, 4.0, 0.8, 2.4], 3, 10.0, 0.0) == 0
