"""Cohorts and funnels, by hand and against counting person by person."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.errors import MeasureError
from aimwell.measure.retention import cohort_rows, cohorts, funnel
from aimwell.stats.intervals import wilson
from shop import add_events, add_orders, day, make_stores


def test_cohorts_by_hand() -> None:
    jan, feb, mar = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
    counts = {(jan, jan): 10, (jan, mar): 4, (feb, feb): 5, (feb, mar): 5, (mar, mar): 7}
    rows, together = cohort_rows(counts, every="month", today=date(2026, 4, 1))
    assert [(row.starts, row.people) for row in rows] == [(jan, 10), (feb, 5), (mar, 7)]
    assert rows[0].returned == (wilson(0, 10), wilson(4, 10))
    assert rows[1].returned == (wilson(5, 5),)
    assert rows[2].returned == ()
    assert together == (wilson(5, 15), wilson(4, 10))


def test_a_period_that_is_not_over_counts_for_nobody() -> None:
    jan, feb = date(2026, 1, 1), date(2026, 2, 1)
    rows, together = cohort_rows(
        {(jan, jan): 3, (jan, feb): 1, (feb, feb): 2}, every="month", today=date(2026, 2, 20)
    )
    assert [row.starts for row in rows] == [jan]
    assert rows[0].returned == together == ()


@pytest.mark.parametrize(
    ("every", "start", "later"),
    [
        ("week", date(2026, 1, 5), date(2026, 1, 12)),
        ("month", date(2026, 12, 1), date(2027, 1, 1)),
        ("quarter", date(2026, 10, 1), date(2027, 1, 1)),
    ],
)
def test_periods_follow_each_other(every: str, start: date, later: date) -> None:
    rows, _together = cohort_rows(
        {(start, start): 2, (start, later): 1},
        every=every,
        today=later + timedelta(days=92),  # type: ignore[arg-type]
    )
    assert rows[0].returned[0] == wilson(1, 2)


def test_cohorts_of_a_workspace_end_where_its_orders_do(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="UTC")
    with pytest.raises(MeasureError, match="no cohorts yet"):
        cohorts(stores, until=day(300))
    add_orders(
        stores,
        [
            {"customer": "ann", "order_id": "1", "ordered_at": day(3), "revenue": 5},
            {"customer": "ann", "order_id": "2", "ordered_at": day(40), "revenue": 5},
            {"customer": "bob", "order_id": "3", "ordered_at": day(4), "revenue": 5},
            {"customer": "cat", "order_id": "4", "ordered_at": day(62), "revenue": 5},
        ],
    )
    found = cohorts(stores, until=day(300))
    assert [(str(row.starts), row.people) for row in found.rows] == [("2026-01-01", 2)]
    assert found.rows[0].returned == (wilson(1, 2),), "March, where orders end, is not over"
    assert found.until == day(62)
    stores.close()


STEPS = ("Seen", "Added", "Added", "Bought")


def by_hand(events: list[tuple[str, str, int]], until: int, within: int) -> list[int]:
    """Person by person: from the first of the first step on, each next step as soon as it comes."""
    counts = [0] * len(STEPS)
    for person in {who for who, _event, _at in events}:
        mine = sorted((at, event) for who, event, at in events if who == person)
        began = next((at for at, event in mine if event == STEPS[0]), None)
        if began is None or began >= until - within:
            continue
        counts[0] += 1
        now = began
        for place in range(1, len(STEPS)):
            again = STEPS[place] == STEPS[place - 1]
            times = [
                at
                for at, event in mine
                if event == STEPS[place]
                and at <= began + within
                and (at > now or (at == now and not again))
            ]
            if not times:
                break
            now = times[0]
            counts[place] += 1
    return counts


@settings(max_examples=12, deadline=None)
@given(
    events=st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob", "cat", "dan"]),
            st.sampled_from(sorted(set(STEPS))),
            st.integers(1, 30),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_a_funnel_counts_as_going_through_each_person_does(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str, int]]
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    add_events(
        stores,
        [{"customer": who, "event": event, "occurred_at": day(at)} for who, event, at in events],
    )
    expected = by_hand(events, until=25, within=7)
    try:
        if not expected[0]:
            with pytest.raises(MeasureError, match="Nobody did 'Seen'"):
                funnel(stores, STEPS, until=day(25), within_days=7)
            return
        found = funnel(stores, STEPS, until=day(25), within_days=7)
    finally:
        stores.close()
    assert [step.people for step in found.steps] == expected
    assert found.steps[1].of_first == wilson(expected[1], expected[0])


def test_a_funnel_that_cannot_be_is_refused(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    with pytest.raises(MeasureError, match="2 to 12 steps"):
        funnel(stores, ["Seen"], until=day(10))
    with pytest.raises(MeasureError, match="positive"):
        funnel(stores, ["Seen", "Bought"], until=day(10), within_days=0)
    stores.close()
