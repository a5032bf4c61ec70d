"""Fairness and partial dependence of churn, subscriptions, spend and lifetime value: planted proxies are flagged there, too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from aimwell.errors import PredictError
from aimwell.predict.care.fairness import fairness
from aimwell.predict.effects import effects
from aimwell.predict.registry import RegisteredModel
from aimwell.predict.service import (
    fit_lifetime_value,
    predict_churn,
    predict_spend,
    predict_subscription_churn,
)
from aimwell.store.stores import Stores
from shop import add_orders, add_traits, append, day, make_stores, origin
from steady import steady_orders
from subscribers import END, service

PEOPLE, AS_OF, LATER = 1_000, 300, 400


def add_gender(stores: Stores, of: dict[str, str]) -> None:
    add_traits(
        stores,
        [
            {"customer": customer, "name": "gender", "value": value, "set_at": day(0)}
            for customer, value in of.items()
        ],
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Half are f and buy four times as often; they are known to be, and no model looks at it."""
    stores = make_stores(tmp_path_factory.mktemp("shop"))
    gender = {}
    for number, of in enumerate("mf"):
        orders = steady_orders(
            people=PEOPLE // 2, days=405, seed=7 + number, names=of, rate=3.0 if of == "f" else 0.7
        )
        add_orders(stores, orders)
        gender |= {str(row["customer"]): of for row in orders}
    add_gender(stores, gender)
    yield stores
    stores.close()


@pytest.fixture(scope="module")
def churn(shop: Stores) -> RegisteredModel:
    return predict_churn(shop, as_of=day(AS_OF), horizon_days=45, now=day(AS_OF)).entry


@pytest.fixture(scope="module")
def spend(shop: Stores) -> RegisteredModel:
    return predict_spend(shop, as_of=day(AS_OF), horizon_days=45, now=day(AS_OF)).entry


def test_who_is_likeliest_to_go_stands_in_for_a_trait_and_is_flagged(
    shop: Stores, churn: RegisteredModel
) -> None:
    found = fairness(shop, churn, as_of=day(LATER))
    json.dumps(found.to_dict(), default=str)
    assert (found.did, found.units, found.money) == ("went", "people at risk", False)
    groups = {one.value: one for one in found.groups}
    assert set(groups) == {"f", "m"}
    assert (groups["m"].did_it.lower or 0) > (groups["f"].did_it.upper or 1)
    assert (groups["m"].likeliest.lower or 0) > (groups["f"].likeliest.upper or 1)
    (proxy,) = found.proxies
    assert (proxy.attribute, proxy.most) == ("gender", "m")
    assert proxy.verdict in ("proxy", "uneven")


def test_of_whom_most_is_expected_stands_in_for_a_trait_and_is_flagged(
    shop: Stores, spend: RegisteredModel
) -> None:
    found = fairness(shop, spend, as_of=day(LATER))
    json.dumps(found.to_dict(), default=str)
    assert (found.did, found.money) == ("brought", True)
    groups = {one.value: one for one in found.groups}
    assert (groups["f"].did_it.lower or 0) > (groups["m"].did_it.upper or 1e9)
    assert groups["f"].predicted > 2 * groups["m"].predicted
    assert (groups["f"].auc.lower or 0) > 0.5
    (proxy,) = found.proxies
    assert (proxy.attribute, proxy.most, proxy.group) == (
        "gender",
        "f",
        "the fifth of whom most is expected",
    )
    assert proxy.verdict in ("proxy", "uneven")


def test_lifetime_values_are_told_by_group_and_a_stand_in_answers_for_what_it_has_seen(
    shop: Stores,
) -> None:
    entry = fit_lifetime_value(
        shop, as_of=day(AS_OF), horizon_days=60, holdout_days=60, now=day(AS_OF)
    ).entry
    found = fairness(shop, entry, as_of=day(AS_OF))
    assert "fitted to what was known" in (found.stand_in or "")
    groups = {one.value: one for one in found.groups}
    assert groups["f"].predicted > 2 * groups["m"].predicted
    assert not any(one.uneven for one in found.groups)
    assert fairness(shop, entry, as_of=day(AS_OF + 70)).stand_in is None
    with pytest.raises(PredictError, match="looks at no features"):
        effects(shop, entry, as_of=day(LATER))


def test_what_was_learnt_is_not_judged(shop: Stores, spend: RegisteredModel) -> None:
    with pytest.raises(PredictError, match="has learnt from what people did until"):
        fairness(shop, spend, as_of=day(AS_OF - 30))


def test_effects_of_spend_are_amounts(shop: Stores, spend: RegisteredModel) -> None:
    found = effects(shop, spend, as_of=day(AS_OF))
    assert len(found) == 6
    strongest = found[0]
    assert (strongest.expects, strongest.money) == ("spend", True)
    means = [mean for _, mean, _ in strongest.points]
    assert max(means) > 1.5 * min(means) > 0
    known = (strongest.without or (0.0, 0))[1] + sum(people for _, _, people in strongest.points)
    assert known > 0.8 * PEOPLE


def test_effects_of_churn_rise_with_silence_by_ones_own_rhythm(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("rhythm"))
    rng = np.random.default_rng(4)
    orders = []
    for person in range(700):
        gap, start = rng.uniform(4, 30), rng.uniform(0, 200)
        times = np.arange(start, min(start + rng.exponential(150), AS_OF), gap)
        orders += [
            {
                "customer": f"c{person}",
                "order_id": f"{person}-{n}",
                "ordered_at": day(float(at)),
                "revenue": 9,
            }
            for n, at in enumerate(times)
        ]
    add_orders(stores, orders)
    # Who buys like a clock and is late has gone, which no law of buying at random moments knows.
    entry = predict_churn(stores, as_of=day(AS_OF), horizon_days=40, now=day(AS_OF)).entry
    (late,) = effects(stores, entry, as_of=day(AS_OF), names=["overdue"])
    assert (late.expects, late.units) == ("probability of going", "people at risk")
    assert late.points[0][1] < 0.5 < late.points[-1][1]
    assert all(0 <= mean <= 1 for _, mean, _ in late.points)
    stores.close()


def test_subscriptions_are_told_by_group_and_by_feature(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stores = make_stores(tmp_path_factory.mktemp("service"))
    rows = service(stores, 900, 5)
    append(stores, "subscriptions", rows)
    plans = {row["subscription_id"]: row["plan"] for row in rows}
    who = {origin(stores, f"c{number}"): number for number in range(900)}
    add_orders(
        stores,
        [
            {"customer": f"c{n}", "order_id": f"{n}", "ordered_at": day(-500), "revenue": 1}
            for n in who.values()
        ],
    )
    rng = np.random.default_rng(1)
    # Who has the basic plan is f, nine times in ten, so endings stand in for it.
    add_gender(
        stores,
        {
            f"c{n}": "f" if (plans[f"s{n}"] == "basic") != (rng.random() < 0.1) else "m"
            for n in range(900)
        },
    )
    entry = predict_subscription_churn(
        stores, as_of=day(END - 90), horizon_days=60, now=day(END)
    ).entry
    found = fairness(stores, entry, as_of=day(END))
    assert (found.did, found.units) == ("ended", "subscriptions")
    groups = {one.value: one for one in found.groups}
    assert (groups["f"].likeliest.lower or 0) > (groups["m"].likeliest.upper or 1)
    (proxy,) = found.proxies
    assert (proxy.attribute, proxy.most) == ("gender", "f")
    assert proxy.verdict in ("proxy", "uneven")
    (late,) = effects(stores, entry, as_of=day(END), names=["late"])
    assert late.expects == "probability of ending within a month"
    assert late.points[-1][1] > 1.5 * late.points[0][1]
    stores.close()
