"""Fairness: a group that is promised too much is found, a planted proxy is flagged, and where all is alike nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.prediction import Prediction
from aimwell.errors import PredictError
from aimwell.predict.care.caring import train_defined
from aimwell.predict.care.fairness import Fairness, fairness
from aimwell.store.stores import Stores
from shop import add_orders, add_traits, day, make_stores
from steady import steady_orders

WINDOWS = ["orders_30d", "orders_90d", "revenue_90d", "recency_days"]
PEOPLE = 900


def shop(tmp_path: Path, *, rate_of_f: float = 1.0, f_stops: bool = False) -> Stores:
    """Every second person is f; they may buy at another rate, or buy a fifth from day 300 on."""
    stores = make_stores(tmp_path)
    orders = []
    for number, of in ((0, "m"), (1, "f")):
        is_f = of == "f"
        orders += steady_orders(
            people=PEOPLE // 2,
            days=420,
            seed=7 + number,
            names=of,
            rate=rate_of_f if is_f else 1.0,
            changes_at=300 if is_f and f_stops else None,
            rate_then=0.2,
        )
    add_orders(stores, orders)
    add_traits(
        stores,
        [
            {"customer": f"{of}{n}", "name": name, "value": value, "set_at": day(0)}
            for of in "mf"
            for n in range(PEOPLE // 2)
            for name, value in (("gender", of), ("religion", of), ("size", of))
        ],
    )
    wanted = check({"kind": "prediction", "name": "buy", "horizon": "45d", "columns": WINDOWS})
    assert isinstance(wanted, Prediction)
    train_defined(stores, wanted, as_of=day(300), now=day(300))
    return stores


def found(stores: Stores, at: float = 400) -> Fairness:
    one = fairness(stores, "buy", as_of=day(at))
    stores.close()
    json.dumps(one.to_dict(), default=str)
    return one


def test_where_all_are_alike_nothing_is_found(tmp_path: Path) -> None:
    one = found(shop(tmp_path))
    assert [(group.attribute, group.value) for group in one.groups] == [
        ("gender", "f"),
        ("gender", "m"),
    ]
    assert not any(group.uneven for group in one.groups)
    assert all(proxy.verdict == "fine" for proxy in one.proxies)
    assert all(0.1 < (group.likeliest.estimate or 0) < 0.3 for group in one.groups)


def test_a_group_that_is_promised_too_much_is_found(tmp_path: Path) -> None:
    one = found(shop(tmp_path, f_stops=True), at=346)
    groups = {group.value: group for group in one.groups}
    assert groups["f"].uneven
    assert (groups["f"].level.upper or 0) < 0
    assert (groups["f"].did_it.upper or 1) < groups["f"].predicted
    # What people of the other group do, the model still knows.
    assert abs(groups["m"].level.estimate or 1) < 0.1


def test_a_planted_proxy_is_flagged(tmp_path: Path) -> None:
    one = found(shop(tmp_path, rate_of_f=6.0))
    (proxy,) = one.proxies
    assert (proxy.attribute, proxy.most, proxy.verdict) == ("gender", "f", "proxy")
    groups = {group.value: group for group in one.groups}
    assert (groups["f"].likeliest.lower or 0) > (groups["m"].likeliest.upper or 1)
    # They really buy more, and the model is right about both.
    assert not any(group.uneven for group in one.groups)


def test_of_nobody_known_nothing_is_told_and_what_was_learnt_is_not_judged(tmp_path: Path) -> None:
    stores = make_stores(tmp_path)
    add_orders(stores, steady_orders(people=500, days=420))
    wanted = check({"kind": "prediction", "name": "buy", "horizon": "45d", "columns": WINDOWS})
    assert isinstance(wanted, Prediction)
    train_defined(stores, wanted, as_of=day(300), now=day(300))
    one = fairness(stores, "buy", as_of=day(400))
    assert one.groups == ()
    assert (one.reason or "").startswith("No protected attribute is known")
    with pytest.raises(PredictError, match="has learnt from what people did"):
        fairness(stores, "buy", as_of=day(290))
    stores.close()
