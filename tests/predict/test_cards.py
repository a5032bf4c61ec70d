"""Cards: figures as they were registered, in words that fit them."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from aimwell.predict.cards import card_text, model_card
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.service import fit_lifetime_value, train_propensity
from buyers import add_buyers
from shop import day, make_stores


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RegisteredModel]:
    stores = make_stores(tmp_path_factory.mktemp("cards"), currency="EUR")
    add_buyers(stores, 400)
    asked: dict[str, Any] = {"as_of": day(400), "now": day(400)}
    found = {
        "propensity": train_propensity(stores, horizon_days=60, **asked).entry,
        "value": fit_lifetime_value(stores, horizon_days=180, **asked).entry,
    }
    stores.close()
    return found


def changed(entry: RegisteredModel, **metrics: Any) -> RegisteredModel:
    return replace(entry, metrics={**copy.deepcopy(dict(entry.metrics)), **metrics})


def with_later(entry: RegisteredModel, **figures: Any) -> RegisteredModel:
    """The entry with other figures of the chosen learner on the later period."""
    found = changed(entry)
    for one in found.metrics["candidates"]:
        if one["learner"] == found.metrics["learner"]:
            one["later"].update(figures)
    return found


def test_a_card_is_plain_data_and_all_of_it_is_in_the_text(
    entries: dict[str, RegisteredModel],
) -> None:
    for entry in entries.values():
        card = model_card(entry)
        assert json.loads(json.dumps(card)) == card
        text = card_text(card)
        for part in ("learnt_from", "how_good", "features", "caveats"):
            for line in card[part]:
                assert line in text
        assert card["predicts"] in text
        assert "None" not in text
        assert "nan" not in text


def test_the_card_of_a_propensity_says_its_figures(entries: dict[str, RegisteredModel]) -> None:
    entry = entries["propensity"]
    card = model_card(entry)
    later = next(
        one for one in entry.metrics["candidates"] if one["learner"] == entry.metrics["learner"]
    )["later"]
    shown = f"AUC {later['auc']['estimate']:.3f} ({later['auc']['lower']:.3f} to"
    assert shown in card["sentence"]
    assert any(shown in line for line in card["how_good"])
    assert card["predicts"] == "The probability that a person buys within 60 days."
    assert f"{entry.metrics['judge']['people']:,} people known on 2026-12-07" in card["how_good"][0]
    assert sum(row["people"] for row in card["calibration"]) == entry.metrics["judge"]["people"]
    assert card["features"]
    assert "not whom a promotion would move" in card["caveats"][0]


def test_features_are_told_in_words_with_their_direction(
    entries: dict[str, RegisteredModel],
) -> None:
    rows = [
        {"name": "recency_days", "share": 0.5, "direction": -0.8},
        {"name": "orders_90d", "share": 0.25, "direction": 0.4},
        {"name": "revenue", "share": 0.25, "direction": None},
    ]
    lines = model_card(changed(entries["propensity"], features=rows))["features"]
    assert lines == [
        "recency_days (since the last order, all before): 50% of the difference it makes; more of it, less likely",
        "orders_90d (orders, last 90 days): 25% of the difference it makes; more of it, likelier",
        "revenue (revenue of all orders, less all returns, all before): 25% of the difference it makes; no plain "
        "direction",
    ]


@pytest.mark.parametrize(
    ("predicted", "caveat"), [(0.2, "too low"), (0.5, None), (0.8, "too high")]
)
def test_a_wrong_level_is_a_caveat(
    entries: dict[str, RegisteredModel], predicted: float, caveat: str | None
) -> None:
    rate = {"estimate": 0.5, "lower": 0.45, "upper": 0.55}
    entry = with_later(entries["propensity"], base_rate=rate, mean_predicted=predicted)
    caveats = " ".join(model_card(entry)["caveats"])
    assert ("The level was" in caveats) == (caveat is not None)
    assert caveat is None or caveat in caveats


def test_a_flattering_random_division_and_a_short_history_are_caveats(
    entries: dict[str, RegisteredModel],
) -> None:
    entry = entries["propensity"]
    flattered = changed(entry)
    for one in flattered.metrics["candidates"]:
        one["optimism"] = {"value": 0.07, "reason": None}
    assert any("higher by 0.070" in line for line in model_card(flattered)["caveats"])
    flat = changed(entry)
    for one in flat.metrics["candidates"]:
        one["optimism"] = {"value": -0.07, "reason": None}
    assert not any("would have promised" in line for line in model_card(flat)["caveats"])
    # 340 days of history before the judging moment.
    assert any("not seen each season" in line for line in model_card(entry)["caveats"])
    longer = changed(
        entry, recorded={"first_at": "2020-01-01T00:00:00Z", "last_at": "2026-12-01T00:00:00Z"}
    )
    assert not any("season" in line for line in model_card(longer)["caveats"])


def test_the_card_of_a_value_says_what_it_counts_and_its_check(
    entries: dict[str, RegisteredModel],
) -> None:
    entry = entries["value"]
    card = model_card(entry)
    assert card["predicts"].startswith("The revenue in EUR that a customer will bring within 180")
    assert any("The margin is not known" in line for line in card["caveats"])
    money = entry.metrics["check"]["money"]
    assert f"{money['total_predicted']:,.0f} EUR predicted" in " ".join(card["how_good"])
    assert f"{money['total_actual']:,.0f} EUR came" in card["sentence"]
    margin = changed(entry, measure="margin", margin={"share": 0.4, "reason": "40 % of revenue"})
    assert model_card(margin)["predicts"].startswith("The margin in EUR")
    assert not any("margin" in line.lower() for line in model_card(margin)["caveats"])
    unchecked = model_card(changed(entry, check=None, check_reason="Too short."))
    assert unchecked["how_good"] == ["Not checked. Too short."]
    assert unchecked["calibration"] == []
    assert "by how often" not in card_text(unchecked)


@pytest.mark.parametrize(("times", "caveat"), [(0.5, "too high"), (1.0, None), (1.44, "too low")])
def test_a_sum_that_missed_by_more_than_chance_is_a_caveat_and_widens_the_total(
    entries: dict[str, RegisteredModel], times: float, caveat: str | None
) -> None:
    entry = changed(entries["value"])
    money, total = entry.metrics["check"]["money"], entry.metrics["total"]
    predicted, people = money["total_predicted"], money["people"]
    money["total_actual"] = predicted * times
    # Errors of people that differ little, so that only the level is wrong.
    money["rmse"] = abs(times - 1) * predicted / people + 0.001
    total.update(lower=total["estimate"] * 0.99, upper=total["estimate"] / 0.99)
    card = model_card(entry)
    said = [line for line in card["caveats"] if "by more than chance" in line]
    assert len(said) == (caveat is not None)
    assert caveat is None or f"The level was {caveat} on the later period" in said[0]
    together = card["learnt_from"][1]
    assert "if the sum is as far off as it was on the check" in together
    if caveat == "too low":
        assert f"to {total['upper'] * 1.44:,.0f} if" in together
        assert f"to {total['upper'] * 1.44:,.0f} if" in card["sentence"]
        assert "+44%" in said[0]
    assert "parameters alone" in card["learnt_from"][2]


def test_days_are_told_in_the_firms_zone(entries: dict[str, RegisteredModel]) -> None:
    card = model_card(entries["propensity"], timezone="America/New_York")
    assert card["as_of"] == "2027-02-04T19:00:00-05:00"
    assert "known on 2026-12-06" in card["how_good"][0]


def test_a_model_of_another_stage_has_a_short_card(entries: dict[str, RegisteredModel]) -> None:
    metrics = {"groups": 4, "reason": "Four groups hold together best."}
    other = replace(entries["value"], name="groups", kind="clusters", metrics=metrics)
    card = model_card(other)
    assert "a model of clusters" in card["predicts"]
    assert "Four groups hold together best." in card_text(card)
    assert card["metrics"] == metrics
