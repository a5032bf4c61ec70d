"""The likelihood of BG/NBD: derivatives agree with differences, grouping changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, gamma

from aimwell.predict.bgnbd_likelihood import BuyingRows, log_likelihood
from aimwell.predict.purchases import PurchaseHistory

THETAS = st.lists(st.floats(-2.5, 2.5), min_size=4, max_size=4).map(np.array)
CUSTOMERS = st.lists(
    st.tuples(st.integers(0, 12), st.floats(0.05, 1), st.floats(0.2, 60)), min_size=1, max_size=12
)


def history_of(customers: list[tuple[int, float, float]]) -> PurchaseHistory:
    frequency = np.array([row[0] for row in customers], dtype=float)
    age = np.array([row[2] for row in customers])
    recency = np.where(frequency > 0, np.array([row[1] for row in customers]) * age, 0.0)
    return PurchaseHistory(frequency, recency, age)


@given(theta=THETAS, customers=CUSTOMERS, first=st.sampled_from([0, 1]))
def test_gradient_and_hessian_equal_finite_differences(
    theta: np.ndarray, customers: list[tuple[int, float, float]], first: int
) -> None:
    rows = BuyingRows.of(history_of(customers), first=first)
    _, gradient, hessian = log_likelihood(theta, rows)
    step = 1e-5
    for place in range(4):
        shift = np.zeros(4)
        shift[place] = step
        above, below = log_likelihood(theta + shift, rows), log_likelihood(theta - shift, rows)
        assert (above[0] - below[0]) / (2 * step) == pytest.approx(
            gradient[place], rel=1e-5, abs=1e-4
        )
        assert (above[1] - below[1]) / (2 * step) == pytest.approx(
            hessian[place], rel=1e-5, abs=1e-4
        )
    assert hessian == pytest.approx(hessian.T)


@given(theta=THETAS, customers=CUSTOMERS, times=st.integers(1, 4), first=st.sampled_from([0, 1]))
def test_grouped_rows_equal_ungrouped_rows(
    theta: np.ndarray, customers: list[tuple[int, float, float]], times: int, first: int
) -> None:
    history = history_of(customers * times)
    grouped = BuyingRows.of(history, first=first)
    single = BuyingRows.of(history, first=first, grouped=False)
    assert grouped.customers == single.customers == len(history)
    assert len(grouped.age) + len(grouped.once_age) <= len(customers)
    for first, second in zip(
        log_likelihood(theta, grouped), log_likelihood(theta, single), strict=True
    ):
        assert first == pytest.approx(second, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize(
    ("frequency", "recency", "age"), [(0, 0.0, 9.0), (1, 2.5, 9.0), (3, 8.0, 9.0)]
)
def test_it_equals_the_integral_over_rates_and_stopping(
    frequency: int, recency: float, age: float
) -> None:
    """Integrates P(history | λ, p) over the laws of λ and p, straight from the assumptions."""
    r, alpha, a, b = 1.3, 4.0, 1.6, 2.2

    # Dense sums: even steps in ln λ, which has thin tails on both sides, and midpoints in p.
    logs = np.linspace(-40, 8, 2001)
    rate = np.exp(logs)[:, None]
    p = ((np.arange(2000) + 0.5) / 2000)[None, :]
    seen = (1 - p) ** frequency * rate**frequency * np.exp(-rate * age)
    if frequency:
        seen = seen + p * (1 - p) ** (frequency - 1) * rate**frequency * np.exp(-rate * recency)
    density = beta.pdf(p, a, b) * gamma.pdf(rate, r, scale=1 / alpha) * rate
    integral = (seen * density).sum() * (logs[1] - logs[0]) / 2000
    rows = BuyingRows.of(
        PurchaseHistory(*(np.array([float(v)]) for v in (frequency, recency, age)))
    )
    value, _, _ = log_likelihood(np.log([r, alpha, a, b]), rows)
    assert np.exp(value) == pytest.approx(integral, rel=1e-5)
