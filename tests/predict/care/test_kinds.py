"""Care of every kind of model: a planted change is noticed and answered, and what has not changed is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import DefinitionError, PredictError
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.care.caring import care_for, train_defined
from aimwell.predict.care.model import RealisedLoss
from aimwell.predict.care.service import compare, monitor, score
from aimwell.predict.registry import RegisteredModel, find_model
from aimwell.store.stores import Stores
from shop import add_orders, append, day, make_stores
from steady import add_steady
from subscribers import service
from tastes import LAST_DAY, add_tastes

KINDS = {"churn": 45, "lifetime-value": 60, "spend": 45, "next-purchase": 30}
SLOW = ("churn", "spend")
TRAINED, CHANGED = 470, 470.0
BY_KIND = pytest.mark.parametrize(
    "asks", [pytest.param(one, marks=[pytest.mark.long] * (one in SLOW)) for one in KINDS]
)


def prediction(asks: str, **more: object) -> Prediction:
    found = check(
        {
            "kind": "prediction",
            "name": asks,
            "asks": asks,
            "horizon": f"{KINDS.get(asks, 40)}d",
            **more,
        }
    )
    assert isinstance(found, Prediction)
    return found


def shop(tmp_path_factory: pytest.TempPathFactory, rate_then: float) -> Stores:
    stores = make_stores(tmp_path_factory.mktemp("shop"), margin_default=0.4)
    # Longer than a year, because what people spent in the last one grows in a younger shop.
    add_steady(stores, people=600, days=600, changes_at=CHANGED, rate_then=rate_then)
    return stores


def train(stores: Stores, asks: str, at: float = TRAINED) -> RegisteredModel:
    return train_defined(stores, prediction(asks), as_of=day(at), now=day(at))


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = shop(tmp_path_factory, 1.0)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def shrinking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """From the day of training on people buy a quarter of what they did."""
    stores = shop(tmp_path_factory, 0.25)
    yield stores
    stores.close()


@BY_KIND
def test_where_nothing_has_changed_nothing_is_to_be_done(steady: Stores, asks: str) -> None:
    train(steady, asks)
    found = monitor(steady, asks, as_of=day(545))
    assert isinstance(found.realised, RealisedLoss)
    assert not found.realised.worse
    assert {one.shift for one in found.shifts if (one.weight or 0) >= 0.05} == {"none"}
    assert found.verdict == "fine", found.findings
    assert (found.realised.gain.lower or 0) > 0
    json.dumps(found.to_dict(), default=str)
    early = monitor(steady, asks, as_of=day(480))
    assert early.realised is None
    assert "complete on" in str(early.realised_reason)
    assert (score(steady, asks, as_of=day(500), now=day(500)) or 0) > 150
    with pytest.raises(PredictError, match="has seen data up to"):
        score(steady, asks, as_of=day(200), now=day(500))
    # Of spend nothing is to be said: its level is right in a young shop, too.
    assert ("Beware" in card_text(model_card(find_model(steady, asks)))) == (asks != "spend")


@BY_KIND
def test_a_planted_change_is_noticed_and_a_newer_version_is_better(
    shrinking: Stores, asks: str
) -> None:
    train(shrinking, asks)
    found = monitor(shrinking, asks, as_of=day(570))
    assert found.verdict == "train it anew"
    assert isinstance(found.realised, RealisedLoss)
    assert found.realised.off
    # What came of people a quarter as eager is far below what was expected, or far above where it is about going.
    assert found.realised.came is not None
    assert found.realised.expected is not None
    less = found.realised.came < 0.75 * found.realised.expected
    assert less or (asks == "churn" and found.realised.came > 1.3 * found.realised.expected)
    assert train(shrinking, asks, 590).version == 2
    newer = compare(shrinking, f"{asks}@2", f"{asks}@1", as_of=day(590))
    assert (newer.extra_loss.estimate or 0) < 0
    assert newer.better == f"{asks}@2"
    turned = compare(shrinking, f"{asks}@1", f"{asks}@2", as_of=day(590))
    assert turned.extra_loss.estimate == pytest.approx(-(newer.extra_loss.estimate or 0))
    # Laws are fitted to all that is known, so a stand-in answers for the version that has seen the outcomes.
    assert set(newer.stand_ins) == (set() if asks in SLOW else {f"{asks}@2"})


def test_a_night_s_round_notices_and_promotes(shrinking: Stores) -> None:
    wanted = prediction("next-purchase", name="again", retrain="quarterly", score=True)
    first = care_for(shrinking, wanted, now=day(TRAINED))
    assert (first.outcome, first.model) == ("trained", "again@1")
    assert (first.scored or 0) > 500
    kept = care_for(shrinking, wanted, now=day(TRAINED + 1))
    assert kept.outcome == "kept"
    better = care_for(shrinking, wanted, now=day(580))
    assert (better.outcome, better.model) == ("promoted", "again@2")


def test_subscriptions_that_end_twice_as_often_are_noticed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for times, verdict in ((1.0, "fine"), (2.5, "train it anew")):
        stores = make_stores(tmp_path_factory.mktemp("service"))
        append(stores, "subscriptions", service(stores, 1000, 3, changes_at=300, times_then=times))
        wanted = prediction("subscription-churn", name="ends", horizon="60d")
        train_defined(stores, wanted, as_of=day(300), now=day(300))
        found = monitor(stores, "ends", as_of=day(370))
        assert found.verdict == verdict, found.findings
        assert isinstance(found.realised, RealisedLoss)
        assert found.realised.off == (times > 1)
        assert (score(stores, "ends", as_of=day(310), now=day(310)) or 0) > 100
        if times > 1:
            assert train_defined(stores, wanted, as_of=day(400), now=day(400)).version == 2
            assert compare(stores, "ends@2", "ends", as_of=day(400)).better == "ends@2"
        stores.close()


def test_a_recommender_that_does_not_know_the_new_products_is_told_from_one_that_does(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    add_tastes(stores, 150)
    wanted = prediction("recommendations", name="next", horizon="40d")
    train_defined(stores, wanted, as_of=day(110), now=day(110))
    calm = monitor(stores, "next", as_of=day(160))
    assert calm.verdict == "fine", calm.findings
    assert isinstance(calm.realised, RealisedLoss)
    assert (calm.realised.gain.lower or 0) > 0
    assert (calm.realised.came, calm.realised.level.estimate) == (None, None)
    # From day 120 on everybody buys things that it has never seen.
    add_orders(
        stores,
        [
            {
                "customer": f"buyer {number}",
                "order_id": f"new-{number}-{at}",
                "ordered_at": day(at + number % 7),
                "lines": [(f"new-{(number + place) % 6}", 1, 5) for place in (at // 12, at // 6)],
            }
            for number in range(150)
            for at in range(120, 190, 12)
        ],
    )
    found = monitor(stores, "next", as_of=day(LAST_DAY))
    assert found.verdict == "train it anew"
    assert {one.name: one.shift for one in found.shifts}[
        "share of products unknown to it"
    ] == "large"
    assert train_defined(stores, wanted, as_of=day(LAST_DAY), now=day(LAST_DAY)).version == 2
    newer = compare(stores, "next@2", "next", as_of=day(LAST_DAY))
    assert newer.better == "next@2"
    assert "next@2" in newer.stand_ins
    assert score(stores, "next", as_of=day(LAST_DAY), now=day(LAST_DAY)) is None
    stores.close()


def test_what_cannot_be_compared_or_asked_is_refused(steady: Stores) -> None:
    train(steady, "next-purchase")
    train(steady, "lifetime-value")
    with pytest.raises(PredictError, match="only models of one kind"):
        compare(steady, "next-purchase", "lifetime-value", as_of=day(590))
    other = prediction("next-purchase", name="in-20", horizon="20d")
    train_defined(steady, other, as_of=day(TRAINED), now=day(TRAINED))
    with pytest.raises(PredictError, match="different questions"):
        compare(steady, "next-purchase", "in-20", as_of=day(590))
    with pytest.raises(DefinitionError, match="learners: does not go with asks: churn"):
        prediction("churn", learners=["rule"])
    assert prediction("spend", horizon=None).horizon_days == 90
    assert prediction("lifetime-value", horizon=None).horizon_days == 365
