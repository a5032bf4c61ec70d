"""Churn of a shop's customers: a simulated shop whose truth is known, real orders, and bad input."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.cards import card_text
from aimwell.predict.churning import ChurnFit, predict_churn, score_churn
from aimwell.predict.scoring import stored_scores
from aimwell.store.stores import Stores
from shop import add_orders, day, make_stores, online_retail

NOW = datetime(2027, 3, 1, tzinfo=UTC)
HORIZON, END = 60, 260


def lives(customers: int, seed: int) -> list[dict[str, object]]:
    """Orders of customers who buy at a rate of their own until they stop for good, Pareto/NBD."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for number in range(customers):
        at, rate = rng.uniform(0, 150), rng.gamma(1.5) / 25
        stops = at + rng.exponential() * 90 / rng.gamma(1.2)
        while at < min(stops, END):
            rows.append(
                {
                    "customer": f"c{number}",
                    "order_id": f"{number}-{at:.6f}",
                    "ordered_at": day(at),
                    "revenue": 10 + number % 7,
                }
            )
            at += max(rng.exponential() / rate, 0.01)
    return rows


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = make_stores(tmp_path_factory.mktemp("churning"))
    add_orders(stores, lives(1500, 3))
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def fit(shop: Stores) -> ChurnFit:
    return predict_churn(shop, as_of=day(END), horizon_days=HORIZON, now=NOW)


def test_every_way_stands_beside_the_others_on_later_people(fit: ChurnFit) -> None:
    names = [one.learner for one in fit.result.candidates]
    assert names[:2] == ["base rate by own rhythm", "base rate by recency"]
    assert names[2] in ("BG/NBD", "MBG/NBD", "Pareto/NBD")
    assert names[3:] == ["logistic regression", "boosted trees"]
    assert all(one.later.people == fit.result.chosen.later.people for one in fit.result.candidates)
    auc = {one.learner: one.later.auc.estimate or 0 for one in fit.result.candidates}
    # The shop obeys a law, so the law tells more than the dull rules.
    assert auc[names[2]] > auc["base rate by recency"] + 0.02
    assert (fit.result.chosen.extra_loss.lower or 0.0) <= 0


def test_probabilities_of_those_at_risk_mean_what_they_say(fit: ChurnFit) -> None:
    later = fit.result.chosen.later
    assert later.mean_predicted == pytest.approx(later.base_rate.estimate, abs=0.06)
    assert later.calibration_error < 0.08


def test_who_has_been_silent_for_a_horizon_has_gone_and_is_not_scored(
    shop: Stores, fit: ChurnFit
) -> None:
    stored = stored_scores(shop, fit.entry, day(END))
    assert stored is not None
    assert stored.num_rows == fit.people.num_rows
    assert stored.column("score").to_pylist() == fit.people.column("score").to_pylist()
    assert fit.gone > 100
    assert fit.people.num_rows + fit.gone == 1500
    score = fit.people.column("score").to_numpy()
    assert ((score >= 0) & (score <= 1)).all()
    alive = fit.people.column("probability_alive").to_numpy()
    assert ((alive >= 0) & (alive <= 1)).all()


def test_trained_again_it_is_the_same_version_and_scores_alike(shop: Stores, fit: ChurnFit) -> None:
    again = predict_churn(shop, as_of=day(END), horizon_days=HORIZON, now=NOW)
    assert again.entry == fit.entry
    assert again.people.equals(fit.people)
    people, gone = score_churn(shop, fit.entry.name, as_of=day(END), now=NOW)
    assert people.equals(fit.people)
    assert gone == fit.gone


def test_the_card_tells_the_horizon_the_ways_and_the_rule_of_thumb(fit: ChurnFit) -> None:
    text = card_text(fit.to_dict())
    assert "does not order within the next 60" in text
    assert "The horizon of 60 days was asked for." in text
    assert "The rule of thumb (silent for more than two own mean gaps)" in text
    assert "only a control group tells" in text


def test_scores_that_would_know_their_own_future_are_refused(shop: Stores, fit: ChurnFit) -> None:
    with pytest.raises(PredictError, match="know their own future"):
        score_churn(shop, fit.entry, as_of=day(END - 1), now=NOW)


def test_a_horizon_longer_than_the_history_allows_is_refused_with_the_days(shop: Stores) -> None:
    with pytest.raises(TooLittleDataError, match=r"days of history: 25\d of at least 600"):
        predict_churn(shop, as_of=day(END), horizon_days=200, now=NOW)


def test_a_shop_in_which_nobody_goes_is_refused(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(
        stores,
        [
            {"customer": f"c{n}", "order_id": f"{n}-{at}", "ordered_at": day(at), "revenue": 5}
            for n in range(220)
            for at in range(n % 9, 100, 10)
        ],
    )
    with pytest.raises(TooLittleDataError, match="people at risk who went: 0 of at least 50"):
        predict_churn(stores, as_of=day(100), horizon_days=30, now=NOW)
    stores.close()


def test_five_customers_are_refused_with_the_numbers(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(stores, lives(5, 1))
    with pytest.raises(TooLittleDataError, match="purchases after another one"):
        predict_churn(stores, as_of=day(END), now=NOW)
    with pytest.raises(TooLittleDataError, match=r"people at risk: [0-5] of at least 200"):
        predict_churn(stores, as_of=day(END), horizon_days=HORIZON, now=NOW)
    stores.close()


@pytest.mark.long
def test_negative_spend_and_fifty_thousand_orders_of_one_break_nothing(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    rows = lives(700, 5)
    rows += [
        {
            "customer": "robot",
            "order_id": f"r{n}",
            "ordered_at": day(n * END / 50_000),
            "revenue": 1,
        }
        for n in range(50_000)
    ]
    rows += [
        {
            "customer": f"c{n}",
            "order_id": f"back{n}",
            "kind": "return",
            "ordered_at": day(250),
            "revenue": 500,
        }
        for n in range(50)
    ]
    add_orders(stores, rows)
    fit = predict_churn(stores, as_of=day(END), horizon_days=HORIZON, now=NOW)
    assert np.isfinite(fit.people.column("score").to_numpy()).all()
    assert fit.people.column("revenue_365d").to_numpy().min() < 0
    stores.close()


@pytest.mark.long
def test_on_a_real_shop_the_models_beat_the_rules(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London", currency="GBP")
    online_retail(stores)
    fit = predict_churn(stores, as_of=datetime(2011, 12, 10, tzinfo=UTC), now=NOW)
    assert fit.entry.settings["horizon_days"] == 124
    auc = {one.learner: one.later.auc.estimate or 0 for one in fit.result.candidates}
    assert auc["logistic regression"] == pytest.approx(0.753, abs=0.015)
    assert auc["BG/NBD"] > auc["base rate by own rhythm"] + 0.02
    stores.close()
