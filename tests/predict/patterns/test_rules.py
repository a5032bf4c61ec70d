"""Rules: figures by hand, intervals that cover, chance that is called chance, and what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import hypergeom

from aimwell.predict.patterns.itemsets import Baskets, find_itemsets
from aimwell.predict.patterns.model import Rule
from aimwell.predict.patterns.rules import lift_bounds, possible_rules, rules_of, written_rules


def baskets_from(held: np.ndarray) -> Baskets:
    rows = np.arange(len(held))
    size = held.sum(axis=1)
    edges = np.quantile(size, [0.2, 0.4, 0.6, 0.8])
    return Baskets(
        sparse.csc_array(held.astype(np.int32)),
        tuple(f"i{number}" for number in range(held.shape[1])),
        (rows >= len(held) // 2).astype(np.int64),
        np.searchsorted(edges, size).astype(np.int64),
    )


def found_rules(
    held: np.ndarray, *, support: float = 0.005, confidence: float = 0.0, largest: int = 2
) -> tuple[Rule, ...]:
    itemsets = find_itemsets(baskets_from(held), support=support, largest=largest)
    tests = {size: possible_rules(itemsets.frequent, size) for size in range(2, largest + 1)}
    items = tuple(f"i{number}" for number in range(held.shape[1]))
    return written_rules(rules_of(itemsets, confidence=confidence), items, tests=tests)


def rule(rules: tuple[Rule, ...], antecedent: str, consequent: str) -> Rule:
    wanted = (tuple(antecedent.split()), tuple(consequent.split()))
    return next(one for one in rules if (one.antecedent, one.consequent) == wanted)


def test_figures_of_a_table_by_hand() -> None:
    # 100 baskets: 40 with both, 10 with i0 alone, 20 with i1 alone, 30 with neither.
    cells = [(1, 1)] * 40 + [(1, 0)] * 10 + [(0, 1)] * 20 + [(0, 0)] * 30
    order = np.random.default_rng(0).permutation(100)
    found = rule(found_rules(np.array(cells)[order]), "i0", "i1")
    assert found.baskets == 40
    assert found.support == pytest.approx(0.4)
    assert found.confidence == pytest.approx(0.8)
    assert found.lift.estimate == pytest.approx(0.8 / 0.6)
    assert found.leverage == pytest.approx(0.4 - 0.5 * 0.6)
    assert found.conviction.value == pytest.approx(0.4 / 0.2)
    assert found.p_value >= hypergeom.sf(39, 100, 50, 60)


def test_the_test_of_a_rule_is_fishers_where_the_simpler_rule_is_none() -> None:
    held = (np.random.default_rng(3).random((500, 4)) < 0.3).astype(np.int64)
    counts = rules_of(find_itemsets(baskets_from(held), support=0.01, largest=2), confidence=0.0)
    j, a, c = (one.sum(axis=1) for one in (counts.joint, counts.first, counts.second))
    assert counts.p_value == pytest.approx(hypergeom.sf(j - 1, 500, a, c), rel=1e-9)


def test_a_rule_without_exception_has_no_conviction_and_says_why() -> None:
    cells = [(1, 1)] * 20 + [(0, 1)] * 30 + [(0, 0)] * 50
    found = rule(found_rules(np.array(cells)), "i0", "i1")
    assert found.conviction.value is None
    assert "infinite" in str(found.conviction.reason)


def test_every_division_of_a_set_is_a_rule_and_all_are_tests() -> None:
    held = np.ones((50, 3), np.int64)
    assert len(found_rules(held, largest=3)) == 3 * 2 + 6
    assert possible_rules(10, 2) == 90
    assert possible_rules(10, 3) == 120 * 6


def test_the_interval_of_the_lift_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    shares = np.array([0.06, 0.04, 0.1, 0.8])
    truth = 0.06 / (0.1 * 0.16)
    cells = rng.multinomial(2_000, shares, 4_000).astype(np.float64)
    joint, first, second = cells[:, 0], cells[:, 0] + cells[:, 1], cells[:, 0] + cells[:, 2]
    _lift, lower, upper = lift_bounds(
        joint, first, second, np.full(4_000, 2_000.0), confidence=0.95
    )
    assert 0.935 < np.mean((lower <= truth) & (truth <= upper)) < 0.965


def test_among_independent_items_hardly_ever_a_rule_stands() -> None:
    false_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        held = rng.random((3_000, 20)) < rng.uniform(0.02, 0.2, 20)
        rules = found_rules(held.astype(np.int64), largest=3, support=0.003)
        false_alarms += any(one.adjusted_p_value <= 0.05 for one in rules)
    assert false_alarms <= 3  # 1 expected at most; more than 3 in 20 has a chance of 1.6 %


def test_large_baskets_alone_make_no_rule_stand() -> None:
    """Everybody takes at random, some a little and some a lot: no two items belong together."""
    rng = np.random.default_rng(8)
    hunger = rng.gamma(2.0, 0.5, (6_000, 1))
    held = (rng.random((6_000, 60)) < np.minimum(0.1 * hunger, 0.9)).astype(np.int64)
    rules = found_rules(held)
    plain = [one for one in rules if one.lift.lower is not None and one.lift.lower > 1.0]
    assert len(plain) > 0.8 * len(rules)  # so misleading is the lift alone here
    assert sum(one.stands(0.05) for one in rules) <= 0.05 * len(rules)


def test_planted_pairs_are_found_and_little_else() -> None:
    rng = np.random.default_rng(21)
    held = rng.random((6_000, 40)) < 0.05
    for first in range(0, 10, 2):
        with_it = held[:, first]
        held[with_it, first + 1] |= rng.random(with_it.sum()) < 0.4
    standing = [one for one in found_rules(held.astype(np.int64)) if one.stands(0.05)]
    pairs = {frozenset((*one.antecedent, *one.consequent)) for one in standing}
    planted = {frozenset((f"i{first}", f"i{first + 1}")) for first in range(0, 10, 2)}
    assert planted <= pairs
    assert len(pairs - planted) <= 1


def test_a_rule_must_beat_the_simpler_ones() -> None:
    """i0 leads to i1; i2 has nothing to do with it, so i0 + i2 → i1 is no finding of its own."""
    rng = np.random.default_rng(6)
    held = rng.random((8_000, 20)) < np.r_[0.3, 0.1, 0.3, np.full(17, 0.2)]
    held[held[:, 0], 1] |= rng.random(held[:, 0].sum()) < 0.5
    rules = found_rules(held.astype(np.int64), largest=3)
    assert rule(rules, "i0", "i1").adjusted_p_value < 1e-10
    assert rule(rules, "i0 i2", "i1").adjusted_p_value > 0.05


def test_what_was_so_in_one_half_of_time_only_did_not_hold() -> None:
    rng = np.random.default_rng(9)
    held = rng.random((4_000, 20)) < 0.2
    early = np.flatnonzero(held[:2_000, 0])
    held[early, 1] |= rng.random(len(early)) < 0.6
    found = rule(found_rules(held.astype(np.int64)), "i0", "i1")
    assert found.adjusted_p_value < 1e-3
    assert found.held is False
    assert not found.stands(0.05)


def test_where_a_half_has_too_little_we_cannot_tell() -> None:
    held = np.zeros((2_000, 2), np.int64)
    held[:60] = 1
    held[1_990, 0] = 1
    found = rule(found_rules(held), "i0", "i1")
    assert found.held is None
    assert found.lift_by_half[1].estimate is None
