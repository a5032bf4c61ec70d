"""The models of attribution: worked examples, brute force, and what must hold for all of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings

from aimwell.errors import MeasureError
from aimwell.measure.attribution.crediting import credited
from aimwell.measure.attribution.markov import removal_effects, states_of
from aimwell.measure.attribution.paths import Paths
from aimwell.measure.attribution.rules import RULES, touch_shares
from aimwell.measure.attribution.sequences import sequences
from aimwell.measure.attribution.shapley import (
    conversion_shapley,
    exact_shapley,
    rate_shapley,
    sampled_shapley,
    sequence_masks,
)
from paths_made import drawn_paths, made, random_paths

KNOWN = [("CAB", 1, 30.0), ("A", 0, 0.0), ("BC", 1, 10.0), ("AA", 0, 0.0), ("B", 0, 0.0)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", [0, 1, 1]),
        ("last", [0, 1, 1]),
        ("linear", [1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2]),
        ("position", [0.2, 0.4 + 0.5, 0.4 + 0.5]),
        # A half-life of a day: 1/4, 1/2, 1 and 1/2, 1, divided by their sums.
        ("time_decay", [2 / 7, 4 / 7 + 1 / 3, 1 / 7 + 2 / 3]),
    ],
)
def test_rules_by_hand(rule: str, expected: list[float]) -> None:
    (found,) = credited(made(KNOWN), models=[rule], half_life_days=1.0)
    assert found.credits[0] == pytest.approx(expected)


def test_old_touches_decay_without_underflow() -> None:
    paths = made([("AB", 1, 1.0)])
    old = Paths(**{**paths.__dict__, "days_before": np.array([100_001.0, 100_000.0])})
    assert touch_shares(old, "time_decay", half_life_days=1.0) == pytest.approx([1 / 3, 2 / 3])


@settings(max_examples=60, deadline=None)
@given(drawn_paths())
def test_credits_add_up_to_conversions_and_money_by_every_model(paths: Paths) -> None:
    for found in credited(paths):
        sums = found.credits.sum(axis=1)
        assert sums == pytest.approx([paths.conversions, paths.value.sum()], rel=1e-9), found.model
        if found.model != "shapley_rate":
            assert (found.credits >= -1e-9).all(), found.model


@settings(max_examples=60, deadline=None)
@given(drawn_paths())
def test_a_channel_that_no_converted_path_shows_gets_nothing(paths: Paths) -> None:
    """Of models that look at whole paths; a chain may walk from one path into another."""
    touched = set(paths.channel[paths.converted[paths.path_of_touch]].tolist())
    absent = [channel for channel in range(4) if channel not in touched]
    whole = [*RULES, "shapley", "data_driven"]
    for found in credited(paths, models=whole):
        assert found.credits[:, absent] == pytest.approx(0.0, abs=1e-9), found.model


def test_a_channel_that_nobody_saw_gets_nothing_by_any_model() -> None:
    paths = made([("AB", 1, 5.0), ("B", 0, 0.0), ("A", 1, 1.0), ("A", 0, 0.0)], "ABC")
    for found in credited(paths):
        assert found.credits[:, 2] == pytest.approx(0.0, abs=1e-12), found.model


def test_markov_by_the_textbook_example() -> None:
    """Anderl et al.'s kind of example, worked by hand: with P(B after A) = 1/2 and so on.

    Paths: A→B→conversion, A→nothing, B→nothing, B→conversion. Starts: A ½, B ½. From A: B ½, nothing ½. From B:
    conversion 2/3, nothing 1/3. All: ½·½·⅔ + ½·⅔ = ½. Without A: ½·⅔ = ⅓. Without B: 0.
    """
    found = sequences(made([("AB", 1, 1), ("A", 0, 0), ("B", 0, 0), ("B", 1, 1)], "AB"))
    effects = removal_effects(found, states_of(found, 1), found.counts())
    assert effects[0] == pytest.approx([1 / 3, 1.0])


def _walked(paths: Paths, order: int, removed: int | None) -> float:
    """P(conversion) by walking all ways of the chain, step by step, until hardly anything is left on its way."""
    moves: dict[tuple[int, ...], dict[object, float]] = {}
    starts: dict[tuple[int, ...], float] = {}
    for i in range(len(paths)):
        seen = paths.channel[paths.starts[i] : paths.starts[i + 1]].tolist()
        states = [tuple(seen[max(0, j - order + 1) : j + 1]) for j in range(len(seen))]
        starts[states[0]] = starts.get(states[0], 0) + 1
        ends = [*states[1:], "won" if paths.converted[i] else "lost"]
        for state, after in zip(states, ends, strict=True):
            row = moves.setdefault(state, {})
            row[after] = row.get(after, 0) + 1
    won, now = 0.0, {s: n / len(paths) for s, n in starts.items()}
    while sum(now.values()) > 1e-13:
        later: dict[tuple[int, ...], float] = {}
        for state, mass in now.items():
            if removed is not None and removed in state:
                continue
            total = sum(moves[state].values())
            for after, n in moves[state].items():
                if after == "won":
                    won += mass * n / total
                elif isinstance(after, tuple):
                    later[after] = later.get(after, 0.0) + mass * n / total
        now = later
    return won


@pytest.mark.parametrize("order", [1, 2, 3])
@settings(max_examples=25, deadline=None)
@given(paths=drawn_paths(most=12))
def test_removal_effects_are_those_of_walking_the_chain(order: int, paths: Paths) -> None:
    found = sequences(paths)
    effects = removal_effects(found, states_of(found, order), found.counts())
    whole = _walked(paths, order, None)
    assert whole == pytest.approx(paths.conversions / len(paths))
    expected = [1.0 - _walked(paths, order, channel) / whole for channel in range(4)]
    assert effects[0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(drawn_paths())
def test_shapley_of_conversions_is_that_of_its_game(paths: Paths) -> None:
    found = sequences(paths)
    counts = found.counts()
    masks = sequence_masks(found)
    worth = np.array([[counts.converted[(masks & ~s) == 0].sum() for s in range(16)]], dtype=float)
    assert conversion_shapley(found, counts)[0] == pytest.approx(exact_shapley(worth)[0])


def test_exact_shapley_by_all_orders() -> None:
    rng = np.random.default_rng(3)
    worth = rng.normal(size=(1, 32))
    expected = np.zeros(5)
    for order in permutations(range(5)):
        mask = 0
        for player in order:
            expected[player] += worth[0, mask | (1 << player)] - worth[0, mask]
            mask |= 1 << player
    assert exact_shapley(worth)[0] == pytest.approx(expected / 120)


def test_shapley_is_symmetric_and_gives_a_dummy_what_it_brings_alone() -> None:
    coalitions = np.arange(16)
    a, b, c, d = ((coalitions >> bit) & 1 for bit in range(4))
    worth = (a * b + a * c * 0.5 + b * c * 0.5 + 2.0 * d)[None, :].astype(float)
    values = exact_shapley(worth)[0]
    assert values[0] == pytest.approx(values[1])
    assert values[3] == pytest.approx(2.0)
    assert values.sum() == pytest.approx(worth[0, -1])


def test_sampled_shapley_is_near_the_exact_and_its_sum_exact() -> None:
    worth = np.cumsum(np.random.default_rng(1).random((2, 2**10)), axis=1)

    def game(masks: np.ndarray) -> np.ndarray:
        return worth[:, masks]

    exact = exact_shapley(worth)
    sampled = sampled_shapley(game, 10, permutations=4_000, seed=7)
    assert sampled.sum(axis=1) == pytest.approx(worth[:, -1] - worth[:, 0])
    assert np.abs(sampled - exact).max() < 0.05 * np.abs(exact).max()
    assert (sampled == sampled_shapley(game, 10, permutations=4_000, seed=7)).all()


def test_rates_of_more_channels_than_are_exact_still_add_up() -> None:
    paths = random_paths(3_000, channels=15, seed=2)
    found = sequences(paths)
    credits = rate_shapley(found, found.counts(), sequence_masks(found))
    assert credits.sum(axis=1) == pytest.approx([paths.conversions, paths.value.sum()])


def test_data_driven_gives_more_to_the_channel_that_works() -> None:
    """B makes converting five times as likely, A and C do nothing: a rule cannot tell, the fitted hazard can."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(12_000):
        path = "".join(rng.choice(list("ABC"), rng.integers(1, 4)))
        done, seen = 0, 0
        for i, one in enumerate(path):
            seen = max(seen, int(one == "B"))
            if rng.random() < (0.15 if seen else 0.03):
                path, done = path[: i + 1], 1
                break
        rows.append((path, done, float(done)))
    linear, driven = credited(made(rows), models=["linear", "data_driven"])
    assert driven.shares[1].lower is not None
    assert linear.shares[1].upper is not None
    assert driven.shares[1].lower > linear.shares[1].upper
    assert driven.judged is not None
    assert driven.judged.fitted < 0.99 * driven.judged.constant


def test_intervals_cover_the_shares_of_a_larger_crowd() -> None:
    """Of 60 samples out of one large crowd, the intervals of each model hold the crowd's shares nearly always."""
    models = ["linear", "markov", "shapley", "data_driven"]
    crowd = random_paths(40_000, channels=3, seed=9)
    truth = {one.model: one.shares for one in credited(crowd, models=models)}
    rng = np.random.default_rng(4)
    hits: dict[str, list[bool]] = {model: [] for model in models}
    for _ in range(60):
        part = _taken(crowd, rng.choice(len(crowd), 1_500, replace=False))
        for one in credited(part, models=models):
            whole = truth[one.model][0].estimate
            assert whole is not None
            hits[one.model].append(bool(one.shares[0].covers(whole)))
    for model, covered in hits.items():
        assert np.mean(covered) >= 0.85, model


def _taken(paths: Paths, rows: np.ndarray) -> Paths:
    lengths = paths.lengths[rows]
    starts = np.append(0, np.cumsum(lengths))
    touch = np.repeat(paths.starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
    return Paths(
        channels=paths.channels,
        starts=starts,
        channel=paths.channel[touch],
        days_before=paths.days_before[touch],
        converted=paths.converted[rows],
        value=paths.value[rows],
        person=np.arange(len(rows)),
    )


def _asked(**options: object) -> Callable[[], object]:
    return lambda: credited(made(KNOWN), **options)  # type: ignore[arg-type]


def test_what_cannot_be_is_refused_and_little_data_has_no_interval() -> None:
    with pytest.raises(MeasureError, match="no model 'lucky'"):
        _asked(models=["lucky"])()
    with pytest.raises(MeasureError, match="No path ends"):
        credited(made([("A", 0, 0.0)]))
    with pytest.raises(MeasureError, match="half-life"):
        _asked(models=["time_decay"], half_life_days=0.0)()
    (found,) = credited(made(KNOWN), models=["linear"])
    assert not found.shares[0].defined
    assert "at least 50" in (found.shares[0].reason or "")


def test_long_paths_of_many_channels_are_told_apart() -> None:
    paths = random_paths(500, channels=60, mean_length=20.0, seed=1)
    found = sequences(paths)
    assert found.counts().all.sum() == 500
    seen = {tuple(paths.channel[a:b]) for a, b in zip(paths.starts, paths.starts[1:], strict=False)}
    assert len(found) == len(seen)
