"""Fitting positive parameters: plain where the data speak, held by a weak prior where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.errors import PredictError
from aimwell.predict.likelihood import PRIOR_SPREAD, PositiveFit, fit_positive
from aimwell.predict.newton import Derivatives


def poisson(theta: np.ndarray, counts: np.ndarray) -> Derivatives:
    """Counts that are Poisson with the first parameter; of the second they know nothing."""
    rate = np.exp(theta[0])
    gradient = np.zeros(len(theta))
    gradient[0] = counts.sum() - len(counts) * rate
    hessian = np.zeros((len(theta), len(theta)))
    hessian[0, 0] = -len(counts) * rate
    return float(counts.sum() * theta[0] - len(counts) * rate), gradient, hessian


def fit(counts: np.ndarray, names: tuple[str, ...]) -> PositiveFit:
    return fit_positive(
        lambda theta: poisson(theta, counts),
        names=names,
        start=np.full(len(names), 0.5),
        reference=np.full(len(names), 2.0),
        rows=len(counts),
        what="A count",
    )


def test_where_the_data_speak_the_fit_is_plain_maximum_likelihood() -> None:
    found = fit(np.array([3.0, 4, 5, 8]), ("rate",))
    assert found.values == pytest.approx((5.0,))
    assert found.covariance[0][0] == pytest.approx(1 / 20)
    assert (found.left_open, found.note) == ((), "")


def test_what_the_data_leave_open_is_named_and_held() -> None:
    found = fit(np.array([3.0, 4, 5, 8] * 50), ("rate", "other"))
    assert found.left_open == ("other",)
    assert "leave open: other" in found.note
    assert found.values == pytest.approx((5.0, 2.0), rel=1e-3)
    assert found.covariance[1][1] == pytest.approx(PRIOR_SPREAD**2)


def test_a_top_at_infinity_is_held_too() -> None:
    found = fit(np.zeros(100), ("rate",))
    assert found.left_open == ("rate",)
    assert 0 < found.values[0] < 0.05


def test_a_likelihood_without_a_top_is_refused() -> None:
    def endless(theta: np.ndarray) -> Derivatives:
        return float(np.exp(theta[0])), np.exp(theta), np.exp(theta)[:, None]

    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(PredictError, match="Nonsense found no parameters for these 10 customers"),
    ):
        fit_positive(
            endless,
            names=("x",),
            start=np.ones(1),
            reference=np.ones(1),
            rows=10,
            what="Nonsense",
        )
