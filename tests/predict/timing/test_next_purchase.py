"""Next purchases of a workspace: by hand, of people and of items, nothing from the future, refusals, and real orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.timing.next_purchase import NextPurchases, next_purchases
from aimwell.store.stores import Stores
from shop import add_orders, add_products, day, make_stores, online_retail, origin

AS_OF = day(300)
EVERY = (10, 20, 40)


def regulars(people: int = 150) -> list[dict[str, object]]:
    """People who buy soap every 10, 20 or 40 days, give or take a fifth, and a mug once."""
    rng = np.random.default_rng(5)
    rows: list[dict[str, object]] = []
    for person in range(people):
        at, number = float(rng.uniform(0, 40)), 0
        while at < 330:
            lines = [("soap", 1, 3)] + ([("mug", 1, 9)] if number == 0 else [])
            rows.append(
                {
                    "customer": f"c{person}",
                    "order_id": f"{person}-{number}",
                    "ordered_at": day(np.floor(at) + 0.5),
                    "lines": lines,
                }
            )
            at += max(1.0, EVERY[person % 3] * float(np.exp(rng.normal(0, 0.2))))
            number += 1
    return rows


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    opened = make_stores(tmp_path_factory.mktemp("timing"), timezone="Europe/Berlin")
    add_orders(opened, regulars())
    add_products(
        opened,
        [
            {"sku": "soap", "name": "Soap, olive", "category": "care"},
            {"sku": "mug", "category": "kitchen"},
        ],
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def found(stores: Stores) -> NextPurchases:
    return next_purchases(stores, as_of=AS_OF, check_days=30)


def test_each_person_has_a_pace_of_their_own(stores: Stores, found: NextPurchases) -> None:
    rows = {row["profile_id"]: row for row in found.people.to_pylist()}
    assert len(rows) == 150
    within: dict[int, list[float]] = {}
    for person in range(150):
        row = rows[origin(stores, f"c{person}")]
        within.setdefault(EVERY[person % 3], []).append(row["within_14"])
        assert row["last_day"] <= found.until < row["next_day"]
        assert row["lower_90"] <= row["lower_50"] <= row["next_day"] <= row["upper_50"]
        assert row["upper_50"] <= row["upper_90"]
        assert row["within_7"] <= row["within_14"] <= row["within_30"] <= row["returns"]
    ten, twenty, forty = (float(np.mean(within[every])) for every in EVERY)
    assert ten > 0.9 > 0.85 > twenty > forty + 0.2


def test_the_last_day_that_was_seen_is_the_firms(found: NextPurchases) -> None:
    # Day 300 begins at midnight UTC, an hour or two into the day of Berlin.
    assert found.until == AS_OF.astimezone(ZoneInfo("Europe/Berlin")).date()
    assert found.until == date(2026, 10, 28)


def test_the_model_beats_everybodys_waits_on_later_days(found: NextPurchases) -> None:
    check = found.check
    assert check is not None
    assert (check.rows, check.verdict) == (150, "better")
    assert check.promises[-1].days == 30
    assert (check.covered_90.estimate or 0) > 0.8


def test_of_items_only_those_bought_again_are_told(stores: Stores) -> None:
    for by, item in (("product", "soap"), ("category", "care")):
        told = next_purchases(stores, as_of=AS_OF, by=by).people
        assert set(told.column("item").to_pylist()) == {item}
        assert told.num_rows == 150
        assert set(told.column("name").to_pylist()) == {"Soap, olive" if by == "product" else None}


def test_nothing_from_the_moment_on_is_seen(tmp_path: Path) -> None:
    rows = regulars(110)
    tables = []
    for name, kept in (("all", rows), ("past", [r for r in rows if r["ordered_at"] < AS_OF])):
        opened = make_stores(tmp_path / name)
        add_orders(opened, kept)
        tables.append(next_purchases(opened, as_of=AS_OF).people)
        opened.close()
    assert tables[0] == tables[1]


def test_the_same_again_gives_the_same(stores: Stores, found: NextPurchases) -> None:
    again = next_purchases(stores, as_of=AS_OF, check_days=30)
    assert again.people == found.people
    assert again.to_dict() == found.to_dict()


def test_too_few_people_are_refused_with_numbers(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    add_orders(opened, regulars(5))
    with pytest.raises(TooLittleDataError, match=r"people who bought: 5 of at least 100"):
        next_purchases(opened, as_of=AS_OF)
    opened.close()


def test_orders_that_end_long_before_the_moment_are_refused(stores: Stores) -> None:
    with pytest.raises(TooLittleDataError, match=r"The last purchase was on 2026-1[12]-\d\d"):
        next_purchases(stores, as_of=day(900))


def test_without_enough_before_the_later_days_it_says_so(stores: Stores) -> None:
    told = next_purchases(stores, as_of=day(90), check_days=80)
    assert told.check is None
    assert "80 days earlier there was less" in told.check_reason


def test_an_unknown_kind_of_item_is_refused(stores: Stores) -> None:
    with pytest.raises(PredictError, match="Did you mean 'product'"):
        next_purchases(stores, as_of=AS_OF, by="produkt")


def test_several_orders_of_a_day_and_returned_ones_are_no_gap(tmp_path: Path) -> None:
    opened = make_stores(tmp_path)
    extra: list[dict[str, object]] = []
    for hour in (0.3, 0.6):
        extra.append(
            {
                "customer": "twice",
                "order_id": f"t{hour}",
                "ordered_at": day(100 + hour),
                "lines": [("soap", 1, 3)],
            }
        )
    extra += [
        {"customer": "twice", "order_id": "r", "ordered_at": day(150.5), "lines": [("soap", 1, 3)]},
        {
            "customer": "twice",
            "order_id": "R",
            "ordered_at": day(152.5),
            "kind": "return",
            "original_order_id": "r",
            "lines": [("soap", 1, 3)],
        },
    ]
    add_orders(opened, regulars(110) + extra)
    rows = next_purchases(opened, as_of=AS_OF).people.to_pylist()
    (row,) = (one for one in rows if one["profile_id"] == origin(opened, "twice"))
    assert (row["purchases"], row["last_day"]) == (1, day(100).date())
    opened.close()


def test_summer_time_moves_no_purchase_into_another_day(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    late = [
        datetime(2026, 3, 27, 23, 30, tzinfo=zone) + timedelta(days=3 * number)
        for number in range(4)
    ]
    rows: list[dict[str, object]] = [
        {"customer": "night", "order_id": f"n{n}", "ordered_at": at.astimezone(UTC), "revenue": 5}
        for n, at in enumerate(late)
    ]
    add_orders(opened, regulars(110) + rows)
    told = next_purchases(opened, as_of=AS_OF).people.to_pylist()
    (row,) = (one for one in told if one["profile_id"] == origin(opened, "night"))
    assert (row["purchases"], row["last_day"]) == (4, date(2026, 4, 5))
    opened.close()


@pytest.mark.slow
def test_online_retail_in_a_later_period(tmp_path: Path) -> None:
    opened = make_stores(tmp_path, timezone="Europe/London")
    online_retail(opened)
    told = next_purchases(opened, as_of=datetime(2011, 9, 1, tzinfo=UTC), check_days=60)
    check = told.check
    assert check is not None
    assert check.verdict == "better"
    assert 0.87 <= (check.covered_90.estimate or 0) <= 0.97
    for one in check.promises:
        assert one.predicted == pytest.approx(one.happened.estimate or 0, abs=0.03)
    opened.close()
