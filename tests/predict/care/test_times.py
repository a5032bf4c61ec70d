"""Care of best times and of forecasts of demand: a planted change is noticed, what has not changed is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import DefinitionError, PredictError
from aimwell.predict.card_page import card_html
from aimwell.predict.cards import card_text, model_card
from aimwell.predict.care.caring import care_for, train_defined
from aimwell.predict.care.model import RealisedLoss
from aimwell.predict.care.service import compare, monitor, score
from aimwell.predict.demand.kept import promised_of
from aimwell.predict.registry import find_model
from aimwell.store.stores import Stores
from shop import add_events, append, day, make_stores

TRAINED, LATER, PRODUCTS = 168, 224, 110


def prediction(asks: str, **more: object) -> Prediction:
    asked = {"horizon": "14d"} if asks == "demand" else {}
    found = check({"kind": "prediction", "name": asks, "asks": asks, **asked, **more})
    assert isinstance(found, Prediction)
    return found


def visits(*, changed: bool) -> list[dict[str, Any]]:
    """People each with a weekday and an hour of their own; where it is changed, both move after the training."""
    rng = np.random.default_rng(3)
    rows = []
    for person in range(150):
        weekday, hour = rng.integers(7), rng.integers(8, 20)
        for week in range(LATER // 7):
            if rng.random() < 0.6:
                own = rng.random() < 0.7
                moved = changed and 7 * week >= TRAINED
                at = (weekday + 3 * moved) % 7 if own else rng.integers(7)
                clock = (hour + 8 * moved) % 24 if own else rng.integers(24)
                rows.append(
                    {
                        "customer": f"c{person}",
                        "event": "Page Viewed",
                        "occurred_at": day(7 * week + int(at) + (int(clock) + 0.5) / 24),
                    }
                )
    return rows


def sales(*, changed: bool) -> list[dict[str, Any]]:
    """Units by day of products with a weekly rhythm; where it is changed, three times as many after the training."""
    rng = np.random.default_rng(4)
    rows = []
    for product in range(PRODUCTS):
        level = rng.uniform(3, 12)
        for number in range(LATER):
            rate = level * (1.5 if number % 7 == 0 else 1.0)
            units = int(rng.poisson(rate * (3 if changed and number >= TRAINED else 1)))
            if units:
                rows.append(
                    {
                        "line_id": f"{product}-{number}",
                        "order_id": f"{product}-{number}",
                        "kind": "sale",
                        "ordered_at": day(number + 0.5),
                        "sku": f"p{product:02d}",
                        "goods": True,
                        "quantity": units,
                        "unit_price": 2,
                        "discount": 0,
                        "revenue": 2 * units,
                    }
                )
    return rows


def shop(folder: Path, *, changed: bool) -> Stores:
    stores = make_stores(folder)
    add_events(stores, visits(changed=changed))
    append(stores, "order_lines", sales(changed=changed))
    return stores


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = shop(tmp_path_factory.mktemp("steady"), changed=False)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = shop(tmp_path_factory.mktemp("turned"), changed=True)
    yield stores
    stores.close()


@pytest.mark.parametrize("asks", ["best-time", "demand"])
def test_where_nothing_has_changed_nothing_is_to_be_done(steady: Stores, asks: str) -> None:
    wanted = prediction(asks)
    first = care_for(steady, wanted, now=day(TRAINED))
    assert (first.outcome, first.model) == ("trained", f"{asks}@1")
    found = monitor(steady, asks, as_of=day(LATER))
    assert found.verdict == "fine", found.findings
    assert isinstance(found.realised, RealisedLoss)
    assert (found.realised.gain.lower or 0) > 0
    assert score(steady, asks, as_of=day(LATER), now=day(LATER)) is None
    assert care_for(steady, wanted, now=day(TRAINED + 1)).outcome == "kept"
    entry = find_model(steady, asks)
    assert "Beware" in card_text(model_card(entry))
    page = card_html(steady, entry, as_of=day(LATER), now=day(LATER))
    assert '<span class="badge">fine</span>' in page


@pytest.mark.parametrize("asks", ["best-time", "demand"])
def test_a_planted_change_is_noticed(turned: Stores, asks: str) -> None:
    train_defined(turned, prediction(asks), as_of=day(TRAINED), now=day(TRAINED))
    found = monitor(turned, asks, as_of=day(TRAINED + 35 if asks == "best-time" else TRAINED + 14))
    assert found.verdict == "train it anew", found.findings
    assert isinstance(found.realised, RealisedLoss)
    assert found.realised.off if asks == "demand" else found.realised.worse


@pytest.mark.long
def test_a_newer_version_of_best_times_is_compared_on_the_same_people(turned: Stores) -> None:
    wanted = prediction("best-time")
    for at in (TRAINED, LATER):
        train_defined(turned, wanted, as_of=day(at), now=day(at))
    newer = compare(turned, "best-time@2", "best-time@1", as_of=day(LATER))
    assert set(newer.stand_ins) == {"best-time@2"}
    assert (newer.people, newer.extra_loss.estimate) != (0, None)


def test_the_newest_forecast_is_used(steady: Stores) -> None:
    wanted = prediction("demand", name="stock", by="shop")
    assert wanted.turn == "weekly"
    care_for(steady, wanted, now=day(TRAINED))
    newest = care_for(steady, wanted, now=day(TRAINED + 8))
    assert (newest.outcome, newest.model) == ("promoted", "stock@2")
    with pytest.raises(PredictError, match="can be judged on"):
        compare(steady, "stock@2", "stock@1", as_of=day(LATER))
    promised = promised_of(steady, find_model(steady, "stock"))
    assert promised.series == ("the whole shop",)
    assert promised.lower[0] < promised.total[0] < promised.upper[0]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"asks": "demand", "by": "person"}, "by: it is product, category, shop"),
        ({"asks": "spend", "by": "product"}, "by: does not go with asks: spend"),
        ({"asks": "demand", "promote": "sign-off"}, "its newest version is always used"),
        ({"asks": "demand", "signal": "clicks"}, "signal: goes with asks: best-time alone"),
    ],
)
def test_what_does_not_go_together_is_refused(written: dict[str, object], words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        check({"kind": "prediction", "name": "x", **written})
