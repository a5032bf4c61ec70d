"""How subscriptions were used and paid until a time, against a computation by hand; nothing later is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.history.moment import open_moment
from aimwell.history.subscription_conduct import CONDUCT
from aimwell.history.subscription_lives import MONTH_DAYS, subscription_lives, subscription_months
from aimwell.store.stores import Stores
from shop import append, day, make_stores, origin


def conduct(stores: Stores, at: float) -> dict[str, dict[str, Any]]:
    with open_moment(stores, as_of=day(at)) as moment:
        rows = subscription_lives(moment).to_pylist()
    return {row["subscription_id"]: {name: row[name] for name in CONDUCT} for row in rows}


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = make_stores(tmp_path)
    rows = []
    for name, plans in (("a", ["s", "m", "s"]), ("b", ["s"]), ("c", ["s"])):
        for number, plan in enumerate(plans):
            rows.append(
                {
                    "subscription_id": name,
                    "origin_id": origin(made, name),
                    "plan": plan,
                    "state": "active",
                    "started_at": day(0),
                    "set_at": day(20 * number),
                }
            )
    append(made, "subscriptions", rows)
    # The mean of minutes is 10, of logins 2: one row of each is worth 1 where it is the mean.
    used = [("a", "minutes", 10.0, at) for at in (5, 50, 90, 95)]
    used += [("b", "logins", 2.0, at) for at in (10, 60)]
    append(
        made,
        "usage",
        [
            {
                "origin_id": origin(made, who),
                "name": name,
                "amount": amount,
                "occurred_at": day(at),
                "subscription_id": who if who == "a" else None,
            }
            for who, name, amount, at in used
        ],
    )
    append(
        made,
        "payments",
        [
            {
                "payment_id": f"p{number}",
                "origin_id": origin(made, "a"),
                "subscription_id": "a",
                "kind": "payment",
                "state": state,
                "amount": 1,
                "set_at": day(at),
            }
            for number, (state, at) in enumerate([("failed", 30), ("late", 70), ("paid", 80)])
        ],
    )
    return made


def test_figures_are_those_computed_by_hand(stores: Stores) -> None:
    found = conduct(stores, 100)
    a, b, c = (found[name] for name in "abc")
    assert a == {
        "use_30d": np.round(2 * np.log2(3)) / 2,
        "use_trend": np.round(4 * np.log2(2.5 * 3 / 3.5)) / 4,
        "use_recency_days": 6.0,
        "plan_changes": 2.0,
        "payments_failed_180d": 2.0,
    }
    # Usage that names no subscription is the person's.
    assert (b["use_30d"], b["use_recency_days"]) == (0.0, 39.0)
    assert b["use_trend"] == np.round(4 * np.log2(0.5 * 3 / 3.5)) / 4
    assert (c["use_30d"], c["use_trend"], c["use_recency_days"]) == (None, None, None)
    assert (c["plan_changes"], c["payments_failed_180d"]) == (0.0, 0.0)


def test_nothing_later_changes_a_figure(stores: Stores) -> None:
    before = conduct(stores, 60)
    append(
        stores,
        "usage",
        [
            {
                "origin_id": origin(stores, "b"),
                "name": "logins",
                "amount": 90.0,
                "occurred_at": day(61),
            }
        ],
    )
    assert conduct(stores, 60) == before
    assert conduct(stores, 62) != before


def test_a_month_has_what_was_known_as_it_began(stores: Stores) -> None:
    with open_moment(stores, as_of=day(100)) as moment:
        months = subscription_months(moment).to_pylist()
    assert sum(row["subscriptions"] for row in months) == 9
    second = day(MONTH_DAYS)
    assert second.tzinfo is not None
    of_a = [row for row in months if row["month"] == 1 and row["plan_changes"] == 1.0]
    assert [(row["use_30d"], row["payments_failed_180d"]) for row in of_a] == [(1.0, 1.0)]
