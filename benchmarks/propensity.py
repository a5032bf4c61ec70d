"""A propensity of 1 million people by 50 features: training against the bare fit of its trees, scoring, and one person.

`benchmarks/propensity.py [--quick]`

**Training** goes from two Arrow tables of features (people to learn from, later people to be judged on) to a stored model with
its card: rule, logistic regression and boosted trees fitted, calibrated, judged and compared. The yardstick is one bare
`lightgbm.train` of everybody, with the settings and the number of rounds that came out, on a matrix that is already there; its
AUC on the later people must be the same. Compared are wall clock and processor time. `OMP_NUM_THREADS=1` gives both one thread:
on a machine that is busy, two wait for each other.

**Scoring** goes from an Arrow table of features to rows of the lake's table `scores`.

**One person**: a score that is kept in memory, one that is worked out for the person alone, and a hundred people refreshed, in a
shop of a tenth as many people with ten times as many events.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa

from aimwell.predict.learners import learners
from aimwell.predict.metrics import propensity_metrics
from aimwell.predict.person import current_scores, score_one
from aimwell.predict.propensity import (
    MANY_PEOPLE,
    PropensityModel,
    PropensityResult,
    fit_propensity,
)
from aimwell.predict.questions import Question, Recorded
from aimwell.predict.reference import reference_of
from aimwell.predict.registry import RegisteredModel, load_part, register_model
from aimwell.predict.scoring import keep_scores, scores_table, stored_scores
from aimwell.predict.service import PART, REFERENCE, train_propensity
from aimwell.predict.tables import FeatureTable
from aimwell.predict.training import TrainingTables, judges
from aimwell.predict.trees import TreesLearner
from aimwell.stats.discrimination import auc
from aimwell.store.stores import Stores, create_stores
from segment_rules import AS_OF, fill, timed

TRAIN_RATIO, SCORE_SECONDS, KEPT_MS = 1.5, 20.0, 10.0
FEATURES, HORIZON = 50, timedelta(days=90)
NAMES = (*(f"f{place}" for place in range(FEATURES - 1)), "recency_days")
LEARNT, JUDGED = datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)


def main() -> int:
    """Print the figures; 1 where a result is wrong or a figure is missed."""
    parser = argparse.ArgumentParser(description="Propensity: training, scoring, one person")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 15_000 if asked.quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        stores = create_stores(Path(folder, "shop"), identity_key=bytes(32))
        fine, entry = measure_training(stores, people, binding=not asked.quick)
        fine &= measure_scoring(stores, entry, people, binding=not asked.quick)
        stores.close()
        shop = create_stores(Path(folder, "people"), identity_key=bytes(32))
        fine &= measure_person(shop, people // 10, people, binding=not asked.quick)
        shop.close()
    return 0 if fine else 1


def measure_training(stores: Stores, people: int, *, binding: bool) -> tuple[bool, RegisteredModel]:
    """Ours whole, then the bare fit."""
    train, later = features_of(people, 1), features_of(people, 2)

    def ours() -> tuple[RegisteredModel, PropensityResult]:
        tables = TrainingTables(
            told(train, LEARNT),
            judges(told(later, JUDGED)),
            Recorded(LEARNT - HORIZON, AS_OF),
            stores.lake.pin("events"),
            people,
        )
        result = fit_propensity(tables.train, tables.judge, recency="recency_days")
        entry = register_model(
            stores,
            {PART: result.model, REFERENCE: reference_of(result.model, tables.judge)},
            name="buy-90d",
            kind="propensity",
            as_of=AS_OF,
            settings={**Question().settings(), "horizon_days": HORIZON.days},
            metrics=propensity_metrics(result, tables),
            lake_versions={},
            trained_at=AS_OF,
        )
        return entry, result

    done = timed(ours)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    entry, result = done.result
    one = next(one for one in result.candidates if one.model.learner == TreesLearner.name)
    rounds = lightgbm.Booster(model_str=one.model.scorer.text).num_trees()  # type: ignore[union-attr]
    table, judged = told(train, LEARNT), told(later, JUDGED)
    values, label = table.values, table.happened.astype(np.float64)
    many = people > MANY_PEOPLE
    (grower,) = learners(None, ["boosted"], many=many)
    assert isinstance(grower, TreesLearner)
    settings = grower.parameters(people)
    bare = timed(
        lambda: lightgbm.train(
            settings, lightgbm.Dataset(values, label, params={"verbosity": -1}), rounds
        )
    )
    theirs = auc(bare.result.predict(judged.values), judged.happened).estimate or 0.0
    mine = one.later.auc.estimate or 0.0
    wall, processor = done.wall / bare.wall, done.processor / bare.processor
    fast = min(wall, processor) <= TRAIN_RATIO
    print(
        f"training a propensity, {people:,} people x {FEATURES} features, {rounds} rounds: {done.wall:.1f} s "
        f"({done.processor:.1f} s of processor time, at most {memory:.1f} GiB), bare fit of the trees {bare.wall:.1f} s "
        f"({bare.processor:.1f} s): {wall:.2f} x, by processor time {processor:.2f} x, to reach {TRAIN_RATIO} x"
        f"{'' if fast else ' MISSED'}; AUC on later people {mine:.4f}, of the bare fit {theirs:.4f}; mean of the "
        f"probabilities {one.later.mean_predicted:.4f}, did it {one.later.base_rate.estimate:.4f}, chosen: {result.model.learner}"
    )
    right = abs(mine - theirs) < (0.005 if binding else 0.03)
    return right and (fast or not binding), entry


def measure_scoring(stores: Stores, entry: RegisteredModel, people: int, *, binding: bool) -> bool:
    """From features in Arrow to the lake; beside it the trees' bare prediction."""
    features = features_of(people, 3)
    ids = pa.array([f"{place:024x}" for place in range(people)])

    def ours() -> np.ndarray[Any, Any]:
        model = load_part(stores, entry, PART, PropensityModel)
        chances = model.predict(told(features, AS_OF))
        keep_scores(stores, entry, scores_table(ids, chances), as_of=AS_OF, now=AS_OF)
        return chances

    done = timed(ours)
    model = load_part(stores, entry, PART, PropensityModel)
    values = told(features, AS_OF).values
    bare = timed(lambda: model.scorer.score(values))
    # Its processor time is what it takes by the clock on a machine that does nothing else, at most.
    fine = min(done.wall, done.processor) <= SCORE_SECONDS
    print(
        f"scoring {people:,} people x {FEATURES} features into the lake: {done.wall:.1f} s ({done.processor:.1f} s of "
        f"processor time), to reach {SCORE_SECONDS:.0f} s{'' if fine else ' MISSED'}; the bare prediction of the "
        f"{model.learner} {bare.wall:.1f} s: {done.wall / bare.wall:.2f} x"
    )
    kept = stored_scores(stores, entry, AS_OF)
    right = kept is not None and kept.num_rows == people and bool(np.isfinite(done.result).all())
    return right and (fine or not binding)


def measure_person(stores: Stores, people: int, events: int, *, binding: bool) -> bool:
    """Of one person: kept, worked out alone, and a hundred refreshed."""
    fill(stores, people, events)
    entry = train_propensity(
        stores, as_of=AS_OF, horizon_days=60, learners=("boosted",), now=AS_OF
    ).entry
    scores = current_scores(stores, entry, now=AS_OF)
    rng = np.random.default_rng(0)
    ids = list(rng.choice(scores.ids, 1_000))
    kept = waits(lambda one: scores.of(one), ids)
    alone = waits(
        lambda one: score_one(stores, entry, one, as_of=AS_OF), ids[: 30 if binding else 5]
    )
    right = all(
        abs(score_one(stores, entry, one, as_of=AS_OF).probability - found.probability) < 1e-9
        for one in ids[:3]
        if (found := scores.of(one)) is not None
    )
    refreshed = timed(lambda: scores.refresh(ids[:100], as_of=AS_OF))
    fine = kept[1] <= KEPT_MS
    print(
        f"one person of {people:,} with {events:,} events: kept in memory p50 {kept[0]:.4f} ms, p99 {kept[1]:.4f} ms, to "
        f"reach p99 {KEPT_MS:.0f} ms{'' if fine else ' MISSED'}; worked out alone from the lake p50 {alone[0]:.0f} ms, "
        f"p99 {alone[1]:.0f} ms; a hundred refreshed together {refreshed.wall * 1000:.0f} ms"
    )
    return right and (fine or not binding)


def waits(ask: Callable[[str], Any], ids: list[str]) -> tuple[float, float]:
    """Milliseconds: the median and the longest but one in a hundred; the first one warms up."""
    ask(ids[0])
    taken = []
    for one in ids:
        start = time.perf_counter()
        ask(one)
        taken.append((time.perf_counter() - start) * 1000)
    return float(np.quantile(taken, 0.5)), float(np.quantile(taken, 0.99))


def features_of(people: int, seed: int) -> pa.Table:
    """Counts, money, shares and days, some with gaps; a dozen of them, and two together, move what people do."""
    rng = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    odds = np.full(people, -1.5)
    for place, name in enumerate(NAMES):
        kind = place % 4
        if kind == 0:
            column = rng.poisson(2 + place % 5, people).astype(np.float64)
        elif kind == 1:
            column = np.round(rng.lognormal(3, 1, people), 2)
        elif kind == 2:
            column = rng.random(people)
        else:
            column = rng.exponential(60, people)
        if place < 12:
            odds += (-1) ** place * 0.4 * (column - column.mean()) / column.std()
        gaps = rng.random(people) < 0.15 if place % 3 == 0 else None
        columns[name] = pa.array(column, mask=gaps)
    seen = [np.nan_to_num(columns[name].to_numpy(zero_copy_only=False)) for name in ("f2", "f6")]
    odds += 2.0 * (seen[0] > 0.5) * (seen[1] > 0.5) - 0.01 * np.nan_to_num(
        columns["recency_days"].to_numpy(zero_copy_only=False)
    )
    columns["outcome"] = pa.array(rng.random(people) < 1 / (1 + np.exp(-odds)))
    return pa.table(columns)


def told(table: pa.Table, as_of: datetime) -> FeatureTable:
    """As `training.feature_table` hands it over."""
    return FeatureTable.from_arrow(
        table, names=NAMES, as_of=as_of, horizon=HORIZON, outcome="outcome"
    )


if __name__ == "__main__":
    sys.exit(main())
