"""A planted leak is named, and what is merely good is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aimwell.predict.leaks import SUSPICIOUS, leaks
from aimwell.predict.tables import FeatureTable
from aimwell.stats.samples import FloatArray

NAMES = ("noise", "good", "leak", "gap", "backwards", "rare")


def table(people: int = 3_000, seed: int = 1) -> FeatureTable:
    rng = np.random.default_rng(seed)
    outcome = rng.random(people) < 0.2
    noise = rng.normal(size=people)
    leak = outcome + rng.normal(0, 0.15, people)  # written when it happens
    gap = np.where(
        outcome ^ (rng.random(people) < 0.01), 1.0, np.nan
    )  # only those who did it have one
    rare = np.where(rng.random(people) < 0.02, outcome.astype(float), np.nan)
    columns: list[FloatArray] = [
        noise,
        outcome + rng.normal(0, 0.8, people),
        leak,
        gap,
        -leak,
        rare,
    ]
    return FeatureTable(
        NAMES,
        np.column_stack(columns),
        datetime(2026, 1, 1, tzinfo=UTC),
        timedelta(days=30),
        outcome,
    )


def test_a_planted_leak_is_named_whichever_way_it_tells() -> None:
    found = {one.name: one for one in leaks(table())}
    assert found.keys() == {"leak", "gap", "backwards"}
    assert found["gap"].by_gap
    assert not found["leak"].by_gap
    assert found["leak"].auc.estimate == found["backwards"].auc.estimate
    assert all((one.auc.lower or 0) > SUSPICIOUS for one in found.values())


@pytest.mark.parametrize("seed", range(5))
def test_of_many_people_some_are_looked_at_and_tell_the_same(seed: int) -> None:
    assert {one.name for one in leaks(table(60_000, seed), seed=seed)} == {
        "leak",
        "gap",
        "backwards",
    }


def test_constant_and_empty_features_and_single_outcomes_are_no_leaks() -> None:
    rng = np.random.default_rng(2)
    outcome = rng.random(500) < 0.3
    values = np.column_stack([np.ones(500), np.full(500, np.nan), rng.normal(size=500)])
    plain = FeatureTable(
        ("a", "b", "c"), values, datetime(2026, 1, 1, tzinfo=UTC), timedelta(1), outcome
    )
    assert leaks(plain) == ()
    nobody = FeatureTable(
        ("a", "b", "c"),
        values,
        datetime(2026, 1, 1, tzinfo=UTC),
        timedelta(1),
        np.zeros(500, dtype=bool),
    )
    assert leaks(nobody) == ()
