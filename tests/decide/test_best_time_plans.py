"""Plans that write to each person when they act: who is due when, who is kept at the stated time, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from aimwell.decide.model import Plan
from aimwell.decide.service import plan
from aimwell.decide.stored import places
from aimwell.decide.timing_worth import timing_worth
from aimwell.decide.uplift.reading import read_experiment
from aimwell.errors import DecideError, DefinitionError, PredictError
from aimwell.measure.experiments.service import measure_experiment
from aimwell.store.stores import Stores
from campaigns import NOW, add_sent, apply, executed, planned, set_up
from command import Run, command_in
from own_times import EVENING, LATER, MORNING, NOON, STRANGERS, schedule, shop
from shop import add_orders, make_stores, origin

PEOPLE = 360


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, list[str], Plan]]:
    """A plan that went out; who was written to at the own time bought for 30 more on the average."""
    stores, names = shop(tmp_path_factory.mktemp("times"), PEOPLE, spring=schedule())
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
                    60.0 + 5 * rng.standard_normal() + 30.0 * (place.timing == "own"), 2
                ),
            }
            for place in places(stores.control, sent.plan_id)
        ],
    )
    yield stores, names, sent
    stores.close()


@pytest.fixture
def run(
    made: tuple[Stores, list[str], Plan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    return command_in(made[0].root, monkeypatch, capsys)


def test_owls_are_due_in_the_evening_larks_in_the_morning_strangers_when_it_is_stated(
    made: tuple[Stores, list[str], Plan],
) -> None:
    stores, names, sent = made
    own: dict[str, datetime] = {
        origin(stores, name): MORNING if number % 2 else EVENING
        for number, name in enumerate(names)
        if number >= STRANGERS
    }
    seen = Counter[str | None]()
    for place in places(stores.control, sent.plan_id):
        seen[place.timing] += 1
        if place.arm != "treatment":
            assert (place.timing, place.send_at) == (None, None)
            continue
        time = own.get(place.profile_id)
        assert place.timing == "stated" if time is None else place.timing in ("own", "held")
        assert place.send_at == (time if place.timing == "own" else NOON)
    assert 45 < seen["held"] < 110
    assert seen["own"] > 110
    assert seen["everybody"] == 0


def test_explain_tells_how_many_at_which_time_and_the_plan_by_what(
    made: tuple[Stores, list[str], Plan], run: Run
) -> None:
    stores, _names, sent = made
    told, counts = (
        sent.summary["timing"],
        Counter(
            place.timing for place in places(stores.control, sent.plan_id, arms=("treatment",))
        ),
    )
    assert {name: told[name] for name in ("own", "held", "everybody")} == {
        name: counts[name] for name in ("own", "held", "everybody")
    }
    assert told["stated"] == {"unknown": counts["stated"], "same": 0, "outside": 0}
    assert set(told["hours"]) == {"06", "12", "18"}
    assert sum(told["hours"].values()) == sent.summary["treated"]
    assert told["hours"]["12"] == counts["held"] + counts["stated"]
    assert sent.document["timing"] == {
        "model": "acts-at@1",
        "as_of": NOW.isoformat(),
        "within_hours": 24.0,
        "otherwise": "stated",
        "test": 0.3,
        "random": 0.0,
        "random_hours": {},
        "given_up": False,
    }
    printed = run("decide", "explain", "latest:spring").out
    assert "at their own time" in printed
    assert "by acts-at@1 within 24 hours" in printed


def test_messages_wait_for_their_time(made: tuple[Stores, list[str], Plan]) -> None:
    stores, _names, sent = made
    with stores.read_control() as connection:
        rows = connection.exec_driver_sql("SELECT profile_id, due_at FROM messages").all()
    due = {row[0]: str(row[1])[:13] for row in rows}
    assert due == {
        place.profile_id: f"{place.send_at:%Y-%m-%d %H}"
        for place in places(stores.control, sent.plan_id, arms=("treatment",))
    }


def test_chance_is_logged_as_an_experiment_of_its_own(
    made: tuple[Stores, list[str], Plan],
) -> None:
    stores, _names, sent = made
    read = read_experiment(stores, "spring:timing", now=LATER, horizon_days=14)
    counts = Counter(place.timing for place in places(stores.control, sent.plan_id))
    assert read.data.counts == {"control": counts["held"], "predicted-time": counts["own"]}
    assert np.allclose(read.data.propensity, [0.3, 0.7])
    # That of the actions is what it was, and the two are not taken for campaigns that overlap.
    assert read_experiment(stores, "spring", now=LATER).data.counts["control"] > 40
    beside = measure_experiment(stores, "spring:timing", now=LATER)
    assert not any("overlap" in words or "'spring'" in words for words in beside.cautions)


def test_what_the_time_earned_is_found(made: tuple[Stores, list[str], Plan], run: Run) -> None:
    stores, _names, _sent = made
    found = timing_worth(stores, "spring", now=LATER)
    first = found.outcomes[0]
    gain = first.choice.gain
    assert first.outcome == "margin"
    assert first.choice.verdict == "personalise"
    assert gain.lower is not None
    assert gain.upper is not None
    assert gain.lower < 15.0 < gain.upper
    assert gain.upper - gain.lower < 4.0
    # Everybody bought, so of that nothing differs.
    assert found.outcomes[1].choice.verdict != "personalise"
    assert "The predicted time pays" in run("decide", "timing", "spring").out
    told = run("decide", "timing", "spring", "--json").json
    assert told["outcomes"][0]["verdict"] == "personalise"
    assert told["outcomes"][0]["predicted"]["ips"]["estimate"] == pytest.approx(45, abs=4)


def test_before_its_window_is_over_nothing_is_told(
    made: tuple[Stores, list[str], Plan], run: Run
) -> None:
    stores, _names, _sent = made
    with pytest.raises(DecideError, match="window"):
        timing_worth(stores, "spring", now=NOW + timedelta(days=3))
    run("decide", "timing", "winter", code=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores, _names = shop(tmp_path_factory.mktemp("small"), 160)
    yield stores
    stores.close()


def timings(stores: Stores, made: Plan) -> Counter[str | None]:
    return Counter(p.timing for p in places(stores.control, made.plan_id, arms=("treatment",)))


def test_planning_again_deals_the_same_people_out_alike(small: Stores) -> None:
    apply(small, spring=schedule())
    first, again = (
        {p.profile_id: (p.timing, p.send_at) for p in places(small.control, planned(small).plan_id)}
        for _ in range(2)
    )
    assert first == again


def test_strangers_may_be_due_in_everybodys_hours(small: Stores) -> None:
    apply(small, spring=schedule(otherwise="everybody"))
    made = planned(small)
    assert timings(small, made)["everybody"] > 10
    assert made.summary["timing"]["everybody"] == timings(small, made)["everybody"]


def test_who_is_outside_the_while_or_in_quiet_hours_is_due_when_it_is_stated(small: Stores) -> None:
    apply(
        small,
        spring=schedule(within="8h"),
        default={
            "kind": "contact_policy",
            "name": "default",
            "quiet_hours": {"start": "21:00", "end": "09:00"},
        },
    )
    told = planned(small).summary["timing"]
    assert told["own"] > 20
    assert told["stated"]["outside"] > 30
    assert set(told["hours"]) == {"12", "18"}
    apply(small, spring=schedule(within="2h"))
    made = planned(small)
    assert set(timings(small, made)) == {"stated"}
    assert any("Nobody's own time" in words for words in made.summary["warnings"])


def test_the_stated_time_in_quiet_hours_begins_the_while_at_their_end(small: Stores) -> None:
    apply(
        small,
        spring={"schedule": {"at": "2026-03-03T22:00", "best_time": {"within": "2h"}}},
        default={
            "kind": "contact_policy",
            "name": "default",
            "quiet_hours": {"start": "21:00", "end": "07:00"},
        },
    )
    told = planned(small).summary["timing"]
    assert set(told["hours"]) == {"07"}
    assert told["stated"]["same"] > 20


def test_hours_are_those_of_the_persons_zone_and_where_it_is_unknown_the_firms(
    small: Stores,
) -> None:
    stores = small
    apply(stores, spring=schedule(test=0))
    lark, owl = (origin(stores, f"c{number:05}") for number in (101, 102))
    with stores.control.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE profiles SET timezone = 'America/New_York' WHERE profile_id = ?", (lark,)
        )
    due = {p.profile_id: p for p in places(stores.control, planned(stores).plan_id)}
    # 7:30 UTC is 2:30 in New York, where the hours from midnight to 3 begin at 5:00 UTC.
    told = {who: due[who].send_at for who in (lark, owl) if due[who].arm == "treatment"}
    assert told == {
        who: at
        for who, at in ((lark, datetime(2026, 3, 4, 5, tzinfo=UTC)), (owl, EVENING))
        if who in told
    }
    assert told
    with stores.control.begin() as connection:
        connection.exec_driver_sql("UPDATE profiles SET timezone = NULL")


def test_a_share_of_nobody_is_warned_of(small: Stores) -> None:
    apply(small, spring=schedule(test=0))
    made = planned(small)
    assert timings(small, made)["held"] == 0
    assert any("best_time.test" in words for words in made.summary["warnings"])


def test_both_groups_are_asked_for_both_times(small: Stores) -> None:
    """Whom a gap bars at one of the two times is left out whichever chance dealt, or the groups would differ."""
    apply(
        small,
        spring=schedule(test=0.5),
        default={"kind": "contact_policy", "name": "default", "gap": "40h"},
    )
    before = {p.profile_id: p for p in places(small.control, planned(small).plan_id)}
    dealt = [p for p in before.values() if p.timing in ("own", "held")]
    # 37 hours before the stated time, 43 or 55 before their own.
    add_sent(small, [p.profile_id for p in dealt], at=NOW - timedelta(hours=1))
    after = {p.profile_id: p for p in places(small.control, planned(small).plan_id)}
    excluded = {p.profile_id for p in after.values() if p.excluded is not None}
    assert excluded == {p.profile_id for p in dealt}
    with small.control.begin() as connection:
        connection.exec_driver_sql("DELETE FROM messages")


def test_an_unknown_model_or_one_that_has_seen_later_data_is_refused(small: Stores) -> None:
    apply(small, spring=schedule(model="acts-when"))
    with pytest.raises(PredictError, match="acts-at"):
        planned(small)
    apply(small, spring=schedule())
    with pytest.raises(PredictError, match="has seen data"):
        plan(small, "spring", now=NOW, as_of=NOW - timedelta(days=2), trial=True, by="ann")


def test_without_a_model_it_says_how_to_train_one(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    set_up(stores, 20, spring=schedule())
    with pytest.raises(PredictError, match="asks: best-time"):
        planned(stores)
    stores.close()


def test_a_while_that_ends_after_the_goals_window_is_refused(small: Stores) -> None:
    with pytest.raises(DefinitionError, match=r"shorter than goal\.window"):
        apply(small, spring={**schedule(within="3d"), "goal": {"window": "3d"}})
    with pytest.raises(DefinitionError, match="from 1h to 14d"):
        apply(small, spring=schedule(within="30m"))


def test_a_campaign_that_kept_nobody_cannot_be_judged(small: Stores) -> None:
    apply(small, spring={})
    with pytest.raises(DecideError, match="kept a share of people"):
        timing_worth(small, "spring", now=LATER)
