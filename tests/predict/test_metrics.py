"""The direction of a feature in a model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aimwell.predict.calibration import Calibrator
from aimwell.predict.logistic import LogisticLearner
from aimwell.predict.metrics import directions
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.tables import FeatureTable


def test_directions_follow_the_model_and_weak_ones_are_left_out() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(800, 5))
    values[:, 3] = 7.0
    values[::2, 4] = np.nan
    outcome = values[:, 0] - values[:, 1] + rng.normal(size=800) > 0
    names = ("up", "down", "noise", "constant", "gaps")
    moment, horizon = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=30)
    model = PropensityModel(
        learner="logistic regression",
        names=names,
        horizon=horizon,
        trained_as_of=moment,
        scorer=LogisticLearner().fit(values, outcome),
        calibrator=Calibrator(),
    )
    # The table may hold its columns in another order.
    table = FeatureTable(names[::-1], values[:, ::-1], moment, horizon)
    found = directions(model, table)
    assert found["up"] == pytest.approx(0.7, abs=0.1)
    assert found["down"] == pytest.approx(-0.7, abs=0.1)
    assert found["noise"] is found["constant"] is found["gaps"] is None
