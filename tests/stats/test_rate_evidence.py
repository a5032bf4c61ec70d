"""Evidence against a rate: few false alarms however often it is looked, real ones soon, and the integral that it claims to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta

from aimwell.errors import StatsError
from aimwell.stats.rate_evidence import always_valid_p, log_evidence


def test_it_is_the_likelihood_ratio_of_a_mixture_of_higher_rates() -> None:
    p, k, n = 0.1, 9, 40
    mean = 2 * p / (1 + p)
    prior = beta(1.0, (1 - mean) / mean)
    top, _ = quad(lambda t: t**k * (1 - t) ** (n - k) * prior.pdf(t), p, 1)
    expected = math.log(top / prior.sf(p)) - k * math.log(p) - (n - k) * math.log1p(-p)
    assert float(log_evidence(k, n, limit=p)) == pytest.approx(expected, rel=1e-6)


@given(st.floats(0.001, 0.999), st.integers(0, 40))
def test_under_the_limit_it_is_one_on_average(p: float, n: int) -> None:
    k = np.arange(n + 1)
    weights = np.exp(
        [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p) for i in k]
    )  # fmt: skip
    assert float(weights @ np.exp(log_evidence(k, n, limit=p))) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("rate", [0.004, 0.03, 0.3])
def test_looking_daily_gives_few_false_alarms_and_finds_a_doubled_rate(rate: float) -> None:
    rng = np.random.default_rng(11)
    runs, days, per_day = 2_000, 30, 150
    sent = per_day * np.arange(1, days + 1)

    def alarms(true: float) -> float:
        seen = rng.binomial(per_day, true, (runs, days)).cumsum(axis=1)
        log_e = log_evidence(seen, np.broadcast_to(sent, seen.shape), limit=rate)
        return float((log_e >= -math.log(0.05)).any(axis=1).mean())

    assert alarms(rate) <= 0.05
    assert alarms(0.7 * rate) <= 0.01
    assert alarms(2 * rate) >= 0.8


def test_the_p_value_is_at_most_one_and_a_limit_of_zero_is_refused() -> None:
    assert always_valid_p(float(log_evidence(0, 50, limit=0.2))) == 1.0
    assert always_valid_p(math.log(100)) == pytest.approx(0.01)
    with pytest.raises(StatsError, match="limit"):
        log_evidence(1, 2, limit=0.0)
