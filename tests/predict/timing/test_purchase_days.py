"""The queries of purchase days, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from aimwell.history.moment import Moment, open_moment
from aimwell.predict.timing.purchase_days import (
    gap_counts,
    items_bought,
    next_days,
    purchase_gaps,
    wait_counts,
    waits,
)
from aimwell.store.sql import sql
from shop import add_orders, day, make_stores

END = sql(":until", until=date(2026, 1, 31))


@pytest.fixture
def moment(tmp_path: Path) -> Iterator[Moment]:
    stores = make_stores(tmp_path, timezone="UTC")
    add_orders(
        stores,
        [
            {"customer": who, "order_id": f"{who}{at}", "ordered_at": day(at), "lines": lines}
            for who, at, lines in (
                ("ann", 0.5, [("soap", 1, 3), ("mug", 1, 5)]),
                ("ann", 0.7, [("soap", 2, 3)]),
                ("ann", 10.5, [("soap", 1, 3)]),
                ("ann", 14.5, [("soap", 1, 3)]),
                ("bob", 20.5, [("mug", 1, 5)]),
            )
        ],
    )
    with open_moment(stores, as_of=day(31)) as opened:
        opened.session.materialise("purchase_gaps", purchase_gaps(items_bought("product", "UTC")))
        yield opened
    stores.close()


def test_gaps_are_between_days_of_one_person_and_item(moment: Moment) -> None:
    (row,) = moment.session.table(waits(END, 1)).to_pylist()
    assert (row["item"], row["gaps"], row["waited"], row["median_gap"]) == ("soap", 2, 16, 7)
    assert row["log_sum"] == pytest.approx(np.log(40), abs=1e-8)
    assert row["log_squares"] == pytest.approx(np.log(10) ** 2 + np.log(4) ** 2, abs=1e-8)
    assert row["last_day"] == date(2026, 1, 15)


def test_who_bought_once_is_counted_by_the_wait(moment: Moment) -> None:
    assert moment.session.rows(wait_counts(END)) == [("mug", 10.0, 1.0), ("mug", 30.0, 1.0)]


def test_gaps_are_counted_from_a_purchase_on(moment: Moment) -> None:
    assert moment.session.rows(gap_counts(1)) == [(4, 1.0), (10, 1.0)]
    assert moment.session.rows(gap_counts(2)) == [(4, 1.0)]


def test_the_first_of_later_days_counts(moment: Moment) -> None:
    rows = moment.session.rows(next_days(items_bought("product", "UTC")))
    assert {(item, when) for _who, item, when in rows} == {
        ("soap", date(2026, 1, 1)),
        ("mug", date(2026, 1, 1)),
        ("mug", date(2026, 1, 21)),
    }
