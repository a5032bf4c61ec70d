"""Score cards and look-alikes: what attributes tell, points that add up, chance told as chance."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from aimwell.errors import SegmentError
from aimwell.segment.attributes.people_table import typed_column
from aimwell.segment.cards.binning import chi_square, fit_bins, weights_of_evidence
from aimwell.segment.cards.fitting import fit_score_card
from aimwell.segment.cards.look_alikes import LookAlikes, fit_look_alikes
from aimwell.segment.cards.score_card import AVERAGE_POINTS, ScoreCard, points_words, strength_words
from data_folder import data_path

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)


def shop(seed: int, people: int = 3_000) -> tuple[pa.Table, np.ndarray]:
    """Who does it depends on age and country; a copy of age and noise say nothing more."""
    draw = np.random.default_rng(seed)
    age = draw.uniform(18, 80, people)
    country = draw.choice(["GB", "IE", "FR"], people, p=[0.5, 0.3, 0.2])
    odds = -2.0 + 0.05 * (age - 49) + 1.2 * (country == "IE")
    did = draw.random(people) < 1 / (1 + np.exp(-odds))
    table = pa.table(
        {
            "profile_id": [str(one) for one in range(people)],
            "trait:age": pa.array(age, mask=draw.random(people) < 0.1),
            "trait:country": country.tolist(),
            "orders": draw.poisson(3, people).astype(float),
            "trait:plan": ["basic"] * people,
        }
    )
    return table, did


COLUMNS = ("trait:age", "trait:country", "orders", "trait:plan")


def card_of(table: pa.Table, did: np.ndarray, **more: object) -> ScoreCard:
    columns = more.pop("columns", COLUMNS)
    found = fit_score_card(
        table, columns, did, name="x", target="buyers", among="everybody", as_of=AS_OF, seed=1
    )
    assert found.card is not None, found.reason
    return found.card


def test_a_card_tells_what_tells_and_adds_up(seed: int) -> None:
    table, did = shop(seed)
    card = card_of(table, did)
    assert card.judged.tells
    assert {weight.name: weight.dropped is None for weight in card.weights} == {
        "trait:age": True,
        "trait:country": True,
        "orders": False,
        "trait:plan": False,
    }
    noise = next(weight for weight in card.weights if weight.name == "orders")
    assert noise.words == "tells nothing"
    assert noise.mutual_information == pytest.approx(0.0, abs=0.005)
    assert all((weight.importance or 0.0) > 0.005 for weight in card.weights if not weight.dropped)
    assert "the same for everybody: plan" in card.useless
    points = card.points(table)
    by_hand = card.base + sum(
        np.array(one.points)[one.bins.codes(table)] for one in card.attributes
    )
    assert (points == by_hand).all()
    chances = card.chances(points)
    assert chances.mean() == pytest.approx(did.mean(), abs=0.02)
    assert card.chances(np.array([AVERAGE_POINTS]))[0] == pytest.approx(card.rate)
    odds = card.chances(np.array([520])) / (1 - card.chances(np.array([520])))
    assert odds[0] == pytest.approx(2 * card.rate / (1 - card.rate))
    again = ScoreCard.from_json(card.to_json())
    assert again.to_json() == card.to_json()
    assert (again.points(table) == points).all()
    with pytest.raises(SegmentError, match="lack trait:age"):
        card.points(table.drop_columns(["trait:age"]))
    with pytest.raises(SegmentError, match="Fit it anew"):
        ScoreCard.from_json("[]")


def test_chance_is_told_as_chance(seed: int) -> None:
    table, _did = shop(seed)
    draw = np.random.default_rng(seed + 1)  # another stream than that of the people
    wrong = 0
    for _time in range(10):
        card = card_of(table, draw.random(len(table)) < 0.2)
        wrong += card.judged.tells
        assert card.judged.tells or "tell" in card.sentence
    assert wrong <= 2


def test_too_few_of_a_kind_are_told() -> None:
    table, did = shop(1, people=100)
    found = fit_score_card(
        table, COLUMNS, did & False, name="x", target="buyers", among="x", as_of=AS_OF, seed=1
    )
    assert found.card is None
    assert "Of 100 people 0 are buyers" in found.reason
    nobody = table.slice(0, 0)
    empty = fit_score_card(
        nobody, COLUMNS, did[:0], name="x", target="buyers", among="x", as_of=AS_OF, seed=1
    )
    assert "Of 0 people" in empty.reason


def test_weights_of_evidence_by_hand() -> None:
    counts = np.array([[30.0, 10.0], [20.0, 90.0], [0.0, 0.0]])
    weights = weights_of_evidence(counts)
    share = 40 / 150
    expected = np.log(((30 + 10 * share) / 60) / ((10 + 10 * share) / 110))
    assert weights[0] == pytest.approx(expected)
    assert weights[2] == 0.0
    statistic, p_value = chi_square(counts)
    from scipy.stats import chi2_contingency

    theirs = chi2_contingency(counts[:2], correction=False)
    assert statistic == pytest.approx(theirs.statistic)
    assert p_value == pytest.approx(theirs.pvalue)


def test_bins_are_round_few_and_hold_the_unknown_apart() -> None:
    draw = np.random.default_rng(1)
    values = draw.uniform(0, 100, 2_000)
    outcome = draw.random(2_000) < np.where(values > 60, 0.6, 0.1)
    table = pa.table({"x": pa.array(values, mask=values < 5)})
    bins = fit_bins(table, "x", outcome)
    assert not isinstance(bins, str)
    assert len(bins.labels) <= 7
    assert bins.labels[-1] == "unknown"
    assert any(abs(edge - 60) < 3 for edge in bins.edges)
    assert set(bins.codes(table)[values < 5]) == {len(bins.labels) - 1}


def test_strength_has_words() -> None:
    assert [strength_words(one) for one in (0.0, 0.05, 0.2, 0.4, 0.9)] == [
        "tells nothing",
        "weak",
        "medium",
        "strong",
        "suspiciously strong",
    ]


# --- look-alikes ----------------------------------------------------------------------------------------


def alike(
    table: pa.Table, seed_members: np.ndarray, columns: tuple[str, ...] = COLUMNS
) -> LookAlikes:
    found = fit_look_alikes(
        table,
        columns,
        seed_members,
        name="like",
        audience="vip",
        among="everybody",
        as_of=AS_OF,
        seed=1,
    )
    assert found.model is not None, found.reason
    return found.model


def test_people_like_a_seed_come_first_and_size_costs_likeness(seed: int) -> None:
    table, did = shop(seed)
    model = alike(table, did)
    assert model.tells
    likeness = [size.similarity for size in model.sizes]
    assert likeness == sorted(likeness, reverse=True)
    assert model.sizes[-1].people == (~did).sum()
    assert model.sizes[-1].lift == pytest.approx(1.0)
    ranked = model.rank(table)
    assert ranked.column("points").to_pylist() == sorted(
        ranked.column("points").to_pylist(), reverse=True
    )
    own = model.similarity(np.array(model.seed_points))
    assert own.mean() == pytest.approx(0.5)
    prospects = pa.table(
        {"id": ["old", "young"], "trait:age": [75.0, 20.0], "trait:country": ["IE", "GB"]}
    )
    assert model.rank(prospects, identifier="id").column("id").to_pylist() == ["old", "young"]
    with pytest.raises(SegmentError, match="no column 'email'"):
        model.rank(prospects, identifier="email")
    assert LookAlikes.from_json(model.to_json()).to_json() == model.to_json()


def test_a_seed_like_anybody_cannot_be_told_from_others(seed: int) -> None:
    table, _did = shop(seed, people=1_000)
    draw = np.random.default_rng(seed + 1)
    told = [alike(table, draw.random(1_000) < 0.2) for _time in range(5)]
    assert sum(one.tells for one in told) <= 1
    assert any("cannot be told from others" in one.sentence for one in told)
    half = fit_look_alikes(
        table,
        COLUMNS,
        np.ones(1_000, dtype=bool),
        name="x",
        audience="all",
        among="x",
        as_of=AS_OF,
        seed=1,
    )
    assert half.model is None
    assert "hardly anybody is left" in half.reason


def test_responders_of_a_real_campaign_are_found_by_the_held_out_lift() -> None:
    with gzip.open(data_path("customer-personality/marketing_campaign.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    columns = ("Income", "Recency", "MntWines", "MntMeatProducts", "Marital_Status", "Teenhome")
    table = pa.table(
        {
            "profile_id": [row["ID"] for row in rows],
            **{
                name: typed_column(
                    pa.chunked_array([pa.array([row[name] or None for row in rows])])
                )
                for name in columns
            },
        }
    )
    responded = np.array([row["Response"] == "1" for row in rows])
    model = alike(table, responded, columns)
    assert model.tells
    assert model.card.judged.lower > 0.65
    best = model.card.judged.tops[1]
    assert best.share == 0.2
    assert (best.lift or 0) > 1.7
    assert (best.gain or 0) > 0.35


def test_points_have_their_sign_and_none_has_none() -> None:
    assert [points_words(points) for points in (52, -22, 0)] == ["+52", "−22", "0"]
