"""Who comes for something that comes round: found again where they are, and not where all come as always."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.stats.occurrences import fit_comers


def drawn(
    seed: int, *, share: float, extra: float, turns: int = 2, people: int = 4_000
) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    q = rng.choice([0.05, 0.1, 0.2, 0.4], people)
    second = rng.random(people) < share
    came = rng.binomial(turns, np.where(second, q + (1 - q) * extra, q))
    return q, np.full(people, turns), came, np.ones(people, dtype=np.int64), second


def test_share_and_extra_are_found_again_and_probabilities_are_what_they_say() -> None:
    *record, second = drawn(1, share=0.2, extra=0.7, turns=3)
    found = fit_comers(*record)
    assert found is not None
    assert found.share == pytest.approx(0.2, abs=0.03)
    assert found.extra == pytest.approx(0.7, abs=0.05)
    q, turns, came, _people = record
    probability = found.probability(q, turns.astype(float), came.astype(float))
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        told = (probability >= low) & (probability < high)
        assert second[told].mean() == pytest.approx(probability[told].mean(), abs=0.08)


def test_where_all_come_as_always_there_is_no_second_kind() -> None:
    found = [fit_comers(*drawn(seed, share=0.0, extra=0.5, people=1_000)[:4]) for seed in range(20)]
    assert sum(one is not None for one in found) <= 2


def test_of_one_turn_the_share_is_the_least_that_explains_it() -> None:
    *record, _second = drawn(2, share=0.3, extra=0.98, turns=1)
    found = fit_comers(*record)
    assert found is not None
    assert found.share == pytest.approx(0.3, abs=0.04)
    assert fit_comers(*(one[:0] for one in record)) is None
