"""One person's probability: that of everybody's scores, kept or worked out alone, and new after something happened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aimwell.errors import ModelFileError, PredictError
from aimwell.predict.person import current_scores, score_one
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.questions import Question
from aimwell.predict.registry import RegisteredModel, load_part_once
from aimwell.predict.service import PART, score_propensity, train_propensity
from aimwell.store.stores import Stores
from shop import day, make_stores
from steady import add_steady

AS_OF, LATER = day(300), day(301)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    add_steady(stores, people=300, days=320)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def entry(shop: Stores) -> RegisteredModel:
    question = Question(columns=("recency_days", "orders_90d", "tenure_days"))
    return train_propensity(
        shop, as_of=AS_OF, horizon_days=45, question=question, name="buy", now=AS_OF
    ).entry


def test_one_person_has_the_probability_that_everybody_s_scores_say(
    shop: Stores, entry: RegisteredModel
) -> None:
    everybody = score_propensity(shop, entry, as_of=AS_OF, now=AS_OF).to_pylist()
    kept = current_scores(shop, "buy", now=LATER)
    assert len(kept) == len(everybody)
    assert kept.ids == [row["profile_id"] for row in everybody]
    assert kept.as_of == AS_OF  # the last time that it scored
    for row in everybody:
        found = kept.of(row["profile_id"])
        assert found is not None
        assert found.probability == row["score"]
    alone = score_one(shop, "buy", everybody[0]["profile_id"], as_of=AS_OF)
    assert alone.probability == pytest.approx(everybody[0]["score"], abs=1e-12)
    assert alone.to_dict()["model"] == entry.label
    assert alone.horizon_days == 45


def test_whoever_is_not_known_has_none(shop: Stores, entry: RegisteredModel) -> None:
    kept = current_scores(shop, entry, now=LATER)
    for nobody in ("", "nobody", "z" * 30, "0" * 24, "f" * 24, "é"):
        assert kept.of(nobody) is None
    with pytest.raises(PredictError, match="Nobody of the profile 'nobody'"):
        score_one(shop, entry, "nobody", as_of=AS_OF)
    with pytest.raises(PredictError, match="their own future"):
        score_one(shop, entry, kept.ids[0], as_of=day(299))


def test_whom_something_happened_to_is_worked_out_anew_and_nobody_else(
    shop: Stores, entry: RegisteredModel
) -> None:
    kept = current_scores(shop, entry, now=AS_OF)
    scores = {one: kept.of(one) for one in kept.ids}
    worst = min(scores, key=lambda one: scores[one].probability)
    other = next(one for one in scores if one != worst)
    kept.refresh([worst, "nobody"], as_of=LATER)
    fresh = kept.of(worst)
    assert fresh is not None
    assert fresh.as_of == LATER
    assert fresh.probability == score_one(shop, entry, worst, as_of=LATER).probability
    assert kept.of(other) == scores[other]
    assert kept.of("nobody") is None


def test_a_model_is_read_once_and_one_that_was_changed_is_not_read(
    shop: Stores, entry: RegisteredModel
) -> None:
    first = load_part_once(shop, entry, PART, PropensityModel)
    assert load_part_once(shop, entry, PART, PropensityModel) is first
    wrong = dict.fromkeys(entry.files, "0" * 64)
    changed = RegisteredModel(**{n: getattr(entry, n) for n in entry.__slots__} | {"files": wrong})
    with pytest.raises(ModelFileError, match="its hash differs"):
        load_part_once(shop, changed, PART, PropensityModel)
