"""Scores in the lake: whole rows, once for a version and a moment, read back as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from aimwell.predict.registry import RegisteredModel
from aimwell.predict.scoring import SCORES, keep_scores, scores_table, stored_scores
from aimwell.store.sql import sql
from aimwell.store.stores import Stores
from shop import day, make_stores

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MODEL = RegisteredModel(
    name="buy-90d",
    version=2,
    kind="propensity",
    as_of=day(10),
    settings={"horizon_days": 90},
    metrics={},
    files={},
    lake_versions={},
    trained_at=NOW,
)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path)
    yield opened
    opened.close()


def table(*scores: float) -> pa.Table:
    ids = pa.array([f"p{n}" for n in range(len(scores))])
    return scores_table(ids, np.array(scores))


def test_scores_come_back_as_they_were_written(stores: Stores) -> None:
    scores = table(0.25, np.nan, 1 / 3)
    assert scores.column("score").to_pylist() == [0.25, None, 1 / 3]
    assert stored_scores(stores, MODEL, day(20)) is None
    assert keep_scores(stores, MODEL, scores, as_of=day(20), now=NOW)
    assert stored_scores(stores, MODEL, day(20)) == scores
    with stores.engine.session() as session:
        session.bind("scores", stores.lake.pin("scores").tables["scores"])
        rows = session.rows(
            sql("SELECT origin_id, model, version, horizon_days, as_of, source FROM scores LIMIT 1")
        )
    name, model, version, horizon, as_of, source = rows[0]
    assert (model, version, horizon, source) == ("buy-90d", 2, 90, "predict")
    assert name in {"p0", "p1", "p2"}
    assert as_of == day(20)


def test_the_first_scores_of_a_version_and_a_moment_stand(stores: Stores) -> None:
    assert keep_scores(stores, MODEL, table(0.1), as_of=day(20), now=NOW)
    # The same moment, told in another zone.
    same = day(20).astimezone(timezone(timedelta(hours=5)))
    assert not keep_scores(stores, MODEL, table(0.9), as_of=same, now=NOW)
    assert stored_scores(stores, MODEL, same) == table(0.1)
    others = [
        (MODEL, day(19)),
        (replace(MODEL, version=1), day(20)),
        (replace(MODEL, name="value"), day(20)),
    ]
    for number, (model, as_of) in enumerate(others):
        assert stored_scores(stores, model, as_of) is None
        assert keep_scores(stores, model, table(number), as_of=as_of, now=NOW)
    assert stored_scores(stores, MODEL, day(20)) == table(0.1)
    assert [stored_scores(stores, *other) for other in others] == [table(0), table(1), table(2)]


def test_nobody_to_score_is_stored_as_nobody(stores: Stores) -> None:
    empty = SCORES.empty_table()
    assert keep_scores(stores, MODEL, empty, as_of=day(20), now=NOW)
    assert stored_scores(stores, MODEL, day(20)) == empty
