"""Campaigns replayed on a workspace: by what was known then, together, and without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from aimwell.decide.replay_service import replay
from aimwell.decide.stored import list_plans
from aimwell.errors import DecideError, UnknownDefinitionError
from aimwell.store.stores import Stores
from campaigns import DOCUMENTS, NOW, apply, planned, set_up
from command import command_in
from own_times import schedule, shop
from shop import add_orders, add_touches, day, make_stores

RECENT = {
    "kind": "segment",
    "name": "recent",
    "rule": {"event": "Order Completed", "count": {"at_least": 1}, "within": "4d"},
}
LATE = {**DOCUMENTS["spring"], "name": "late", "audience": {"segment": "recent"}, "priority": 20}
POLICY = {"kind": "contact_policy", "name": "default", "gap": "2d"}


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Stores]:
    opened = make_stores(tmp_path, margin_default=0.4)
    yield opened
    opened.close()


def test_each_round_is_by_what_was_known_then(lite: Stores) -> None:
    set_up(lite, 90, recent=RECENT, spring={"audience": {"segment": "recent"}})
    asked = {"now": day(60), "as_of": day(58), "times": 4, "every": timedelta(days=2)}
    found = replay(lite, ["spring"], **asked)
    # Ten people ordered on each of the days 50 to 58: of a moment's four days, those that had come by then.
    assert [one.audience for one in found.rounds] == [20, 40, 40, 40]
    assert [one.new for one in found.rounds] == [None, 20, 20, 20]
    add_orders(lite, [{"customer": "new", "order_id": "new", "ordered_at": day(59), "revenue": 5}])
    assert replay(lite, ["spring"], **asked).rounds == found.rounds
    assert list_plans(lite.control) == []


def test_windows_that_are_over_tell_what_could_be_found(lite: Stores) -> None:
    set_up(
        lite, 90, spring={"goal": {"event": "Order Completed", "value": "revenue", "window": "4d"}}
    )
    again = [
        {"customer": f"c{n:05}", "order_id": f"again-{n}", "ordered_at": day(57), "revenue": 5 + n}
        for n in range(8)
    ]
    add_orders(lite, again)
    first, last = replay(lite, ["spring"], now=NOW, times=2, every=timedelta(days=5)).rounds
    assert first.bought_share is not None
    assert first.bought_share * first.audience > 0
    assert first.detectable[0].difference is not None
    assert (last.bought_share, last.reason) == (None, "the window is not over")
    assert first.cost == pytest.approx(0.02 * first.treated)
    assert sum(first.actions.values()) == first.treated


def test_of_campaigns_together_the_lower_gives_way(lite: Stores) -> None:
    set_up(lite, 90, recent=RECENT, late=LATE, default=POLICY)
    found = replay(lite, ["late", "spring"], now=NOW, as_of=day(58), times=1)
    spring, late = found.rounds
    assert (spring.campaign, late.campaign) == ("spring", "late")
    # Whom the higher one wrote to has no slot left; whom it held out has.
    assert late.refused["too_soon"] + late.treated + late.held_out == late.audience
    assert late.refused["too_soon"] > 0
    (pair,) = found.overlaps
    assert (pair.both, pair.of_second) == (late.audience, late.audience)
    assert found.fatigue.most_in_28_days == 1
    alone = replay(lite, ["late"], now=NOW, as_of=day(58), times=1).rounds[0]
    assert "too_soon" not in alone.refused
    assert alone.treated > late.treated


def test_a_plan_is_replayed_at_its_own_moment(lite: Stores) -> None:
    set_up(lite, 30)
    made = planned(lite)
    found = replay(lite, ["latest:spring"], now=NOW + timedelta(days=9), times=1)
    (one,) = found.rounds
    assert one.moment == made.as_of
    assert (one.treated, one.held_out) == (made.summary["treated"], made.summary["control"])


def test_what_cannot_be_replayed_is_said(lite: Stores) -> None:
    set_up(lite, 5)
    with pytest.raises(UnknownDefinitionError, match="spring"):
        replay(lite, ["sprin"], now=NOW)
    with pytest.raises(DecideError, match="named twice"):
        replay(lite, ["spring", "spring"], now=NOW)
    with pytest.raises(DecideError, match="in the future"):
        replay(lite, ["spring"], now=NOW, as_of=NOW + timedelta(days=1))


def test_times_are_those_that_would_have_been_told_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The campaign's model was trained on the last day; the rounds before know nothing of what it learnt since."""
    stores, names = shop(tmp_path, 160, spring=schedule())
    asked = {"now": NOW, "as_of": NOW - timedelta(days=1), "times": 2, "every": timedelta(days=7)}
    found = replay(stores, ["spring"], **asked)
    for one in found.rounds:
        assert one.timing is not None
        assert one.timing["own"] > 30
        assert one.timing["held"] > 10
        # The stated noon of the day, the evening after it, the next morning; nothing of the day on which it was to be sent.
        assert set(one.timing["hours"]) == {"06", "12", "18"}
    late = {"event": "Email Clicked", "channel": "email", "occurred_at": NOW - timedelta(hours=20)}
    add_touches(stores, [{**late, "customer": name} for name in names for _ in range(9)])
    assert replay(stores, ["spring"], **asked).rounds == found.rounds
    run = command_in(stores.root, monkeypatch, capsys)
    printed = run("decide", "simulate", "spring", "--as-of", "2026-03-01", "--times", "2").out
    assert "at own times" in printed
    assert "own channel known" not in printed
    assert "random hour" not in printed
    apply(stores, spring=schedule(random=0.3))
    printed = run("decide", "simulate", "spring", "--as-of", "2026-03-01", "--times", "1").out
    assert "at a random hour" in printed
    early = replay(stores, ["spring"], now=NOW, as_of=day(12), times=1)
    assert early.rounds[0].timing is None
    assert "2026-01-13 too little was known" in early.notes[-1]
    stores.close()
