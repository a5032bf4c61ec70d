"""Telco churn by the learners of the house: the AUC that honest cross-validation gives, 5 parts twice."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from aimwell.predict.folds import folds
from aimwell.predict.learners import Learner, LogisticLearner, TreesLearner
from aimwell.predict.tables import BoolArray
from aimwell.stats.discrimination import auc
from aimwell.stats.samples import FloatArray
from data_folder import data_path

_NUMBERS = ("SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges")
_NOT_KNOWN_THEN = ("customerID", "Churn")


@pytest.fixture(scope="module")
def telco() -> tuple[FloatArray, BoolArray]:
    """Numbers as they are, a column for each value of a text; 11 total charges are missing."""
    with gzip.open(data_path("telco-churn/Telco-Customer-Churn.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    columns = [np.array([float(row[name].strip() or "nan") for row in rows]) for name in _NUMBERS]
    for name in rows[0]:
        if name not in (*_NUMBERS, *_NOT_KNOWN_THEN):
            texts = np.array([row[name] for row in rows])
            columns += [(texts == text).astype(float) for text in np.unique(texts)]
    return np.column_stack(columns), np.array([row["Churn"] == "Yes" for row in rows])


@pytest.mark.parametrize(
    ("learner", "published"),
    [(LogisticLearner(), 0.845), (TreesLearner(), 0.849)],
    ids=["logistic regression", "boosted trees"],
)
def test_the_auc_is_the_one_of_honest_cross_validation(
    telco: tuple[FloatArray, BoolArray], learner: Learner, published: float
) -> None:
    values, left = telco
    assert len(left) == 7043
    found = []
    for seed in (0, 1):
        for learn, held in folds(left, count=5, seed=seed):
            scorer = learner.fit(values[learn], left[learn])
            found.append(auc(scorer.score(values[held]), left[held]).estimate or 0.0)
    # The figures of single parts spread by .011.
    assert np.mean(found) == pytest.approx(published, abs=0.004)
    assert np.std(found) < 0.02
