"""What comes next: counts by hand, chance called chance, and what was planted is found."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from scipy import sparse

from aimwell.predict.patterns.following import CASES_MIN, Followed, find_next

Lives = list[list[set[int]]]


def followed(lives: Lives, items: int) -> Followed:
    """Each basket of each person with the next one; everybody's nth basket is of the nth time."""
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    stratum: list[int] = []
    for life in lives:
        had: set[int] = set()
        for turn, basket in enumerate(life):
            row = len(stratum)
            had |= basket
            stratum.append(turn)
            rows["basket"] += [(row, item) for item in basket]
            rows["had"] += [(row, item) for item in had]
            if turn + 1 < len(life):
                rows["later"] += [(row, item) for item in life[turn + 1] - had]
    times = max(stratum) + 1

    def matrix(name: str) -> sparse.csc_array:
        pairs = np.array(rows[name]).reshape(-1, 2)
        ones = np.ones(len(pairs), np.int32)
        return sparse.csc_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(stratum), items))

    return Followed(
        matrix("basket"),
        matrix("had"),
        matrix("later"),
        tuple(f"i{number}" for number in range(items)),
        np.array(stratum),
        (np.arange(times) >= times // 2).astype(np.int64),
    )


def random_lives(seed: int, *, people: int = 700, items: int = 25, planted: float = 0.0) -> Lives:
    """Each person has tastes of their own; with `planted`, 0 in a basket brings 1 into the next one."""
    rng = np.random.default_rng(seed)
    lives = []
    for _person in range(people):
        taste = np.minimum(rng.gamma(1.0, 0.06, items), 0.9)
        life: list[set[int]] = []
        for _turn in range(6):
            basket = set(np.flatnonzero(rng.random(items) < taste).tolist())
            if life and 0 in life[-1] and rng.random() < planted:
                basket.add(1)
            life.append(basket)
        lives.append(life)
    return lives


def test_a_pair_is_counted_as_by_hand() -> None:
    lives: Lives = (
        [[{0}, {1}, {1}]] * 12 + [[{0}, {2}, {0}]] * 28 + [[{2}, {2}, {1}]] * 4 + [[{2}, {2}]] * 56
    )
    findings, tests = find_next(followed(lives, 3))
    found = next(one for one in findings if (one.first, one.then) == (("i0",), "i1"))
    # Baskets with 0 of people who never had 1: the first of 40, and the third of 28, which nothing follows.
    assert (found.counted, found.cases) == (68, 12)
    assert found.share.estimate == pytest.approx(12 / 68)
    assert tests > 0


def test_what_is_bought_again_is_no_finding() -> None:
    lives: Lives = [[{0, 1}, {0, 1}, {0, 1}]] * 100 + [[{2}, {2}]] * 100
    findings, _tests = find_next(followed(lives, 3))
    assert findings == ()


def test_among_people_of_different_tastes_hardly_ever_anything_stands() -> None:
    alarms = [
        any(one.adjusted_p_value <= 0.05 for one in find_next(followed(random_lives(seed), 25))[0])
        for seed in range(12)
    ]
    assert sum(alarms) <= 2  # at most 0.6 expected; more than 2 has a chance of 2 %


def test_what_was_planted_is_found_alone() -> None:
    findings, _tests = find_next(followed(random_lives(5, people=1_500, planted=0.3), 25))
    standing = [(one.first, one.then) for one in findings if one.stands(0.05)]
    assert standing == [(("i0",), "i1")]


def test_after_one_item_only_its_pairs_are_tests() -> None:
    everything = followed(random_lives(5, people=1_500, planted=0.3), 25)
    findings, tests = find_next(everything, after=0)
    assert tests <= 24
    assert {one.first for one in findings} == {("i0",)}
    assert findings[0].then == "i1"
    assert all(one.cases >= CASES_MIN for one in findings)
