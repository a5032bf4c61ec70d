"""The contest of methods: the simplest within chance of the best, parted truth, too few people."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from aimwell.errors import TooLittleDataError
from aimwell.predict.recommend import judging
from aimwell.predict.recommend.catalogue import Catalogue
from aimwell.predict.recommend.fitting import fit_recommenders
from aimwell.predict.recommend.judging import Contest, hold_contest, split_truth
from aimwell.predict.recommend.recommender import METHODS
from made_interactions import from_days, random_interactions

WITHOUT_GROUPS = [one for one in METHODS if one != "popularity by group"]


def contest(bought: np.ndarray, later: np.ndarray, *, k: int = 5) -> Contest:
    before = from_days(bought.astype(float).tolist())
    truth = csr_array(later.astype(np.int8))
    fitted = fit_recommenders(
        before, Catalogue.unknown(before.skus), WITHOUT_GROUPS, horizon_days=30
    )
    fresh = split_truth(truth, before)["new"]
    buyers = int((np.diff(truth.indptr) > 0).sum())
    return hold_contest(fitted, "new", before, fresh, k=k, buyers=buyers)


def test_popularity_wins_where_people_have_no_tastes() -> None:
    draw = np.random.default_rng(1)
    chance = np.linspace(0.5, 0.02, 40)
    bought, later = (draw.random((600, 40)) < chance for _ in range(2))
    found = contest(bought, later & ~bought)
    assert found.chosen == "popularity"
    best = [one for one in found.judged if one.worse_by is None]
    assert len(best) == 1


def test_tastes_beat_popularity_and_the_reason_says_by_how_much() -> None:
    draw = np.random.default_rng(1)
    chance = np.where(np.arange(40)[None, :] % 4 == np.arange(400)[:, None] % 4, 0.5, 0.02)
    bought, later = (draw.random((400, 40)) < chance for _ in range(2))
    found = contest(bought, later & ~bought)
    assert found.chosen.startswith("item-to-item")
    popular = found.judged[0].worse_by
    assert popular is not None
    assert popular.lower is not None
    assert popular.lower > 0.2
    assert f"popularity is worse by {popular.estimate:.4f}, " in found.reason
    assert found.chances[0] > 0.5


def test_truth_is_parted_into_new_and_again() -> None:
    before = from_days([[1, 0, 2], [0, 1, 0]], looked=[[0, 0.5, 0], [0, 0, 0]])
    parts = split_truth(csr_array(np.array([[1, 1, 0], [1, 1, 1]], dtype=np.int8)), before)
    assert parts["new"].toarray().tolist() == [[0, 1, 0], [1, 0, 1]]
    assert parts["again"].toarray().tolist() == [[1, 0, 0], [0, 1, 0]]


def test_blocks_of_people_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    bought, later = (draw.random((90, 20)) < 0.3 for _ in range(2))
    whole = contest(bought, later & ~bought)
    monkeypatch.setattr(judging, "CELLS_MOST", 150)
    parts = contest(bought, later & ~bought)
    assert [one.plain["ndcg"]["estimate"] for one in parts.judged] == pytest.approx(
        [one.plain["ndcg"]["estimate"] for one in whole.judged], abs=1e-3
    )


def test_too_few_people_are_refused_with_numbers() -> None:
    made = random_interactions(49, 8, seed=1)
    later = np.ones((49, 8), dtype=np.int8)
    fitted = fit_recommenders(made, Catalogue.unknown(made.skus), ["popularity"], horizon_days=30)
    with pytest.raises(TooLittleDataError, match="49 of at least 50"):
        hold_contest(fitted, "new", made, csr_array(later), k=5, buyers=49)
