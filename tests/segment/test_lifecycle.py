"""The life cycle: stages by the shop's own rhythm, flows month by month, and the page that shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aimwell.definitions.leaves.lifecycle import LIFE_STAGES
from aimwell.errors import SegmentError
from aimwell.history.moment import open_moment
from aimwell.segment.flows import Flow, flows, month_starts
from aimwell.segment.flows_page import flows_html, flows_sentence
from aimwell.segment.lifecycle import ACTIVE_DAYS, LAPSED_DAYS, Rhythm, lifecycle, rhythm
from aimwell.store.stores import Stores
from shop import add_orders, add_people, day, make_stores, origin


def bought(customer: str, *days: float, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "customer": customer,
            "order_id": f"{customer} {at}",
            "ordered_at": day(at),
            "revenue": 5,
            **more,
        }
        for at in days
    ]


def stages(stores: Stores, at: float) -> dict[str, str]:
    with open_moment(stores, as_of=day(at)) as moment:
        return {row["profile_id"]: row["stage"] for row in lifecycle(moment).to_pylist()}


def test_with_few_returns_the_usual_limits_hold_and_everybody_stands_at_one_stage(
    tmp_path: Path,
) -> None:
    stores = make_stores(tmp_path)
    gone = bought("gone", 10)
    add_people(stores, [{"customer": "prospect", "first_seen_at": day(1)}])
    add_orders(
        stores,
        [
            *bought("lapsed", 10),
            *bought("lapsing", 10, 150),
            *bought("new", 200),
            *bought("active", 100, 160, 220),
            *bought("back", 10, 220),
            *gone,
            {
                **gone[0],
                "order_id": "R",
                "kind": "return",
                "original_order_id": "gone 10",
                "ordered_at": day(12),
            },
        ],
    )
    assert stages(stores, 250) == {
        origin(stores, name): stage
        for name, stage in {
            "prospect": "prospect",
            "gone": "prospect",
            "lapsed": "lapsed",
            "lapsing": "lapsing",
            "new": "new",
            "active": "active",
            "back": "reactivated",
        }.items()
    }
    # Exactly on the limit one is still what one was; a moment later no more.
    assert stages(stores, 10 + ACTIVE_DAYS)[origin(stores, "lapsed")] == "new"
    assert stages(stores, 10.001 + ACTIVE_DAYS)[origin(stores, "lapsed")] == "lapsing"
    assert stages(stores, 10 + LAPSED_DAYS)[origin(stores, "lapsed")] == "lapsing"
    assert stages(stores, 10.001 + LAPSED_DAYS)[origin(stores, "lapsed")] == "lapsed"
    # What comes later is not seen.
    assert stages(stores, 210)[origin(stores, "back")] == "lapsed"
    stores.close()


def test_the_rhythm_is_that_of_people_and_not_of_the_few_who_come_daily(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    orders = [row for n in range(39) for row in bought(f"monthly {n}", n, n + 30)]
    orders += bought("seldom", 0, 150)
    orders += bought("daily", *range(200))
    orders += bought("daily", *[n + 0.5 for n in range(0, 200, 7)], shop_id="2")  # twice on a day
    add_orders(stores, orders)
    with open_moment(stores, as_of=day(300)) as moment:
        found = rhythm(moment)
    assert found == Rhythm(
        gaps=39 + 1 + 199,
        buyers=41,
        median_days=30,
        active_days=30,
        lapsed_days=31,
        loyal_orders=3,
    )
    assert found.learned
    assert "active for 30 days after an order, lapsed after 31" in found.words
    stores.close()


def test_flows_tell_who_went_where_and_add_up(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="Europe/London")
    add_people(stores, [{"customer": "late", "first_seen_at": day(5)}])
    add_orders(
        stores,
        [*bought("late", 100), *bought("one", 3), *bought("back", 0, 200), *bought("x", 170)],
    )
    as_of = day(212)  # 1 August, midnight in UTC, which is one o'clock in London
    with open_moment(stores, as_of=as_of) as moment:
        found = flows(moment, months=12)
        assert found.bounds[0] == datetime(2026, 2, 1, tzinfo=UTC)  # nobody was known before
        assert found.bounds[-2:] == (datetime(2026, 7, 31, 23, tzinfo=UTC), as_of)
        for place in range(len(found.bounds)):
            with open_moment(stores, as_of=found.bounds[place]) as then:
                stood = [row["stage"] for row in lifecycle(then).to_pylist()]
            for stage in LIFE_STAGES:
                assert found.people(place, stage) == stood.count(stage)
                came = [f for f in found.flows if (f.place, f.to_stage) == (place, stage)]
                assert place == 0 or sum(one.people for one in came) == stood.count(stage)
        june, july = 5, 6  # bounds of 1 July and 1 August
        assert Flow(june, None, "new", 1) in found.flows  # x was not known before
        assert Flow(july, "lapsed", "reactivated", 1) in found.flows
        assert found.note is None or "The data begin on 1 January 2026" in found.note
        table = found.table()
        assert sum(table.column("people").to_pylist()) == sum(one.people for one in found.flows)
        marketing = flows(moment, months=2, kind="marketing")
        assert marketing.people(2, "retention") == 3
    stores.close()


def test_a_month_begins_at_the_firms_midnight() -> None:
    as_of = datetime(2026, 4, 1, tzinfo=UTC)
    assert month_starts(as_of, 2, "Europe/London") == [
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 31, 23, tzinfo=UTC),
        as_of,
    ]
    assert month_starts(as_of, 1, "America/New_York") == [
        datetime(2026, 3, 1, 5, tzinfo=UTC),
        as_of,
    ]


def test_without_people_or_with_absurd_months_it_says_so(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    with open_moment(stores, as_of=day(5)) as moment:
        with pytest.raises(SegmentError, match="Nobody was known"):
            flows(moment)
        with pytest.raises(SegmentError, match="1 to 60"):
            flows(moment, months=0)
    stores.close()


def test_one_is_a_prospect_and_several_are_prospects(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(stores, bought("one", 3))
    add_people(stores, [{"customer": name, "first_seen_at": day(1)} for name in ("p1", "p2")])
    with open_moment(stores, as_of=day(212)) as moment:
        said = flows_sentence(flows(moment, months=1), ZoneInfo("UTC"))
    assert said.startswith("3 people: 2 prospects and 1 ")
    stores.close()


def test_the_page_draws_every_flow_and_has_every_figure_as_text(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(stores, [*bought("one", 3), *bought("back", 3, 200), *bought("x", 170)])
    for kind in ("life", "marketing"):
        with open_moment(stores, as_of=day(212)) as moment:
            found = flows(moment, months=12, kind=kind)
        page = flows_html(found, now=day(212), timezone="Europe/London")
        moved = [one for one in found.flows if one.from_stage is not None]
        assert page.count('class="ribbon') == len(moved)
        assert "<script" not in page
        for one in moved:
            assert f"{one.from_stage} → {one.to_stage}</th>" in page
        assert "not known before → " in page
        assert page == flows_html(found, now=day(212), timezone="Europe/London")
    stores.close()
