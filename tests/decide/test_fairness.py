"""A limit on how far groups' shares of discounts may lie apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.decide.arms import Tossed
from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.model import Limit
from aimwell.decide.choosing import choose_within
from aimwell.decide.fairness import Fair, FairLimits, fairest, furthest_apart, group_shares

PEOPLE = 300


def shop(seed: int, *, tilt: float) -> tuple[np.ndarray, list[str | None], Tossed]:
    """Values of a discount and a letter for two groups and some of whom nothing is known; the discount suits 'f' better."""
    rng = np.random.default_rng(seed)
    labels = [("f", "m", None)[n] for n in rng.choice(3, PEOPLE, p=(0.5, 0.4, 0.1))]
    values = rng.normal(0.0, 1.0, (PEOPLE, 2))
    values[:, 0] += tilt * (np.array(labels, dtype=object) == "f")
    held, explorer = rng.random((2, PEOPLE)) < 0.1
    return values, labels, Tossed(held, explorer, rng.integers(2, size=PEOPLE).astype(np.int16))


DISCOUNT = np.array([True, False])


@given(st.integers(0, 50), st.floats(-2, 2), st.sampled_from([0.0, 0.02, 0.1, 0.3]))
@settings(max_examples=5)
def test_the_shares_lie_within_the_limit_whatever_the_values(
    seed: int, tilt: float, within: float
) -> None:
    values, labels, toss = shop(seed, tilt=tilt)
    fair = Fair.of("gender", labels, DISCOUNT, within=within)
    every = np.ones((PEOPLE, 2), bool)
    limits = [Limit("budget", np.array([1.0, 0.2]), at_most=0.39 * PEOPLE)]
    found = choose_within(values, every, limits, toss, fair=fair)
    got = np.where(toss.explorer, toss.action, found.choice)
    shares = group_shares(fair, np.where(toss.held, -1, got), ~toss.held)
    apart = furthest_apart(shares)
    assert apart is not None
    assert apart.estimate is not None
    assert apart.estimate <= within + 1 / 90  # whole people of the smaller group
    assert (found.unfair is None) == (found.allocation.limits[1:] == ())
    if found.unfair is not None:
        assert found.unfair >= found.allocation.value - 1e-9


def test_the_best_band_is_found() -> None:
    values, labels, _toss = shop(1, tilt=1.5)
    fair = Fair.of("gender", labels, DISCOUNT, within=0.05)
    every = np.ones(PEOPLE, bool)
    limits = FairLimits.of(fair, every, np.full(PEOPLE, -1), np.arange(PEOPLE))

    def solve(more: object) -> object:
        return allocate(values, more)  # type: ignore[arg-type]

    best, _bands, unfair = fairest(solve, lambda one: one.choice, limits)  # type: ignore[arg-type]
    tried = [allocate(values, limits.band(t)).value for t in np.linspace(0.3, 0.9, 13)]
    assert best.value >= max(tried) * (1 - 1e-3)
    assert unfair is not None
    assert unfair > best.value


def test_a_limit_that_holds_by_itself_costs_nothing_and_changes_nothing() -> None:
    values, labels, toss = shop(2, tilt=0.0)
    every = np.ones((PEOPLE, 2), bool)
    fair = Fair.of("gender", labels, DISCOUNT, within=0.5)
    with_limit = choose_within(values, every, [], toss, fair=fair)
    without = choose_within(values, every, [], toss)
    assert with_limit.unfair is None
    assert (with_limit.choice == without.choice).all()


def test_groups_of_a_few_people_are_not_held_to_the_limit() -> None:
    values, _labels, toss = shop(3, tilt=1.0)
    few: list[str | None] = ["m" if n < 10 else "f" for n in range(PEOPLE)]
    fair = Fair.of("gender", few, DISCOUNT, within=0.0)
    found = choose_within(values, np.ones((PEOPLE, 2), bool), [], toss, fair=fair)
    assert found.unfair is None
    assert furthest_apart(group_shares(fair, found.choice, np.ones(PEOPLE, bool))) is None
