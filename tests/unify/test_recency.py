"""Recency: a half after the half-life of the kind; kinds as definitions, sources and names say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.data_kinds import DATA_KINDS, HALF_LIVES, DataKind, usual_kind
from aimwell.definitions.kinds.profile_rules import ProfileRules
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.service import apply
from aimwell.history.current import bring_up_to_date
from aimwell.unify.recency import Ageing, ageing, overall, profile_recency, recency
from collecting import source_of
from shop import add_orders, add_traits, append, day, make_stores, origin

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def ages(source: Source | None = None, **rules: object) -> Ageing:
    body = check({"kind": "profile_rules", "name": "default", **rules})
    assert isinstance(body, ProfileRules)
    return Ageing(body, {} if source is None else {source.name: source})


def test_a_fact_counts_half_after_its_half_life_and_never_more_than_whole() -> None:
    assert recency(30 * DAY, 30 * DAY) == 0.5
    assert recency(60 * DAY, 30 * DAY) == 0.25
    assert recency(0 * DAY, 30 * DAY) == 1.0
    assert recency(-5 * DAY, 30 * DAY) == 1.0
    assert 0 < recency(36500 * DAY, 365 * DAY) < 1e-20


def test_every_kind_has_a_half_life() -> None:
    assert HALF_LIVES.keys() == set(DATA_KINDS)


@pytest.mark.parametrize(
    ("trait", "kind"),
    [
        ("country", "demographic"),
        ("interests", "psychographic"),
        ("Preferred Channel", "channel_preference"),
        ("nps", "feedback"),
        ("loyalty_tier", "transactional"),
        ("cluster:habits", "behavioural"),
        ("climate", "external"),
        ("stage", "demographic"),
    ],
)
def test_a_name_speaks_for_a_kind(trait: str, kind: DataKind) -> None:
    assert usual_kind(trait) == kind


def test_what_a_source_or_the_rules_say_of_a_kind_goes_before_the_name() -> None:
    source = source_of(data="external", trait_data={"nps": "feedback"})
    told = ages(source)
    assert told.kind("country", "shop") == "external"
    assert told.kind("nps", "shop") == "feedback"
    assert told.kind("country", "another") == "demographic"
    assert ages(source, traits={"country": {"data": "feedback"}}).kind("country", "shop") == (
        "feedback"
    )


def test_half_lives_can_be_set_for_a_kind_and_for_a_trait() -> None:
    set_ = ages(half_lives={"behavioural": "14d"}, traits={"x": {"half_life": "1d"}})
    assert set_.half_life("behavioural") == 14 * DAY
    assert set_.half_life("behavioural", "x") == DAY
    assert set_.half_life("external") == HALF_LIVES["external"]
    assert set_.contact("first_name", NOW, NOW) is None
    assert set_.contact("email", NOW - 730 * DAY, NOW) == 0.5


def test_the_recency_of_a_profile_is_that_of_its_newest_facts(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(1), "revenue": 5}])
    add_traits(
        stores,
        [
            {"customer": "ann", "name": "country", "value": "GB", "set_at": day(2)},
            {"customer": "ann", "name": "age", "value": "30", "set_at": day(9)},
        ],
    )
    bring_up_to_date(stores, now=NOW)
    key = origin(stores, "ann")
    found = profile_recency(stores, [key, "nobody"], now=NOW)
    assert found == {
        key: {
            "demographic": recency(NOW - day(9), 730 * DAY),
            "transactional": recency(NOW - day(1), 180 * DAY),
        }
    }
    assert overall(found[key]) == pytest.approx(sum(found[key].values()) / 2)
    assert overall({}) is None
    apply(
        stores.control,
        [check({"kind": "profile_rules", "name": "default", "half_lives": {"demographic": "1d"}})],
        now=NOW,
        by="t",
    )
    assert ageing(stores.control).half_life("demographic") == DAY


def test_an_answer_counts_to_the_kind_of_data_that_its_question_is_of(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    question = {"survey": "s", "response_id": "r"}
    add_orders(stores, [{"customer": "ann", "order_id": "1", "ordered_at": day(1), "revenue": 5}])
    append(
        stores,
        "answers",
        [
            {"origin_id": origin(stores, "ann"), **question, "question": one, "answered_at": when}
            for one, when in (("nps", NOW - 180 * DAY), ("values", NOW - 90 * DAY))
        ],
    )
    bring_up_to_date(stores, now=NOW)
    [found] = profile_recency(stores, [origin(stores, "ann")], now=NOW).values()
    assert "psychographic" not in found
    questions = {
        "nps": {"type": "nps"},
        "values": {"type": "choice", "allowed": ["a", "b"], "data": "psychographic"},
    }
    survey = check({"kind": "survey", "name": "s", "questions": questions})
    apply(stores.control, [survey], now=NOW, by="test")
    bring_up_to_date(stores, now=NOW)
    [found] = profile_recency(stores, [origin(stores, "ann")], now=NOW).values()
    assert found["feedback"] == pytest.approx(0.5)
    assert found["psychographic"] == pytest.approx(0.5**0.5)
