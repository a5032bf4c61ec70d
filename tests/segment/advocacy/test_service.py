"""Advocacy: scores by stage and month, and likely promoters where they can be told, none where they cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.segment import Segment
from aimwell.definitions.kinds.survey import Survey
from aimwell.definitions.service import apply
from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.segment.advocacy.likely import resembling, told_by
from aimwell.segment.advocacy.model import GROUPS, Advocacy
from aimwell.segment.advocacy.page import advocacy_html
from aimwell.segment.advocacy.segments import advocacy_segments, publish_likely
from aimwell.segment.advocacy.service import advocacy, thresholds
from aimwell.segment.models.modelling import apply_kept, build_model, publish_built
from aimwell.segment.models.page import model_html
from aimwell.segment.service import members
from aimwell.store.stores import Stores
from shop import add_events, add_people, add_traits, append, day, make_stores, origin

SURVEY = {
    "kind": "survey",
    "name": "voice",
    "questions": {
        "recommend": {"type": "nps"},
        "illness": {"type": "scale"},
        "mood": {"type": "csat"},
        "words": {"type": "text"},
    },
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """300 people, of whom 200 answered: 9 or 10 mostly those on gold, 0 to 6 mostly the others; 20 answered twice."""
    stores = make_stores(tmp_path_factory.mktemp("advocacy"))
    draw = np.random.default_rng(2)
    answers, traits, people, events = [], [], [], []
    for number in range(300):
        name, gold = f"p{number}", number % 3 == 0
        happy = draw.random() < (0.9 if gold else 0.15)
        people.append({"customer": name, "first_seen_at": day(0)})
        traits.append({"customer": name, "name": "tier", "value": "gold" if gold else "plain"})
        mark = int(draw.integers(9, 11) if happy else draw.integers(0, 9))
        if number < 200:
            said = [(mark, 40 + number % 30)]
            if number < 20:
                said.append((2, 10))
            for value, when in said:
                answers.append(
                    {
                        "origin_id": origin(stores, name),
                        "survey": "voice",
                        "question": "recommend",
                        "value": str(value),
                        "number": float(value),
                        "answered_at": day(when),
                    }
                )
            if happy and number % 10 == 0:
                events.append(
                    {"customer": name, "event": "Friend Referred", "occurred_at": day(50)}
                )
    add_people(stores, people)
    add_traits(stores, traits)
    add_events(stores, events)
    append(stores, "answers", answers)
    apply(stores.control, [check(SURVEY)], now=day(0), by="test")
    yield stores
    stores.close()


def test_scores_stages_months_and_moves_are_counted(shop: Stores) -> None:
    with open_moment(shop, as_of=day(100)) as moment:
        found, answers = advocacy(moment, "voice")
    assert found.question == "recommend"
    assert found.is_nps
    assert sum(found.all.counts) == 200
    assert found.sentence.startswith("Net promoter score ")
    assert [one.what for one in found.stages] == ["prospect"]
    assert sum(sum(one.counts) for one in found.periods) == 220
    assert found.change.estimate is not None
    assert sum(found.moved.values()) == 20
    assert {before for before, _now in found.moved} == {"detractor"}
    assert found.referrals["detractor"] == 0.0
    assert found.referrals["promoter"] is not None
    assert found.referrals["promoter"] > 0.05
    assert set(found.ratings.values()) == {None}
    assert len(answers.silent) == 100
    page = advocacy_html(found, as_of=day(100), timezone="UTC")
    assert found.sentence in page
    assert "By month" in page


def test_likely_promoters_are_told_published_and_are_a_segment(shop: Stores) -> None:
    with open_moment(shop, as_of=day(100)) as moment:
        found, answers = advocacy(moment, "voice")
    promoter, _detractor = found.likely
    assert promoter.reason is None
    assert promoter.error.upper is not None
    assert promoter.error.upper < promoter.dull
    gold = {origin(shop, f"p{number}") for number in range(200, 300) if number % 3 == 0}
    assert {one for one, kind in answers.likely.items() if kind == "promoter"} == gold
    assert publish_likely(shop, found, answers, as_of=day(100), now=day(101)) == 100
    assert publish_likely(shop, found, answers, as_of=day(100), now=day(102)) == 0
    segments = advocacy_segments(found)
    apply(shop.control, segments, now=day(101), by="test")
    sizes = {one.name: members(shop, one.name, as_of=day(100)).num_rows for one in segments}
    assert sizes["voice-likely-promoters"] == len(gold)
    assert (
        sizes["voice-promoters"],
        sizes["voice-passives"],
        sizes["voice-detractors"],
    ) == found.all.counts
    with pytest.raises(SegmentError, match="published as of a later moment"):
        publish_likely(shop, found, answers, as_of=day(99), now=day(103))


def test_reviews_and_referrals_tell_of_the_silent(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    draw = np.random.default_rng(4)
    answers, people, reviews, events = [], [], [], []
    fond = {f"p{number}" for number in range(400) if draw.random() < 0.5}
    for number in range(400):
        name = f"p{number}"
        people.append({"customer": name, "first_seen_at": day(0)})
        mark = float(draw.integers(9, 11) if name in fond else draw.integers(0, 7))
        if number < 300:
            answers.append(
                {
                    "origin_id": origin(stores, name),
                    "survey": "voice",
                    "question": "recommend",
                    "value": str(int(mark)),
                    "number": mark,
                    "answered_at": day(40),
                }
            )
        if number % 2:  # a review a person, but not of everybody
            reviews.append(
                {
                    "review_id": name,
                    "origin_id": origin(stores, name),
                    "rating": 5.0 if name in fond else 2.0,
                    "rating_max": 5.0,
                    "reviewed_at": day(30),
                }
            )
        elif name in fond and number % 4 == 0:
            events.append({"customer": name, "event": "Friend Referred", "occurred_at": day(50)})
    add_people(stores, people)
    add_events(stores, events)
    append(stores, "answers", answers)
    append(stores, "reviews", reviews)
    apply(stores.control, [check(SURVEY)], now=day(0), by="test")
    with open_moment(stores, as_of=day(100)) as moment:
        found, answered = advocacy(moment, "voice")
    assert found.ratings["promoter"] == 1.0
    assert found.ratings["detractor"] == pytest.approx(0.4)
    assert found.likely[0].reason is None
    called = {one for one, kind in answered.likely.items() if kind == "promoter"}
    told = {row["origin_id"] for row in reviews if row["rating"] == 5.0}
    told |= {origin(stores, event["customer"]) for event in events}
    assert called == told & set(answered.silent)
    with open_moment(stores, as_of=day(29)) as moment:
        assert set(advocacy(moment, "voice")[0].ratings.values()) == {None}
    stores.close()


def test_a_definition_gives_everybody_their_standing(shop: Stores) -> None:
    wanted = check({"kind": "model", "name": "fans", "type": "advocacy", "survey": "voice"})
    apply(shop.control, [wanted], now=day(0), by="test")
    built = build_model(shop, "fans", as_of=day(200), now=day(200))
    assert built.people is not None
    counts = Counter(built.people.column("group").to_pylist())
    assert isinstance(built.figures, Advocacy)
    assert tuple(counts[one] for one in GROUPS) == built.figures.all.counts
    assert counts["likely promoter"] == built.figures.likely[0].people > 0
    assert sum(counts.values()) == 300
    assert publish_built(shop, built, as_of=day(200), now=day(200)) == 300
    rule = {"trait": "cluster:fans", "in": ["promoter", "likely promoter"]}
    segment = check({"kind": "segment", "name": "fond", "rule": rule})
    assert isinstance(segment, Segment)
    inside = members(shop, segment, as_of=day(200)).num_rows
    assert inside == counts["promoter"] + counts["likely promoter"]
    # What was published tells the next look nothing.
    again = apply_kept(shop, "fans", as_of=day(201))
    assert again.people is not None
    assert again.people.equals(built.people)
    page = model_html(built, as_of=day(200), now=day(200), timezone="UTC", currency="GBP")
    assert built.reason in page


def test_where_nothing_tells_nobody_is_called_anything() -> None:
    draw = np.random.default_rng(0)
    called = 0
    for _trial in range(20):
        outcome = draw.random(300) < 0.6
        told = told_by(draw.normal(size=(300, 4)), outcome, draw.normal(size=(50, 4)), seed=1)
        called += told.likely("promoter", outcome, np.ones(300)).people > 0
    assert called <= 2
    few = told_by(np.ones((40, 1)), np.arange(40) < 5, np.ones((3, 1)), seed=1)
    assert few.likely("promoter", np.arange(40) < 5, np.ones(40)).reason == (
        "only 5 on one of the two sides; it takes 30"
    )


def test_questions_that_do_not_fit_are_refused(shop: Stores) -> None:
    survey = check(SURVEY)
    assert isinstance(survey, Survey)
    assert thresholds(survey, "mood")[2].standing(3) == "detractor"
    with open_moment(shop, as_of=day(100)) as moment:
        for question, said in (
            ("words", "no numbers"),
            ("recomend", "recommend"),
            ("illness", "special category"),
        ):
            with pytest.raises(SegmentError, match=said):
                advocacy(moment, "voice", question)


def test_errors_are_those_of_the_silent_not_of_those_who_answered() -> None:
    draw = np.random.default_rng(6)
    rows = draw.normal(size=(6_000, 2))
    # The clear cases answer; the others are harder to tell.
    answered = draw.random(6_000) < 1 / (1 + np.exp(2 - 2 * np.abs(rows[:, 0])))
    happy = draw.random(6_000) < 1 / (1 + np.exp(-2.5 * rows[:, 0]))
    features = np.column_stack([rows, np.abs(rows[:, 0])])
    asks = told_by(features, answered, features[:0], seed=1)
    told = told_by(features[answered], happy[answered], features[~answered], seed=1)
    found = told.likely("promoter", happy[answered], resembling(asks, answered))
    naive = told.likely("promoter", happy[answered], np.ones(int(answered.sum())))
    called = told.outside >= 0.5
    truth = float((called & ~happy[~answered]).sum() / called.sum())
    assert found.error.estimate is not None
    assert naive.error.estimate is not None
    assert abs(found.error.estimate - truth) < abs(naive.error.estimate - truth) / 2
    assert found.error.covers(truth)
