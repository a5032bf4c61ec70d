"""Explanations on a workspace: of one person they add up to the probability, of a feature they follow its direction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import exp, log

import pyarrow.compute as pc
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError
from aimwell.predict.care.caring import train_defined
from aimwell.predict.effects import effects
from aimwell.predict.explaining import why
from aimwell.predict.registry import find_model
from aimwell.predict.service import fit_lifetime_value, score_propensity
from aimwell.store.stores import Stores
from shop import day, make_stores
from steady import add_steady

AS_OF = day(300)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("shop"), margin_default=0.4)
    add_steady(stores, people=500, days=320)
    wanted = check({"kind": "prediction", "name": "buy", "horizon": "45d"})
    assert isinstance(wanted, Prediction)
    train_defined(stores, wanted, as_of=AS_OF, now=AS_OF)
    yield stores
    stores.close()


def test_of_one_person_it_is_the_probability_of_the_scores(shop: Stores) -> None:
    scores = score_propensity(shop, "buy", as_of=AS_OF, now=AS_OF)
    best = scores.sort_by([("score", "descending")]).slice(0, 1).to_pylist()[0]
    worst = scores.sort_by([("score", "ascending")]).slice(0, 1).to_pylist()[0]
    found = {}
    for row in (best, worst):
        one = why(shop, "buy", row["profile_id"], as_of=AS_OF)
        assert one.probability == pytest.approx(row["score"], abs=1e-9)
        assert len(one.factors) == 6
        assert one.factors == tuple(sorted(one.factors, key=lambda f: -abs(log(f.odds))))
        assert one.usual == pytest.approx(pc.mean(scores.column("score")).as_py(), abs=0.15)
        found[row["profile_id"]] = sum(log(f.odds) for f in one.factors) + log(one.others)
        json.dumps(one.to_dict(), default=str)
    assert exp(found[best["profile_id"]]) > 2
    assert exp(found[worst["profile_id"]]) < 0.5


def test_of_a_feature_it_tells_what_happens_where_and_how_many_are_there(shop: Stores) -> None:
    (recency, orders) = effects(shop, "buy", as_of=AS_OF, names=["recency_days", "orders_90d"])
    means = [mean for _value, mean, _people in orders.points]
    assert means == sorted(means)  # more orders, likelier
    assert means[-1] > means[0]
    assert recency.points[0][1] >= recency.points[-1][1]
    people = sum(number for _value, _mean, number in orders.points)
    known = score_propensity(shop, "buy", as_of=AS_OF, now=AS_OF).num_rows
    assert people == known - (orders.without[1] if orders.without else 0)
    strongest = effects(shop, "buy", as_of=AS_OF)
    assert len(strongest) == 6
    assert [one.weight for one in strongest] == sorted(
        (one.weight for one in strongest), reverse=True
    )


def test_what_cannot_be_explained_is_refused(shop: Stores) -> None:
    with pytest.raises(PredictError, match="does not look at 'recency'"):
        effects(shop, "buy", as_of=AS_OF, names=["recency"])
    with pytest.raises(PredictError, match="Nobody of the profile 'x'"):
        why(shop, "buy", "x", as_of=AS_OF)
    with pytest.raises(PredictError, match="has seen data up to"):
        effects(shop, "buy", as_of=day(299))
    value = fit_lifetime_value(shop, as_of=AS_OF, horizon_days=90, now=AS_OF)
    with pytest.raises(PredictError, match="propensities are explained"):
        why(shop, find_model(shop, value.entry.label), "x", as_of=AS_OF)
