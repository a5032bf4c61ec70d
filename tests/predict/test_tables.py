"""Feature tables and the moments they are cut at: refused where they could mislead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.tables import FeatureTable, training_moments

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
QUARTER = timedelta(days=90)


def table(values: object, names: tuple[str, ...] = ("a", "b"), **more: object) -> FeatureTable:
    settings = {"as_of": MOMENT, "horizon": QUARTER, **more}
    return FeatureTable(names, np.asarray(values, dtype=float), **settings)


def test_arrow_numbers_booleans_and_nulls_become_a_matrix() -> None:
    arrow = pa.table(
        {
            "person": ["x", "y"],
            "orders": pa.array([3, None], pa.int64()),
            "spend": pa.array([Decimal("12.50"), Decimal("0.10")], pa.decimal128(18, 4)),
            "app": [True, None],
            "bought": [True, False],
        }
    )
    found = FeatureTable.from_arrow(
        arrow, names=["orders", "spend", "app"], outcome="bought", as_of=MOMENT, horizon=QUARTER
    )
    assert found.names == ("orders", "spend", "app")
    assert found.values[0].tolist() == [3, 12.5, 1]
    assert np.isnan(found.values[1, [0, 2]]).all()
    assert found.happened.tolist() == [True, False]
    assert len(found) == 2


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pa.array(["a", "b"]), "type string"),
        (pa.array([MOMENT, MOMENT]), "type timestamp"),
        (pa.array([1.0, float("inf")]), "infinite: f"),
    ],
)
def test_columns_that_are_no_numbers_are_refused_by_name(column: pa.Array, told: str) -> None:
    with pytest.raises(PredictError, match=told):
        FeatureTable.from_arrow(pa.table({"f": column}), names=["f"], as_of=MOMENT, horizon=QUARTER)


def test_an_absent_column_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(PredictError, match=r"lacks: g, y. It has: f"):
        FeatureTable.from_arrow(
            pa.table({"f": [1.0]}), names=["f", "g"], outcome="y", as_of=MOMENT, horizon=QUARTER
        )


def test_an_outcome_that_is_not_known_for_everybody_is_refused() -> None:
    arrow = pa.table({"f": [1.0, 2.0], "y": [True, None]})
    with pytest.raises(PredictError, match="true or false for everybody; 1 rows"):
        FeatureTable.from_arrow(arrow, names=["f"], outcome="y", as_of=MOMENT, horizon=QUARTER)
    with pytest.raises(PredictError, match="one value per person"):
        table([[1, 2], [3, 4]], outcome=np.array([True]))
    with pytest.raises(PredictError, match="no outcome"):
        _ = table([[1, 2]]).happened


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"as_of": MOMENT.replace(tzinfo=None)}, "no time zone"),
        ({"horizon": timedelta(0)}, "horizon must be above 0"),
        ({"names": ("a", "a")}, "come twice: a"),
        ({"names": ("a",)}, "a column for each"),
    ],
)
def test_a_table_that_does_not_fit_together_is_refused(more: dict[str, object], told: str) -> None:
    with pytest.raises(PredictError, match=told):
        table([[1, 2]], **more)


def test_features_are_taken_by_name_in_the_wanted_order() -> None:
    found = table([[1, 2], [3, 4]])
    assert found.matrix(("b", "a")).tolist() == [[2, 1], [4, 3]]
    assert found.matrix(("b",)).tolist() == [[2], [4]]
    with pytest.raises(PredictError, match="lacks: c"):
        found.matrix(("a", "c"))


def test_moments_leave_a_whole_horizon_to_learn_and_one_to_judge() -> None:
    moments = training_moments(
        history_starts=datetime(2010, 12, 1, 8, tzinfo=UTC),
        score_as_of=datetime(2011, 9, 1, tzinfo=UTC),
        horizon=QUARTER,
    )
    assert moments.judge_as_of + QUARTER == moments.score_as_of
    assert moments.train_as_of + QUARTER == moments.judge_as_of
    assert moments.train_as_of == datetime(2011, 3, 5, tzinfo=UTC)


def test_too_short_a_history_is_refused_with_the_days() -> None:
    with pytest.raises(TooLittleDataError, match="history: 200 of at least 270") as caught:
        training_moments(
            history_starts=MOMENT - timedelta(days=200), score_as_of=MOMENT, horizon=QUARTER
        )
    assert caught.value.needed == {"days of history": 270}
    assert caught.value.present == {"days of history": 200}
    just_enough = training_moments(
        history_starts=MOMENT - timedelta(days=270), score_as_of=MOMENT, horizon=QUARTER
    )
    assert just_enough.score_as_of == MOMENT
