"""What people did as numbers: by hand, from a workspace, and padded."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from aimwell.history.moment import TIME_COLUMNS, open_moment
from aimwell.predict.deep.acts import PURCHASE, act_names, latest_acts, people_acts
from aimwell.predict.deep.sequences import Reading, Sequences, sequences_of
from aimwell.predict.timing.waits import Waits
from aimwell.store.sql import sql
from shop import add_events, add_orders, add_touches, day, make_stores, origin

HOW = Reading(names=(PURCHASE, "Product Viewed"), most=4, revenue_scale=10.0, seasonal=False)


def acts(rows: list[tuple[str, str, float, float, float]]) -> pa.Table:
    names = ("profile_id", "event", "ago", "acts", "revenue")
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def two_people(how: Reading = HOW) -> Sequences:
    table = acts(
        [
            ("a", "Product Viewed", 9, 3, 0),
            ("a", PURCHASE, 9, 1, 90),
            ("a", "Email Opened", 2, 1, 0),
            ("b", PURCHASE, 5, 2, -4),
        ]
    )
    waits = Waits(
        np.array([0.0, 3]), np.array([0.0, 2]), np.array([0.0, 3]), np.array([9.0, 5]), np.ones(2)
    )
    return sequences_of(table, waits, date(2026, 7, 1), how)


def test_acts_become_numbers() -> None:
    rows = two_people()
    assert rows.event.tolist() == [3, 2, 1, 2]
    assert rows.lengths.tolist() == [3, 1]
    days = np.expm1(rows.numbers[:, :3].astype(float) * 5)
    assert days == pytest.approx(np.array([[0, 9, 3], [0, 9, 1], [7, 2, 1], [0, 5, 2]]), rel=1e-5)
    assert rows.numbers[:, 3] == pytest.approx(np.log1p([0, 9, 0, 0]), rel=1e-6)
    assert not rows.numbers[:, 4:].any()
    assert rows.person[:, 2].tolist() == [1, 0]
    assert rows.person[1, 4] == pytest.approx(1)


def test_the_time_of_the_year_is_told_where_it_was_seen_twice() -> None:
    told = two_people(Reading(HOW.names, 4, 10.0, seasonal=True)).numbers[:, 4:]
    assert (told**2).sum(axis=1) == pytest.approx(np.ones(4))
    # The last days of June are half a year from New Year.
    assert told[2] == pytest.approx([0.05, -1], abs=0.05)


def test_padding_stands_behind_and_is_nothing() -> None:
    block = two_people().padded(np.array([1, 0]), length=5)
    assert block.event.tolist() == [[2, 0, 0, 0, 0], [3, 2, 1, 0, 0]]
    assert block.length.tolist() == [1, 3]
    assert not block.numbers[0, 1:].any()
    assert not block.numbers[1, 3:].any()


def test_joined_people_are_those_of_the_parts() -> None:
    one = two_people()
    both = Sequences.joined([one, one])
    assert both.lengths.tolist() == [3, 1, 3, 1]
    again, first = both.padded(np.array([2, 3])), one.padded(np.array([0, 1]))
    assert again.event.tolist() == first.event.tolist()
    assert again.numbers.tolist() == first.numbers.tolist()


def test_what_is_read_of_a_workspace(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    orders = [("ann", 1, 10), ("ann", 9, 20), ("ann", 9, 5), ("bob", 3, 7)]
    add_orders(
        opened,
        [
            {"customer": who, "order_id": str(n), "ordered_at": day(at + 0.5), "revenue": value}
            for n, (who, at, value) in enumerate(orders)
        ],
    )
    seen = [
        ("ann", "Product Viewed", 9.1),
        ("ann", "Product Viewed", 9.2),
        ("cat", "Product Viewed", 9),
    ]
    seen += [("ann", "Order Completed", 9.5), ("ann", "Product Viewed", 30)]
    add_events(
        opened,
        [{"customer": who, "event": event, "occurred_at": day(at)} for who, event, at in seen],
    )
    touches = [("ann", 8.0, False), ("ann", 8.1, True)]
    add_touches(
        opened,
        [
            {"customer": who, "event": "Email Opened", "occurred_at": day(at), "machine": machine}
            for who, at, machine in touches
        ],
    )
    with open_moment(opened, as_of=day(11), snapshot=opened.lake.pin(*TIME_COLUMNS)) as moment:
        moment.session.materialise("people_acts", people_acts("UTC"))
        found = moment.session.table(
            latest_acts(sql(":until", until=day(10).date()), 3)
        ).to_pylist()
        names = [row[0] for row in moment.session.rows(act_names(5))]
    whose = origin(opened, "ann")
    # Ann's first order is the fourth from the end; Cat never bought; the view of day 30 is not yet known.
    rows = [tuple(row.values())[1:] for row in found if row["profile_id"] == whose]
    assert rows == [("Email Opened", 2, 1, 0), ("Product Viewed", 1, 2, 0), (PURCHASE, 1, 2, 25)]
    assert {row["profile_id"] for row in found} == {whose, origin(opened, "bob")}
    assert sorted(names) == ["Email Opened", "Product Viewed"]
    opened.close()
