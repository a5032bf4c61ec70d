"""What a policy chose before chance: one rule for the held-out and for who is chosen for, also where a budget cuts through people of equal worth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from aimwell.decide.arms import Hashed, Tossed
from aimwell.decide.budget.model import Limit
from aimwell.decide.choosing import Chosen, choose_within
from aimwell.decide.fairness import Fair
from aimwell.decide.together import Wholes
from aimwell.stats.buckets import BUCKETS

PEOPLE = 2_400
"""More than are decided exactly, which takes longer."""
COSTS = np.array([0.5, 0.3])
NAMES = [f"p{number:04}" for number in range(PEOPLE)]
Worth = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]


def tied(before: NDArray[np.float64], _rng: np.random.Generator) -> NDArray[np.float64]:
    """Two kinds of people, within each of whom all are worth the same."""
    return np.where((before > 20)[:, None], [3.0, 1.0], [0.9, 1.5])


def apart(before: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    noise = rng.normal(0, 1, (PEOPLE, 2))
    return np.column_stack([before / 10, 2 - before / 40]) + noise


def chosen(
    seed: int, worth: Worth, *, groups: int = 1, fair: bool = False, even: bool = True
) -> tuple[NDArray[np.float64], Tossed, Chosen]:
    """A plan of people who spent `before`, with money for a fifth of them: what they spent, chance, choice."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(2, 10, PEOPLE)
    homes = np.arange(PEOPLE) // groups
    keys = [NAMES[home] for home in homes.tolist()]
    hashed = Hashed(keys)
    place = hashed.buckets(f"{seed}")
    explorer = hashed.buckets(f"{seed}:explore") < 1_000
    random = (hashed.buckets(f"{seed}:action") % 2).astype(np.int16)
    toss = Tossed(place < 2_500, explorer, random)
    found = choose_within(
        worth(before, rng),
        np.ones((PEOPLE, 2), dtype=np.bool_),
        [Limit("budget", COSTS, at_most=0.08 * PEOPLE)],
        toss,
        order=hashed.buckets(f"{seed}:tie") / BUCKETS if even else None,
        wholes=Wholes.of(homes) if groups > 1 else None,
        fair=Fair.of(
            "sort",
            ["old" if one > 25 else "young" for one in before.tolist()],
            np.array([True, False]),
            within=0.1,
        )
        if fair
        else None,
    )
    return before, toss, found


def deviations(worth: Worth, runs: int, *, groups: int = 1, fair: bool = False) -> list[float]:
    """How many standard errors the held-out lie from who is left to the policy: in the share that each action and nothing has, and in what
    those people spent before."""
    found = []
    for seed in range(runs):
        before, toss, one = chosen(seed, worth, groups=groups, fair=fair)
        free = ~toss.held & ~toss.explorer
        for action in range(-1, 2):
            mine = one.by_price == action
            if mine.sum() < 60:
                continue
            share = mine.mean()
            error = np.sqrt(share * (1 - share) * groups * (1 / free.sum() + 1 / toss.held.sum()))
            found.append((mine[free].mean() - mine[toss.held].mean()) / error)
            a, b = before[mine & free], before[mine & toss.held]
            found.append((a.mean() - b.mean()) / np.sqrt(a.var() / len(a) + b.var() / len(b)))
    return found


CASES = pytest.mark.parametrize(
    ("worth", "groups", "fair"),
    [(tied, 1, False), (apart, 1, False), (apart, 2, False), (apart, 1, True)],
    ids=["tied", "apart", "households", "fair"],
)


@CASES
def test_a_tight_budget_cuts_held_out_and_chosen_for_into_the_same_strata(
    worth: Worth, groups: int, fair: bool
) -> None:
    found = np.array(deviations(worth, 2 if fair or groups > 1 else 10, groups=groups, fair=fair))
    assert len(found) >= 12
    assert abs(found.mean()) < 3 / np.sqrt(len(found) / 2)
    assert np.abs(found).max() < 4.0


@pytest.mark.long
@CASES
def test_over_many_plans_strata_stray_no_more_than_chance_lets_them(
    worth: Worth, groups: int, fair: bool
) -> None:
    found = np.array(deviations(worth, 30 if fair else 100, groups=groups, fair=fair))
    beyond = (np.abs(found) > 1.96).mean()
    print(f"{len(found)} comparisons: mean {found.mean():.3f}, {100 * beyond:.1f} % beyond 1.96")
    assert abs(found.mean()) < 0.2
    assert 0.02 < beyond < 0.085


@pytest.mark.parametrize("worth", [tied, apart])
def test_who_is_left_to_the_policy_gets_what_was_chosen_but_for_a_few(worth: Worth) -> None:
    _before, toss, one = chosen(1, worth)
    free = ~toss.held & ~toss.explorer
    assert (one.choice != one.by_price)[free].mean() < 0.02
    assert (one.by_price[free] >= 0).sum() > 200
    other = ~free
    assert (one.choice[other] == one.by_price[other]).all()


def test_people_of_equal_worth_are_told_apart_by_their_order_alone() -> None:
    _before, toss, one = chosen(1, tied)
    _before, _toss, blind = chosen(1, tied, even=False)
    free = ~toss.held & ~toss.explorer
    # Without an order the price stands at their worth, and says of all of them that it does not pay, or that it does.
    assert (blind.choice != blind.by_price)[free].mean() > 0.1
    assert one.allocation.value == pytest.approx(blind.allocation.value, rel=1e-3)
