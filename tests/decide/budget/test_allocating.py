"""Allocation within limits: the oracle, against branch and bound, at the edges, and within its bound."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from aimwell.decide.budget import allocating
from aimwell.decide.budget.allocating import allocate
from aimwell.decide.budget.exact import best_choice
from aimwell.decide.budget.model import NOTHING, Allocation, Limit
from aimwell.decide.budget.problem import Problem
from aimwell.errors import DecideError

ORACLE_VALUES = np.array([[3, 5, 6], [2, 2.5, 7], [4, 4.2, 4.5], [0.1, 3, 3.5]])
ORACLE_COSTS = np.array([1.0, 2.0, 4.0])


def uses(limit: Limit, choice: np.ndarray) -> float:
    total = 0.0
    for person, action in enumerate(choice):
        inside = limit.people is None or limit.people[person]
        if action != NOTHING and inside:
            total += limit.use[action] if limit.use.ndim == 1 else limit.use[person, action]
    return float(total)


def keeps(limits: list[Limit], choice: np.ndarray) -> bool:
    for limit in limits:
        used = uses(limit, choice)
        if limit.at_most is not None and used > limit.at_most + 1e-6:
            return False
        if limit.at_least is not None and used < limit.at_least - 1e-6:
            return False
    return True


def worth(values: np.ndarray, choice: np.ndarray) -> float:
    return float(sum(values[i, a] for i, a in enumerate(choice) if a != NOTHING))


def by_hand(values: np.ndarray, limits: list[Limit]) -> float | None:
    """The best of all choices there are."""
    people, actions = values.shape
    best = None
    for choice in itertools.product(range(-1, actions), repeat=people):
        if all(a == NOTHING or math.isfinite(values[i, a]) for i, a in enumerate(choice)):
            tried = np.array(choice)
            if keeps(limits, tried):
                best = max(best if best is not None else -math.inf, worth(values, tried))
    return best


def relaxed(values: np.ndarray, limits: list[Limit]) -> float:
    """The linear relaxation by HiGHS: what the dual's bound must come to."""
    people, actions = values.shape
    rows, bounds = [], []
    for person in range(people):
        row = np.zeros((people, actions))
        row[person] = 1
        rows.append(row.ravel())
        bounds.append(1.0)
    for limit in limits:
        use = np.broadcast_to(limit.use, values.shape)
        if limit.people is not None:
            use = use * limit.people[:, None]
        for sign, bound in ((1, limit.at_most), (-1, limit.at_least)):
            if bound is not None:
                rows.append(sign * use.ravel())
                bounds.append(sign * bound)
    solved = linprog(-values.ravel(), A_ub=np.array(rows), b_ub=bounds, bounds=(0, 1))
    return float(-solved.fun)


def test_the_oracle() -> None:
    found = allocate(ORACLE_VALUES, [Limit("budget", ORACLE_COSTS, at_most=6)])
    assert found.value == pytest.approx(14.0)
    assert found.bound == pytest.approx(14.0)
    assert found.gap == 0
    assert found.choice.tolist() == [1, 0, 0, 1]
    # From 6 to 7 the linear relaxation goes from the first person's second action towards the second's third.
    assert found.limits[0].price == pytest.approx(5 / 3)


def test_without_limits_everybody_gets_the_most_valuable_action() -> None:
    values = np.array([[1.0, 2.0], [-1.0, -2.0], [np.nan, 0.5], [0.0, 0.0]])
    found = allocate(values)
    assert found.choice.tolist() == [1, NOTHING, 1, NOTHING]
    assert found.value == found.bound == 2.5


def test_a_budget_of_nothing_buys_what_is_free() -> None:
    values = np.array([[1.0, 5.0], [2.0, 3.0]])
    found = allocate(values, [Limit("budget", np.array([0.0, 1.0]), at_most=0)])
    assert found.choice.tolist() == [0, 0]


def test_a_stock_of_nothing_leaves_the_other_offers() -> None:
    found = allocate(ORACLE_VALUES, [Limit("gift", np.array([0.0, 0.0, 1.0]), at_most=0)])
    assert found.choice.tolist() == [1, 1, 1, 1]


def test_nobody_and_a_single_person() -> None:
    assert allocate(np.empty((0, 2)), [Limit("budget", np.ones(2), at_most=1)]).value == 0
    found = allocate(np.array([[3.0]]), [Limit("budget", np.array([2.0]), at_most=1)])
    assert found.choice.tolist() == [NOTHING]


def test_a_floor_takes_what_costs_least() -> None:
    values = np.array([[-1.0], [-5.0], [-2.0], [4.0]])
    found = allocate(values, [Limit("reach", np.ones(1), at_least=3)])
    assert found.choice.tolist() == [0, NOTHING, 0, 0]
    # The third person costs 2, a fourth would cost 5.
    assert -5 <= found.limits[0].price <= -2


@st.composite
def small(draw: st.DrawFn) -> tuple[np.ndarray, list[Limit]]:
    people, actions = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    number = st.integers(-4, 9).map(float) | st.just(math.nan)
    values = np.array([[draw(number) for _ in range(actions)] for _ in range(people)])
    limits = []
    for place in range(draw(st.integers(0, 3))):
        whole = draw(st.booleans())
        shape = (actions,) if whole else (people, actions)
        use = np.array(
            [draw(st.integers(0, 3)) for _ in range(math.prod(shape))], dtype=float
        ).reshape(shape)
        mask = (
            np.array([draw(st.booleans()) for _ in range(people)]) if draw(st.booleans()) else None
        )
        most = float(draw(st.integers(0, 8)))
        least = float(draw(st.integers(0, 2))) if draw(st.booleans()) else None
        limits.append(
            Limit(f"l{place}", use, mask, max(most, least) if least is not None else most, least)
        )
    return values, limits


@given(small())
@settings(max_examples=60, deadline=None)
def test_few_people_are_decided_exactly(case: tuple[np.ndarray, list[Limit]]) -> None:
    values, limits = case
    best = by_hand(values, limits)
    if best is None:
        with pytest.raises(DecideError, match="limit"):
            allocate(values, limits)
        return
    found = allocate(values, limits)
    assert keeps(limits, found.choice)
    assert found.value == pytest.approx(best, abs=1e-6)
    assert worth(values, found.choice) == pytest.approx(found.value)


def rounded(values: np.ndarray, limits: list[Limit], monkeypatch: pytest.MonkeyPatch) -> Allocation:
    monkeypatch.setattr(allocating, "FEW", 0)
    return allocate(values, limits)


@pytest.mark.parametrize("seed", range(12))
def test_the_dual_bound_is_the_linear_relaxation(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    people, actions = 300, 4
    values = rng.gamma(1.0, 3.0, (people, actions)) - 1
    if seed % 3 == 0:  # whole groups alike, so that many people tie
        values = np.round(values[rng.integers(0, 6, people)], 1)
    limits = [
        Limit("budget", rng.uniform(0.2, 2, (people, actions)), at_most=100.0),
        Limit("texts", np.array([0.0, 1, 0, 1]), at_most=40.0),
        Limit("women", np.ones(actions), rng.random(people) < 0.5, at_most=70.0, at_least=30.0),
        Limit("north", np.ones(actions), rng.random(people) < 0.3, at_least=25.0),
    ]
    found = rounded(values, limits, monkeypatch)
    assert keeps(limits, found.choice)
    assert found.bound == pytest.approx(relaxed(values, limits), rel=1e-6)
    assert found.value <= found.bound + 1e-9
    # At most one person a limit hangs between two actions; what that can cost is a few of the largest values.
    assert found.bound - found.value <= len(limits) * values.max()
    assert found.gap < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_many_people_come_within_a_ten_thousandth_of_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = 60_000
    values = rng.gamma(1.0, 2.0, (people, 5)) - 0.5
    cost = np.array([0.1, 0.2, 0.5, 1.0, 2.0])
    limits = [
        Limit("budget", cost, at_most=9_000.0),
        Limit("texts", np.array([0.0, 0, 1, 0, 1]), at_most=3_000.0),
        Limit("loyal", np.ones(5), rng.random(people) < 0.2, at_least=9_000.0),
    ]
    found = allocate(values, limits)
    assert keeps(limits, found.choice)
    assert 0 <= found.gap <= 1e-4
    again = allocate(values, limits)
    assert (again.choice == found.choice).all()


def test_one_more_pound_adds_what_the_price_says() -> None:
    rng = np.random.default_rng(5)
    values = rng.gamma(1.0, 2.0, (50_000, 3))
    cost = np.array([0.5, 1.0, 2.0])
    found = allocate(values, [Limit("budget", cost, at_most=10_000.0)])
    more = allocate(values, [Limit("budget", cost, at_most=10_100.0)])
    assert (more.value - found.value) / 100 == pytest.approx(found.limits[0].price, rel=0.02)


def test_where_all_are_alike_the_ceiling_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rounded(
        np.full((5_000, 2), 3.0),
        [Limit("budget", np.array([1.0, 2.0]), at_most=1_234.0)],
        monkeypatch,
    )
    assert (found.choice != NOTHING).sum() == 1_234
    assert found.gap == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", [18, 29])
def test_a_floor_takes_no_more_than_it_wants_where_everybody_loses_alike(seed: int) -> None:
    # What a policy that gives nobody anything expects. At prices a hair too high everybody would be taken.
    rng = np.random.default_rng(seed)
    people, loss = int(rng.integers(2_500, 4_000)), rng.uniform(1, 80)
    drawn = rng.random(people)
    floor = float(rng.integers(5, 200))
    limits = [
        Limit("budget", np.full(2, 0.01), at_most=float(rng.uniform(5, 15))),
        Limit("loyal", np.ones(2), drawn > 0.8, at_most=300),
        Limit("new", np.ones(2), drawn < 0.4, at_least=floor),
    ]
    found = allocate(np.tile([-loss, -loss - 17.25], (people, 1)), limits)
    assert found.limits[2].used == floor
    assert found.value == pytest.approx(-loss * floor)
    assert found.gap < 1e-9


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit("budget", np.array([1.0, -1.0]), at_most=3), "'budget' has a use that is negative"),
        (Limit("budget", np.array([1.0, np.nan]), at_most=3), "no number"),
        (Limit("budget", np.ones(3), at_most=3), r"shape \(3,\)"),
        (Limit("budget", np.ones(2)), "limits nothing"),
        (Limit("budget", np.ones(2), at_most=-1), "at_most -1"),
        (Limit("budget", np.ones(2), at_most=np.inf), "at_most inf"),
        (Limit("reach", np.ones(2), at_most=1, at_least=2), "at least 2 and at most 1"),
        (Limit("reach", np.ones(2), np.ones(7, dtype=bool), at_most=1), "of 7 people"),
        (Limit("reach", np.ones(2), at_least=9), "together reach 2"),
    ],
)
def test_what_is_no_limit_is_refused(limit: Limit, words: str) -> None:
    with pytest.raises(DecideError, match=words):
        allocate(np.ones((2, 2)), [limit])


def test_floors_that_cannot_be_met_within_the_ceilings_are_named() -> None:
    limits = [
        Limit("budget", np.ones(1), at_most=10),
        Limit("loyal", np.ones(1), np.arange(5_000) < 100, at_least=50),
    ]
    with pytest.raises(
        DecideError, match=r"cannot all be kept together.*'(budget|loyal)' would be at"
    ):
        allocate(np.ones((5_000, 1)), limits)


def test_infinite_value_is_refused() -> None:
    with pytest.raises(DecideError, match="action 1 for person 0 is infinite"):
        allocate(np.array([[1.0, np.inf]]))
    with pytest.raises(DecideError, match="people × actions"):
        allocate(np.ones(3))


def knotted(people: int) -> tuple[NDArray[np.float64], list[Limit]]:
    """A problem that branch and bound does not get through soon: what is worth more uses more, of three things."""
    rng = np.random.default_rng(1)
    uses = [rng.integers(20, 100, (people, 4)).astype(np.float64) for _ in range(3)]
    values = uses[0] / 10 + rng.uniform(0, 1, (people, 4))
    return values, [Limit(str(n), use, at_most=25.0 * people) for n, use in enumerate(uses)]


def test_a_search_that_is_cut_off_ends_after_so_many_nodes_and_gives_its_bound() -> None:
    values, limits = knotted(24)
    problem = Problem(values, limits)
    one, again = (best_choice(problem, nodes=5) for _ in range(2))
    assert one is not None
    assert again is not None
    assert not one.proven
    assert (problem.used(one.choice) <= problem.bounds + 1e-9).all()
    assert problem.value_of(one.choice) < one.bound
    assert (one.choice == again.choice).all()
    assert one.bound == again.bound


def test_what_is_cut_off_says_so_and_how_far_from_the_best_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values, limits = knotted(24)
    whole = allocate(values[:6], [replace(one, use=one.use[:6], at_most=150.0) for one in limits])
    assert whole.method == "branch and bound (HiGHS)"
    assert whole.gap < 1e-9
    monkeypatch.setattr(allocating, "best_choice", partial(best_choice, nodes=5))
    found = allocate(values, limits)
    assert found.method != "branch and bound (HiGHS)"
    assert 0 < found.gap < 0.01
    assert all(one.used <= 25.0 * 24 + 1e-9 for one in found.limits)
