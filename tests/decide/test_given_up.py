"""Plans that give a predicted time or channel up by themselves, and the random hours by which times are explored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from aimwell.decide.channel_choice import channel_rules
from aimwell.decide.channel_worth import channel_worth
from aimwell.decide.model import Plan
from aimwell.decide.policies.candidates import constant_candidates
from aimwell.decide.policies.judging import judge_policies
from aimwell.decide.stored import places
from aimwell.decide.timing_worth import judge_random, judge_timing, timing_worth
from aimwell.decide.uplift.data import ExperimentData
from aimwell.decide.uplift.reading import read_experiment
from aimwell.definitions.kinds.campaign import Action
from aimwell.errors import DefinitionError
from aimwell.store.stores import Stores
from campaigns import NOW, apply, executed, planned
from command import command_in
from own_times import LATER, NOON, schedule, shop
from predicted_trials import ACTIONS, MEAN, channels, times
from shop import add_orders, origin

WORSE = {"own": 0.0, "held": 30.0, "random": 15.0}
"""What people spend more at each time: the predicted one is the worst."""


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, Plan]]:
    """A plan that went out at own times, stated ones and random hours."""
    path = tmp_path_factory.mktemp("harmed")
    stores, names = shop(path, 400, spring=schedule(random=0.3))
    sent = executed(stores)
    by_profile = {origin(stores, name): name for name in names}
    rng = np.random.default_rng(5)
    add_orders(
        stores,
        [
            {
                "customer": by_profile[place.profile_id],
                "order_id": f"after-{place.profile_id}",
                "ordered_at": NOW + timedelta(days=4),
                "revenue": round(
                    60.0 + 5 * rng.standard_normal() + WORSE.get(place.timing or "", 0.0), 2
                ),
            }
            for place in places(stores.control, sent.plan_id)
        ],
    )
    yield stores, sent
    stores.close()


def timings(stores: Stores, made: Plan) -> dict[str, str | None]:
    return {
        one.profile_id: one.timing
        for one in places(stores.control, made.plan_id, arms=("treatment",))
    }


def test_random_hours_are_spread_evenly_within_the_while(harmed: tuple[Stores, Plan]) -> None:
    stores, sent = harmed
    drawn = [
        one.send_at
        for one in places(stores.control, sent.plan_id, arms=("treatment",))
        if one.timing == "random"
    ]
    hours = Counter(at.hour for at in drawn if at is not None)
    assert 50 < len(drawn) < 110
    # Blocks of three hours; that of the stated noon is due at once.
    assert set(hours) == {0, 3, 6, 9, 12, 15, 18, 21}
    assert max(hours.values()) < 4 * min(hours.values()) + 8
    assert all(at is not None and NOON <= at < NOON + timedelta(days=1) for at in drawn)
    hours_told = sent.document["timing"]["random_hours"]
    assert hours_told == {"UTC": ["00", "03", "06", "09", "12", "15", "18", "21"]}


def test_their_probabilities_are_logged(harmed: tuple[Stores, Plan]) -> None:
    stores, sent = harmed
    counts = Counter(timings(stores, sent).values())
    data = read_experiment(stores, "spring:timing", now=LATER).data
    assert data.counts == {
        "control": counts["held"],
        "predicted-time": counts["own"],
        "random-time": counts["random"],
    }
    assert np.allclose(data.propensity, [0.3, 0.4, 0.3])


def test_a_random_hour_is_compared_with_both(
    harmed: tuple[Stores, Plan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stores, _sent = harmed
    found = timing_worth(stores, "spring", now=LATER)
    at_random = found.random[0]
    for estimate, truth in ((at_random.over_stated, -7.5), (at_random.predicted_over, -7.5)):
        assert estimate.lower is not None
        assert estimate.upper is not None
        assert estimate.lower < truth < estimate.upper
        assert estimate.upper - estimate.lower < 4
    # What it is told by is not the random hours: of two arms, as where nobody had one.
    assert found.arms.keys() == {"the stated time", "the predicted time"}
    run = command_in(stores.root, monkeypatch, capsys)
    printed = run("decide", "timing", "spring").out
    assert "does not pay" in printed
    assert "a random hour" in printed
    assert run("decide", "timing", "spring", "--json").json["random"][0]["outcome"] == "margin"


def test_a_time_that_does_not_pay_is_given_up_but_for_the_share_that_tests_it(
    harmed: tuple[Stores, Plan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stores, sent = harmed
    before = timings(stores, sent)
    again = executed(stores, now=LATER)
    after = timings(stores, again)
    told = again.summary["timing"]
    assert told["given_up"]
    assert told["verdict"] == "does not pay"
    assert (told["test"], told["random"]) == (pytest.approx(0.4), pytest.approx(0.3))
    assert again.document["timing"]["given_up"]
    # Nobody but some of those who were at their own time is anywhere else now.
    for person in before.keys() & after.keys():
        assert after[person] == before[person] or (before[person], after[person]) == ("own", "held")
    counts = Counter(after.values())
    assert 60 < counts["own"] < 140
    data = read_experiment(
        stores, "spring:timing", now=LATER + timedelta(days=20), plan_id=again.plan_id
    ).data
    assert np.allclose(data.propensity, [0.4, 0.3, 0.3])
    printed = command_in(stores.root, monkeypatch, capsys)("decide", "explain", "latest:spring").out
    assert "The predicted time does not pay" in printed
    assert "as the predicted one is given up" in printed


def test_what_a_gain_must_be_is_the_campaigns_to_say(harmed: tuple[Stores, Plan]) -> None:
    stores, _sent = harmed
    apply(stores, spring=schedule(random=0.3, gain=0.5))
    assert timing_worth(stores, "spring", now=LATER).outcomes[0].choice.worth == 0.5
    assert timing_worth(stores, "spring", now=LATER, worth=2.0).outcomes[0].choice.worth == 2.0
    apply(stores, spring=schedule(random=0.3))
    assert 2.1 < timing_worth(stores, "spring", now=LATER).outcomes[0].choice.worth < 2.4


def test_shares_that_do_not_fit_are_refused(harmed: tuple[Stores, Plan]) -> None:
    stores, _sent = harmed
    with pytest.raises(DefinitionError, match="at most 1 together"):
        apply(stores, spring=schedule(test=0.6, random=0.5))
    with pytest.raises(DefinitionError, match="set test above 0"):
        apply(stores, spring=schedule(test=0, random=0.5))


def test_nothing_is_given_up_before_anything_was_measured(harmed: tuple[Stores, Plan]) -> None:
    stores, _sent = harmed
    told = planned(stores, now=NOW + timedelta(hours=1), trial=True).summary["timing"]
    assert (told["given_up"], told["verdict"], told["words"]) == (False, None, "")


def three_times(people: int, seed: int) -> ExperimentData:
    """Half of those at the predicted time are at a random hour instead, where a tenth fewer buy."""
    data = times(people, 0.1, seed)
    rng = np.random.default_rng(seed + 1)
    random = (data.arm == 1) & (rng.random(people) < 0.5)
    arm = np.where(random, 2, data.arm)
    lost = random & (rng.random(people) < 0.1 / 0.3)
    return ExperimentData(
        names=data.names,
        features=data.features,
        arms=("control", "predicted-time", "random-time"),
        arm=arm,
        propensity=np.tile([0.3, 0.35, 0.35], (people, 1)),
        outcomes={"margin": np.where(lost, 0.0, data.outcomes["margin"])},
    )


def test_intervals_of_a_random_hour_cover_what_it_earns() -> None:
    covered = []
    for run in range(40):
        data = three_times(1_500, run)
        gain = judge_random(data, "margin", seed=run).predicted_over
        # Of each who buys at the predicted time a third would not at a random hour.
        truth = 0.3 / 3 * MEAN
        assert gain.lower is not None
        assert gain.upper is not None
        covered.append(gain.lower <= truth <= gain.upper)
    assert np.mean(covered) >= 0.87


def test_a_gain_that_is_ruled_out_is_enough_to_give_up_a_time_that_brings_nothing() -> None:
    data = times(60_000, 0.0, 3)
    assert judge_timing(data, "margin", worth=1e-9).choice.verdict == "cannot tell"
    assert judge_timing(data, "margin", worth=1.0).choice.verdict == "does not pay"


def told_of_channels(worth: float, people: int) -> str:
    data, _mine = channels(people, worth, 4)
    judgement = judge_policies(
        data,
        data.outcome("margin"),
        (*constant_candidates(data.arms), *channel_rules(ACTIONS, data.arms)),
    )
    found = channel_worth(judgement, ACTIONS, gain=1.0, seed=0)
    assert found is not None
    assert found.given_up == (found.offers["ten"].verdict == "does not pay")
    return " ".join(found.words)


def test_a_channel_is_given_up_where_a_gain_is_ruled_out() -> None:
    assert "does not pay" in told_of_channels(0.0, 40_000)
    assert "pays: +" in told_of_channels(0.2, 20_000)
    assert "cannot tell yet" in told_of_channels(0.0, 1_500)


def test_no_channel_is_given_up_while_the_log_cannot_tell_of_every_offer() -> None:
    data, _mine = channels(40_000, 0.0, 4)
    other = [
        Action.model_validate(
            {"offer": "new", "channel": name, "template": "t", "name": f"new-{name}"}
        )
        for name in ("email", "sms")
    ]
    few = np.zeros((len(data), 2))
    few[:] = 10 / len(data)
    arm = data.arm.copy()
    arm[:20] = np.repeat([3, 4], 10)
    both = replace(
        data,
        arms=(*data.arms, "new-email", "new-sms"),
        arm=arm,
        propensity=np.column_stack([data.propensity * (1 - 20 / len(data)), few]),
    )
    actions = [*ACTIONS, *other]
    judgement = judge_policies(
        both,
        both.outcome("margin"),
        (*constant_candidates(both.arms), *channel_rules(actions, both.arms)),
    )
    found = channel_worth(judgement, actions, gain=1.0, seed=0)
    assert found is not None
    assert {offer: one.verdict for offer, one in found.offers.items()} == {"ten": "does not pay"}
    assert not found.given_up
    assert "'new' through the predicted channel: The log cannot tell" in found.words[1]


@pytest.mark.parametrize(("value", "words"), [(0.0, "nobody did"), (1.0, "everybody did")])
def test_an_outcome_that_all_have_or_nobody_has_is_said_to_be_so(value: float, words: str) -> None:
    data = times(200, 0.0, 1)
    same = replace(data, outcomes={"bought": np.full(len(data), value)})
    found = judge_timing(same, "bought")
    assert found.choice.verdict == "cannot tell", "a plan would give the time up"
    assert found.sentence == f"bought: {words} at either time, so it cannot tell them apart."
