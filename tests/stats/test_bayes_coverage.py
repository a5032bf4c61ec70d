"""How often what is believed of a campaign is so: under its own prior, for each true effect alone, and after few earlier campaigns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aimwell.stats.bayes import Prior, believed_change, prior_of_campaigns, weak_prior
from aimwell.stats.intervals import wilson
from aimwell.stats.meta_analysis import pool
from aimwell.stats.two_means import TwoMeans

_CONTROL = 20.0


def _measured(log_ratio: float, errors: tuple[float, float], rng: np.random.Generator) -> TwoMeans:
    """Both means with errors that are these shares of the control mean."""
    treated, control = rng.normal(
        (_CONTROL * math.exp(log_ratio), _CONTROL), np.array(errors) * _CONTROL
    )
    return TwoMeans(
        treated=treated,
        control=control,
        treated_variance=(errors[0] * _CONTROL) ** 2,
        control_variance=(errors[1] * _CONTROL) ** 2,
        covariance=0.0,
        degrees=1e6,
        method="drawn",
    )


def _held(
    runs: int, errors: tuple[float, float], *, effect: float | None = None, seed: int = 1
) -> tuple[int, list[tuple[float, bool]]]:
    """How many intervals held the true difference, and of each how probable "better" was and whether it was so."""
    rng, prior = np.random.default_rng(seed), weak_prior()
    held, told = 0, []
    for _ in range(runs):
        truth = rng.normal(prior.mean, prior.deviation) if effect is None else math.log1p(effect)
        found = believed_change(_measured(truth, errors, rng), prior)
        held += bool(found.difference.covers(_CONTROL * math.expm1(truth)))
        told.append((found.better, truth > 0))
    return held, told


def _after(
    runs: int, campaigns: int, differ: float, error: float, *, seed: int = 2
) -> tuple[int, int, int]:
    """How many intervals held, how many were nine tenths sure of "better" and how many of those rightly, after so many campaigns."""
    rng = np.random.default_rng(seed)
    held = sure = right = 0
    for _ in range(runs):
        *before, truth = rng.normal(0.05, differ, campaigns + 1)
        prior = prior_of_campaigns(pool(rng.normal(before, error), [error] * campaigns))
        assert isinstance(prior, Prior)
        found = believed_change(_measured(truth, (0.05, 0.15), rng), prior)
        held += bool(found.difference.covers(_CONTROL * math.expm1(truth)))
        sure += found.better > 0.9
        right += found.better > 0.9 and truth > 0
    return held, sure, right


def test_the_interval_holds_as_often_as_it_says_smoke():
    held, told = _held(150, (0.05, 0.15))
    assert wilson(held, 150, confidence=0.99).covers(0.95)
    better, so = np.array(told).T
    assert so.mean() == pytest.approx(better.mean(), abs=0.1)
    held, sure, right = _after(80, 3, 0.1, 0.05)
    assert held >= 70
    assert right >= 0.75 * sure


@pytest.mark.long
@pytest.mark.parametrize("errors", [(0.02, 0.02), (0.05, 0.15), (0.1, 0.2)])
def test_under_its_own_prior_it_holds_95_in_100(errors: tuple[float, float]):
    held, told = _held(4_000, errors)
    share = wilson(held, 4_000)
    print(f"errors {errors}: held {share.estimate:.3f} ({share.lower:.3f} to {share.upper:.3f})")
    assert 0.94 <= share.estimate <= 0.96
    better, so = np.array(told).T
    for low, high in ((0.0, 0.2), (0.3, 0.7), (0.8, 1.0)):
        some = (better >= low) & (better <= high)
        if some.sum() >= 200:
            print(f"  said better {better[some].mean():.3f}, were {so[some].mean():.3f}")
            assert so[some].mean() == pytest.approx(better[some].mean(), abs=0.05)


@pytest.mark.long
def test_of_one_effect_alone_it_holds_by_how_far_that_lies_from_the_prior():
    shares = {}
    for effect in (-0.3, -0.1, 0.0, 0.1, 0.3, 0.6):
        held, _told = _held(2_000, (0.05, 0.15), effect=effect)
        shares[effect] = held / 2_000
        print(f"true effect {effect:+.0%}: held {shares[effect]:.3f}")
    assert shares[0.0] >= 0.95
    assert min(shares[0.1], shares[-0.1]) >= 0.95
    assert shares[0.6] < shares[0.3]


@pytest.mark.long
@pytest.mark.parametrize(
    ("campaigns", "differ", "error"),
    [(3, 0.1, 0.1), (5, 0.1, 0.1), (8, 0.1, 0.1)],
)
def test_after_few_campaigns_it_holds_at_least_as_often_as_it_says(
    campaigns: int, differ: float, error: float
):
    held, sure, right = _after(1_000, campaigns, differ, error)
    share, rightly = wilson(held, 1_000), wilson(right, sure)
    print(
        f"{campaigns} campaigns that differ by {differ}, errors {error}: held {share.estimate:.3f} ({share.lower:.3f} to {share.upper:.3f}); "
        f"over 0.9 sure {sure}, rightly {rightly.estimate:.3f} ({rightly.lower:.3f} to {rightly.upper:.3f})"
    )
    assert share.upper >= 0.95
    assert rightly.upper >= 0.9
