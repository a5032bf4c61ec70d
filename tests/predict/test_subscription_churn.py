"""Endings of subscriptions: a simulated service whose hazards are known, and bad input."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.cards import card_text
from aimwell.predict.propensity import PropensityModel
from aimwell.predict.registry import load_part
from aimwell.predict.scoring import stored_scores
from aimwell.predict.subscription_churn import SubscriptionChurn, predict_subscription_churn
from aimwell.store.stores import Stores
from shop import append, day, make_stores, origin
from subscribers import END, service

NOW = datetime(2028, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    made = make_stores(tmp_path_factory.mktemp("service"))
    append(made, "subscriptions", service(made, 2500, 3))
    yield made
    made.close()


@pytest.fixture(scope="module")
def fit(stores: Stores) -> SubscriptionChurn:
    return predict_subscription_churn(stores, as_of=day(END), horizon_days=90, now=NOW)


def test_the_learnt_hazard_beats_that_by_tenure_alone_on_later_time(fit: SubscriptionChurn) -> None:
    by_tenure, logistic, _ = fit.candidates
    assert by_tenure.learner == "hazard by month of tenure"
    assert (logistic.later.auc.lower or 0) > (by_tenure.later.auc.upper or 1)
    assert fit.entry.metrics["learner"] in ("logistic regression", "boosted trees")


def test_probabilities_mean_what_they_say(fit: SubscriptionChurn) -> None:
    later = fit.candidates[1].later
    assert later.base_rate.covers(later.mean_predicted)
    assert later.calibration_error < 0.05


@pytest.mark.long
def test_over_many_services_the_level_is_right(tmp_path: Path) -> None:
    """One service can miss by chance; ten together cannot by much."""
    foretold, came, judged = 0.0, 0, 0
    for seed in range(10):
        made = make_stores(tmp_path / str(seed))
        append(made, "subscriptions", service(made, 2500, seed))
        found = predict_subscription_churn(made, as_of=day(END), horizon_days=90, now=NOW)
        later = found.candidates[1].later
        foretold += later.mean_predicted * later.people
        came += later.positives
        judged += later.people
        made.close()
    assert foretold / judged == pytest.approx(came / judged, abs=0.015)


def test_curves_and_hazards_are_those_of_the_truth(fit: SubscriptionChurn) -> None:
    left = {row.plan: row.left for row in fit.retention}
    # First month 8 %, then 4 %, of 8 % late ones four times that.
    usual = 1 - (0.92 * 0.04 + 0.08 * 0.16)
    assert left["plus"]["1"].estimate == pytest.approx(0.92, abs=0.03)
    assert left["plus"]["6"].estimate == pytest.approx(0.92 * usual**5, abs=0.05)
    first = next(row for row in fit.hazards if row.plan == "basic" and row.months == "1")
    assert first.hazard.estimate == pytest.approx(0.2, abs=0.06)


def test_running_subscriptions_have_a_score_and_people_are_scored_in_the_lake(
    stores: Stores, fit: SubscriptionChurn
) -> None:
    score = fit.people.column("score").to_numpy()
    assert ((score > 0) & (score < 1)).all()
    assert fit.at_risk.estimate == pytest.approx(
        score @ fit.people.column("price_monthly").to_numpy()
    )
    stored = stored_scores(stores, fit.entry, day(END))
    assert stored is not None
    assert stored.num_rows == fit.people.num_rows
    assert isinstance(load_part(stores, fit.entry, "hazard", PropensityModel), PropensityModel)


def test_again_it_is_the_same_model(stores: Stores, fit: SubscriptionChurn) -> None:
    again = predict_subscription_churn(stores, as_of=day(END), horizon_days=90, now=NOW)
    assert again.entry == fit.entry
    assert again.people.equals(fit.people)
    assert "a running subscription ends within 90 days" in card_text(fit.to_dict())


def test_what_came_later_changes_nothing(stores: Stores, tmp_path: Path) -> None:
    """As of day 300 a lake that goes on to day 400 tells what a lake that ends there tells."""
    ended = make_stores(tmp_path)
    rows = [row for row in service(ended, 2500, 3) if row["set_at"] < day(300)]
    append(ended, "subscriptions", rows)
    asked = {"as_of": day(300), "horizon_days": 60, "name": "early", "now": NOW}
    early = predict_subscription_churn(stores, **asked)
    assert predict_subscription_churn(ended, **asked).people.equals(early.people)
    assert early.people.num_rows > 500
    ended.close()


def test_no_subscriptions_are_refused(tmp_path: Path) -> None:
    empty = make_stores(tmp_path)
    with pytest.raises(PredictError, match="No subscription had started before"):
        predict_subscription_churn(empty, as_of=day(END), now=NOW)
    empty.close()


def test_one_class_only_is_refused_with_the_numbers(tmp_path: Path) -> None:
    made = make_stores(tmp_path)
    rows = [row for row in service(made, 300, 2) if row["state"] != "ended"]
    append(made, "subscriptions", rows)
    with pytest.raises(TooLittleDataError, match="endings: 0 of at least 50"):
        predict_subscription_churn(made, as_of=day(END), now=NOW)
    made.close()


def test_five_subscriptions_are_refused_with_the_numbers(tmp_path: Path) -> None:
    made = make_stores(tmp_path)
    append(made, "subscriptions", service(made, 5, 2))
    with pytest.raises(TooLittleDataError, match=r"months of subscriptions: \d+ of at least 500"):
        predict_subscription_churn(made, as_of=day(END), now=NOW)
    made.close()


def test_those_that_end_before_they_start_are_left_out_and_counted(tmp_path: Path) -> None:
    made = make_stores(tmp_path)
    rows = service(made, 900, 4)
    wrong = [
        {**row, "subscription_id": f"w{n}", "started_at": day(50), "ended_at": day(10)}
        for n, row in enumerate(rows[:7])
    ]
    append(made, "subscriptions", rows + wrong)
    fit = predict_subscription_churn(made, as_of=day(END), horizon_days=90, now=NOW)
    assert fit.backwards == 7
    assert "7 subscriptions end before they start" in card_text(fit.to_dict())
    made.close()


def test_states_that_were_heard_of_only_at_the_end_are_refused_with_the_way_out(
    tmp_path: Path,
) -> None:
    """One row a subscription, dated by its last change: whoever has ended was unknown while it ran."""
    made = make_stores(tmp_path)
    last = {row["subscription_id"]: row for row in service(made, 600, 4)}
    append(made, "subscriptions", [{**row, "set_at": day(END - 1)} for row in last.values()])
    with pytest.raises(PredictError, match="map set_at to the day of the start"):
        predict_subscription_churn(made, as_of=day(END), horizon_days=90, now=NOW)
    made.close()


def fading(stores: Stores, subscriptions: int, seed: int) -> None:
    """Who uses a service as ever ends in one month of fifty, whose use has faded away for two months in one of three."""
    rng = np.random.default_rng(seed)
    rows, used, paid = [], [], []
    for number in range(subscriptions):
        start = float(rng.uniform(-200, 200))
        who = {"subscription_id": f"s{number}", "origin_id": origin(stores, f"c{number}")}
        fixed = {**who, "plan": "basic", "price": 10, "period_months": 1, "started_at": day(start)}
        rows.append({**fixed, "state": "active", "set_at": day(start)})
        level, fades = float(rng.lognormal(1.0, 0.7)), start + float(rng.exponential(400))
        week = 0
        while (at := start + 7 * week + rng.random()) < END:
            share = 1.0 if at < fades else max(0.0, 1 - (at - fades) / 45)
            amount = float(rng.poisson(8 * level * share))
            named = {} if number % 2 else {"subscription_id": f"s{number}"}
            used.append(
                {
                    "origin_id": who["origin_id"],
                    "name": "minutes",
                    "amount": amount,
                    "occurred_at": day(at),
                    **named,
                }
            )
            week += 1
            if rng.random() < (0.09 if at > fades + 40 else 0.004):
                rows.append({**fixed, "state": "ended", "set_at": day(at), "ended_at": day(at)})
                break
        paid.append(
            {
                **who,
                "payment_id": f"p{number}",
                "kind": "payment",
                "state": "paid",
                "amount": 10,
                "set_at": day(start + 1),
            }
        )
    append(stores, "subscriptions", rows)
    append(stores, "usage", used)
    append(stores, "payments", paid)


def test_use_that_fades_before_the_end_is_seen_and_helps_on_later_time(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    fading(stores, 1200, 5)
    fit = predict_subscription_churn(stores, as_of=day(END), horizon_days=60, now=NOW)
    by_name = {one.learner: one for one in fit.candidates}
    for name in ("logistic regression", "boosted trees"):
        without, within = by_name[name], by_name[f"{name} with usage and payments"]
        assert within.later.log_loss < without.later.log_loss
        assert (within.later.auc.lower or 0) > (without.later.auc.upper or 1)
    assert str(fit.entry.metrics["learner"]).endswith("with usage and payments")
    assert by_name[str(fit.entry.metrics["learner"])].later.auc.estimate > 0.75
    stores.close()


def test_without_usage_nothing_is_different(fit: SubscriptionChurn) -> None:
    assert not [one for one in fit.candidates if "usage" in one.learner]
