"""The table of repeat purchases: against published figures for CDNOW, and its rules one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.errors import HistoryError
from aimwell.history.moment import open_moment
from aimwell.history.repeat_purchases import repeat_purchases
from aimwell.store.stores import Stores
from data_folder import data_path
from shop import add_orders, day, make_stores, origin

Row = dict[str, Any]


def table(stores: Stores, as_of: datetime, unit_days: float = 1.0) -> dict[str, Row]:
    with open_moment(stores, as_of=as_of) as moment:
        rows = repeat_purchases(moment, unit_days=unit_days).to_pylist()
    return {row.pop("profile_id"): row for row in rows}


def order(number: str, at: float, revenue: float = 10, **more: Any) -> Row:
    return {
        "customer": "ann",
        "order_id": number,
        "ordered_at": day(at),
        "revenue": revenue,
        **more,
    }


def test_cdnow_gives_the_published_table(tmp_path: Path) -> None:
    file = data_path("cdnow-sample/CDNOW_sample.txt")
    stores = make_stores(tmp_path)
    orders = []
    for number, line in enumerate(file.read_text().splitlines()):
        if line.strip():
            _cohort, customer, when, _cds, value = line.split()
            moment = datetime.strptime(when, "%Y%m%d").replace(tzinfo=UTC)
            orders.append(
                {
                    "customer": customer,
                    "order_id": str(number),
                    "ordered_at": moment,
                    "revenue": value,
                }
            )
    add_orders(stores, orders)
    rows = table(stores, datetime(1997, 10, 1, tzinfo=UTC), unit_days=7.0)
    assert len(rows) == 2357
    repeats = [row for row in rows.values() if row["frequency"] > 0]
    assert len(repeats) == 946
    assert sum(row["frequency"] for row in repeats) == 2457
    first = rows[origin(stores, "0001")]
    assert first["frequency"] == 2
    assert first["recency"] == pytest.approx(30.43, abs=0.005)
    assert first["age"] == pytest.approx(38.86, abs=0.005)
    assert first["monetary"] == pytest.approx((29.73 + 14.96) / 2)
    assert all((row["monetary"] is None) == (row["frequency"] == 0) for row in rows.values())
    # Fader, Hardie and Lee: with the published parameters the sample's log-likelihood is -9582.4.
    figure = bgnbd_log_likelihood(
        *(
            np.array([row[name] for row in rows.values()])
            for name in ("frequency", "recency", "age")
        ),
        r=0.243,
        alpha=4.414,
        a=0.793,
        b=2.426,
    )
    assert figure == pytest.approx(-9582.43, abs=0.02)
    stores.close()


def bgnbd_log_likelihood(
    x: np.ndarray, last: np.ndarray, age: np.ndarray, *, r: float, alpha: float, a: float, b: float
) -> float:
    """Fader, Hardie and Lee (2005), equation 6."""
    from scipy.special import betaln, gammaln

    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    with np.errstate(divide="ignore"):
        stopped = betaln(a + 1, b + x - 1) - betaln(a, b) - (r + x) * np.log(alpha + last)
    return float((shared + np.logaddexp(alive, np.where(x > 0, stopped, -np.inf))).sum())


def test_purchases_of_one_local_day_are_one(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, timezone="America/New_York")
    # 03:00 UTC is 22:00 of the day before in New York.
    add_orders(stores, [order("1", 1 + 3 / 24), order("2", 0.9), order("3", 4.5), order("4", 4.6)])
    (row,) = table(stores, day(10)).values()
    # Seen until 19:00 of day 9 in New York, so the last day is day 9.
    assert row == {"frequency": 1, "recency": 4.0, "age": 9.0, "monetary": 20.0}
    stores.close()


def test_a_cut_at_midnight_has_seen_nothing_of_the_new_day(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(stores, [order("1", 1)])
    ann = origin(stores, "ann")
    assert table(stores, day(2))[ann]["age"] == 0
    assert table(stores, day(2.01))[ann]["age"] == 1
    assert table(stores, day(1)) == {}
    with pytest.raises(HistoryError, match="above 0"):
        table(stores, day(2), unit_days=0)
    stores.close()


def test_returns_make_spend_smaller_and_whole_ones_undo_the_order(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(
        stores,
        [
            order("1", 1, 100),
            order("2", 3, 40),
            order("3", 5, 80),
            order("4", 7, 50),
            order("R2", 4, 40, kind="return", original_order_id="2"),
            order("R3", 6, 20, kind="return", original_order_id="3"),
            order("R?", 6, 21, kind="return"),
        ],
    )
    (row,) = table(stores, day(10)).values()
    assert (row["frequency"], row["recency"]) == (2, 6.0)
    # (60 + 50) ÷ 2 repeat days, less the tenth of all 210 that came back without an order.
    assert row["monetary"] == pytest.approx(55 * 0.9)
    stores.close()


def test_spend_does_not_fall_below_nothing(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(
        stores,
        [
            order("1", 1, 10),
            order("2", 2, 10),
            order("R", 3, 900, kind="return"),
            {**order("3", 1, 0), "customer": "free"},
            {**order("4", 2, 0), "customer": "free"},
        ],
    )
    assert [row["monetary"] for row in table(stores, day(10)).values()] == [0.0, 0.0]
    stores.close()
