"""Spend of a shop's people, prospects too: judged beside a law of buying and last year's revenue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.service import apply
from aimwell.errors import TooLittleDataError
from aimwell.predict.cards import card_text
from aimwell.predict.registry import load_part
from aimwell.predict.scoring import stored_scores
from aimwell.predict.spend import SpendModel, fit_spend
from aimwell.predict.spend_sums import spend_sum
from aimwell.predict.spending import LAST_YEAR, LAW, LEARNT, SpendFit, predict_spend
from aimwell.predict.tables import FeatureTable
from aimwell.store.stores import Stores
from shop import add_events, add_orders, day, make_stores

NOW = datetime(2027, 3, 1, tzinfo=UTC)
HORIZON, END = 60, 260


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Customers with a rate and an amount of their own; every other one looked at goods for weeks before buying."""
    made = make_stores(tmp_path_factory.mktemp("spending"))
    rng = np.random.default_rng(4)
    orders, views = [], []
    for number in range(1200):
        begins, rate = rng.uniform(0, 220), rng.gamma(1.5) / 30
        amount = rng.gamma(4) * 8
        if number % 2:
            views += [
                {
                    "customer": f"c{number}",
                    "event": "Product Viewed",
                    "occurred_at": day(max(0.0, begins - before)),
                }
                for before in (5, 20, 40)
            ]
        at = begins
        while at < END:
            orders.append(
                {
                    "customer": f"c{number}",
                    "order_id": f"{number}-{at:.6f}",
                    "ordered_at": day(at),
                    "revenue": round(float(rng.gamma(5) * amount / 5), 2),
                }
            )
            at += max(rng.exponential() / rate, 0.01)
    # Who only looks on and never buys.
    views += [
        {"customer": f"v{n}", "event": "Product Viewed", "occurred_at": day(rng.uniform(0, END))}
        for n in range(600)
    ]
    add_orders(made, orders)
    add_events(made, views)
    yield made
    made.close()


@pytest.fixture(scope="module")
def fit(stores: Stores) -> SpendFit:
    return predict_spend(stores, as_of=day(END), horizon_days=HORIZON, now=NOW)


def test_later_people_lie_within_their_intervals(fit: SpendFit) -> None:
    inside = next(
        way.check.inside for way in fit.ways if (way.group, way.way) == ("everybody", LEARNT)
    )
    assert inside is not None
    assert 0.93 <= inside <= 0.985
    lower, upper = (fit.people.column(name).to_numpy() for name in ("lower", "upper"))
    assert (lower <= upper).all()
    assert (upper > 0).mean() > 0.5


def test_every_way_stands_beside_the_others_and_prospects_are_apart(fit: SpendFit) -> None:
    told = [(way.group, way.way) for way in fit.ways]
    assert told == [
        ("customers", LAST_YEAR),
        ("customers", LAW),
        ("customers", LEARNT),
        ("prospects", LAST_YEAR),
        ("prospects", LEARNT),
        ("everybody", LAST_YEAR),
        ("everybody", LEARNT),
    ]
    people = {(way.group, way.way): way.check.people for way in fit.ways}
    assert (
        people[("customers", LAW)] + people[("prospects", LEARNT)] == people[("everybody", LEARNT)]
    )


def test_what_is_learnt_beats_last_years_revenue_for_everybody(fit: SpendFit) -> None:
    naive = next(way for way in fit.ways if (way.group, way.way) == ("everybody", LAST_YEAR))
    assert (naive.extra_loss.lower or 0.0) > 0
    learnt = next(way for way in fit.ways if (way.group, way.way) == ("everybody", LEARNT))
    assert learnt.check.total_predicted == pytest.approx(learnt.check.total_actual, rel=0.25)


def test_everybody_known_has_a_score_and_the_model_lies_in_the_registry(
    stores: Stores, fit: SpendFit
) -> None:
    stored = stored_scores(stores, fit.entry, day(END))
    assert stored is not None
    assert stored.num_rows == fit.people.num_rows
    score = fit.people.column("score").to_numpy()
    assert (np.isfinite(score) & (score > 0)).all()
    assert isinstance(load_part(stores, fit.entry, "spend", SpendModel), SpendModel)
    assert "customer or prospect" in card_text(fit.to_dict())


def test_sums_have_an_interval_of_everybody_and_of_a_segment(stores: Stores, fit: SpendFit) -> None:
    everybody = spend_sum(stores, fit.entry, as_of=day(END), now=NOW)
    assert everybody.total == fit.total
    assert everybody.people == fit.people.num_rows
    lookers = check({"kind": "segment", "name": "lookers", "rule": {"event": "Product Viewed"}})
    apply(stores.control, [lookers], now=NOW, by="test")
    few = spend_sum(stores, "spend-60d", as_of=day(END), segment="lookers", now=NOW)
    assert 600 <= few.people < everybody.people
    for one in (everybody, few):
        assert one.lower is not None
        assert one.upper is not None
        assert one.lower <= (one.total.lower or 0) < (one.total.estimate or 0)
        assert (one.total.estimate or 0) < (one.total.upper or 0) <= one.upper
    came = fit.entry.metrics["check_total"]
    told = next(way for way in fit.ways if (way.group, way.way) == ("everybody", LEARNT)).check
    assert came["estimate"] == pytest.approx(told.total_predicted)
    assert "All together are expected to spend" in card_text(fit.to_dict())


@pytest.mark.long
def test_sums_of_what_is_learnt_hold_as_often_as_they_say() -> None:
    """Trees learnt anew each time; later people all, those of a feature's upper half, and fifty of them. An interval may be wider
    than it need be, but not by half."""
    times, held = 500, np.zeros(3)
    reach, missed = np.zeros((times, 3)), np.zeros((times, 3))
    for turn in range(times):
        rng = np.random.default_rng(turn)
        table, paid = _people(rng, 1_000)
        model = fit_spend(table, paid, seed=turn)
        later, real = _people(rng, 2_000)
        told = model.predict(later)
        for place, rows in enumerate((slice(None), later.values[:, 0] > 0, slice(0, 50))):
            total = model.total(told[rows])
            came, estimate = real[rows].sum(), total.estimate or 1.0
            held[place] += (total.lower or 0) <= came <= (total.upper or 0)
            reach[turn, place] = ((total.upper or 0) - (total.lower or 0)) / 2 / estimate
            missed[turn, place] = abs(came / estimate - 1)
    assert (held / times >= 0.9).all(), held
    assert (reach.mean(axis=0) <= 1.5 * np.quantile(missed, 0.95, axis=0)).all(), (held, reach)


def _people(rng: np.random.Generator, count: int) -> tuple[FeatureTable, np.ndarray]:
    values = rng.normal(size=(count, 4))
    chance = 1 / (1 + np.exp(-values[:, 0] - 0.5 * values[:, 1]))
    amount = 40 * np.exp(0.4 * values[:, 2])
    paid = np.where(rng.random(count) < chance, rng.gamma(2, amount / 2), 0.0)
    names = ("a", "b", "c", "noise")
    return FeatureTable(names, values, day(0), timedelta(days=HORIZON), paid > 0), paid


def test_again_it_is_the_same_model(stores: Stores, fit: SpendFit) -> None:
    again = predict_spend(stores, as_of=day(END), horizon_days=HORIZON, now=NOW)
    assert again.entry == fit.entry
    assert again.people.equals(fit.people)


def test_a_horizon_longer_than_the_history_allows_is_refused(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match="of at least 600"):
        predict_spend(stores, as_of=day(END), horizon_days=200, now=NOW)
