"""Experiments become campaigns, know how large they must be, and leave a winner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from aimwell.decide.experiments import campaign_of, needed, rolled_out, takes_part
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.experiment import Experiment
from aimwell.errors import DecideError, DefinitionError, StatsError

CAMPAIGN = {
    "kind": "campaign",
    "name": "spring",
    "audience": {"everyone": True},
    "actions": [{"offer": "ten", "channel": "email", "template": "hello"}],
    "holdout": 0.2,
    "goal": {"window": "2w"},
}
TWO_BY_TWO: dict[str, Any] = {
    "kind": "experiment",
    "name": "subject-and-offer",
    "campaign": "spring",
    "factors": [
        {
            "name": "subject",
            "levels": [
                {"name": "warm", "template": "hello", "weight": 2},
                {"name": "short", "template": "hey"},
            ],
        },
        {"name": "offer", "levels": [{"name": "ten", "offer": "ten"}, {"name": "none"}]},
    ],
}


def campaign(**fields: Any) -> Campaign:
    found = check({**CAMPAIGN, **fields})
    assert isinstance(found, Campaign)
    return found


def experiment(**fields: Any) -> Experiment:
    found = check({**TWO_BY_TWO, **fields})
    assert isinstance(found, Experiment)
    return found


def test_a_factorial_design_is_an_action_for_each_combination() -> None:
    made = campaign_of(experiment(holdout=0.5, share=0.25, cluster="household"), campaign())
    assert [(a.key, a.template, a.offer, a.weight) for a in made.actions] == [
        ("warm_ten", "hello", "ten", 2.0),
        ("warm_none", "hello", None, 2.0),
        ("short_ten", "hey", "ten", 1.0),
        ("short_none", "hey", None, 1.0),
    ]
    assert (made.name, made.holdout, made.share, made.cluster) == (
        "subject-and-offer",
        0.5,
        0.25,
        "household",
    )
    assert made.goal == campaign().goal
    assert check(made.document()) == made


def test_each_level_sets_what_the_others_of_its_factor_do_but_an_offer_may_be_none() -> None:
    levels = [{"name": "warm", "template": "hello"}, {"name": "short"}]
    with pytest.raises(DefinitionError, match="'short' of 'subject' sets no template"):
        experiment(factors=[{"name": "subject", "levels": levels}])


@pytest.mark.parametrize(
    "wrong", [{"spread": math.inf}, {"lift": math.nan}, {"window_days": math.inf}]
)
def test_numbers_that_are_not_finite_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(DecideError, match="must be a finite number"):
        needed(**{"base": 0.1, "lift": 0.01, **wrong})


def test_the_winner_is_the_one_action_of_the_campaign_and_the_holdout_stays() -> None:
    tried = campaign_of(experiment(), campaign())
    after = rolled_out(campaign(), tried, "short_ten")
    assert [(a.key, a.template, a.offer) for a in after.actions] == [("short_ten", "hey", "ten")]
    assert (after.name, after.holdout) == ("spring", 0.2)
    with pytest.raises(DecideError, match="Its arms: warm_ten, warm_none"):
        rolled_out(campaign(), tried, "loud")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"factors": [TWO_BY_TWO["factors"][0]] * 2}, "same name"),
        (
            {
                "factors": [
                    TWO_BY_TWO["factors"][0],
                    {**TWO_BY_TWO["factors"][0], "name": "again"},
                ]
            },
            "both set the template",
        ),
        (
            {
                "factors": [
                    {"name": f, "levels": [{"name": f"{f}{n}"} for n in range(5)]} for f in "ab"
                ]
            },
            "25 arms are too many",
        ),
    ],
)
def test_designs_that_make_no_sense_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError) as error:
        experiment(**fields)
    assert words in str(error.value.faults)


def test_a_share_takes_part_and_is_independent_of_the_holdout() -> None:
    made = campaign(share=0.3)
    people = [f"p{number}" for number in range(20_000)]
    taken = takes_part(made, people)
    assert abs(taken.mean() - 0.3) < 0.015
    assert np.array_equal(taken, takes_part(made, people))


def test_people_needed_agree_with_the_textbook_and_grow_with_arms_and_clusters() -> None:
    # Cohen (1988): shares 0.5 and 0.6 are h = 0.20136, so 387.2 an arm with power 0.8 at 0.05.
    plain = needed(base=0.5, lift=0.1)
    assert (plain.control, plain.each_arm, plain.total) == (388, 388, 776)
    # Cohen (1988), table 2.4.1: d = 0.5 takes 64 an arm.
    assert needed(base=0.0, lift=5.0, spread=10.0).control == 64
    three = needed(base=0.5, lift=0.1, arms=3, holdout=0.25)
    assert three.alpha == pytest.approx(0.05 / 3)
    assert three.control == three.each_arm > 388
    shops = needed(base=0.5, lift=0.1, cluster_size=11, alike=0.05)
    assert shops.control == math.ceil(387.17 * 1.5)
    daily = needed(base=0.5, lift=0.1, per_day=100, window_days=14)
    assert daily.days == 8 + 14


@pytest.mark.parametrize(
    "fields", [{"holdout": 1.0}, {"arms": 0}, {"per_day": 0}, {"spread": 0.0}, {"alike": 2.0}]
)
def test_what_cannot_be_planned_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DecideError):
        needed(**{"base": 0.5, "lift": 0.1, **fields})


def test_no_lift_takes_no_number_of_people() -> None:
    with pytest.raises(StatsError):
        needed(base=0.5, lift=0.0)
