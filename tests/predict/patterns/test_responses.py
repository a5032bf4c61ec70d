"""Who responds to which campaign: what was planted, what buying a lot alone explains, and time."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from aimwell.errors import PredictError, TooLittleDataError
from aimwell.predict.patterns.found import Responses
from aimwell.predict.patterns.responses import responses
from aimwell.store.stores import Stores
from shop import add_events, add_orders, add_touches, day, make_stores

AS_OF = day(200)
SKUS = ("tent", "stove", "map", "lamp", "rope", "mug")


def made(folder: Path, seed: int, people: int = 1_600, *, planted: bool) -> Stores:
    """Two campaigns to everybody; who had tent and stove clicks in `camp` more, if planted; who buys a lot clicks more."""
    draw, stores = random.Random(seed), make_stores(folder)  # noqa: S311
    orders, touches = [], []
    for person in range(people):
        customer = f"p{person}"
        many = draw.choice((1, 2, 4, 8))
        had = set()
        for number in range(many):
            sku = draw.choice(SKUS)
            had.add(sku)
            orders.append(
                {
                    "customer": customer,
                    "order_id": f"{person}-{number}",
                    "ordered_at": day(draw.uniform(0, 99)),
                    "lines": [(sku, 1, 5.0)],
                }
            )
        for campaign, start in (("camp", 100), ("sale", 150)):
            sent = start + draw.uniform(0, 20)
            touch = {"customer": customer, "campaign": campaign, "channel": "email"}
            touches.append({**touch, "event": "Email Sent", "occurred_at": day(sent)})
            chance = 0.08 + 0.03 * many
            if planted and campaign == "camp" and {"tent", "stove"} <= had:
                chance += 0.4
            if draw.random() < chance:
                when = day(sent + draw.uniform(0.1, 6))
                touches.append({**touch, "event": "Email Link Clicked", "occurred_at": when})
            machine = {**touch, "event": "Email Link Clicked", "occurred_at": day(sent + 0.01)}
            touches.append({**machine, "machine": True})
    add_orders(stores, orders)
    add_touches(stores, touches)
    return stores


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return made(tmp_path_factory.mktemp("responses"), 2, planted=True)


def asked(stores: Stores, **options: Any) -> Responses:
    return responses(stores, as_of=AS_OF, **options)


def test_the_planted_pair_responds_to_its_campaign_alone(planted: Stores) -> None:
    found = asked(planted)
    assert (("stove", "tent"), "camp") in {(one.first, one.then) for one in found.standing}
    assert {one.then for one in found.standing} == {"camp"}
    assert {item for one in found.standing for item in one.first} == {"stove", "tent"}
    assert (found.campaigns, found.people) == (2, 3_200)
    assert found.tests == 2 * (6 + 15)


def test_who_buys_a_lot_is_compared_with_who_buys_a_lot(tmp_path: Path) -> None:
    alarms = [
        asked(made(tmp_path / str(seed), seed, 800, planted=False)).standing for seed in range(3)
    ]
    assert sum(bool(one) for one in alarms) <= 1


def test_clicks_of_machines_and_late_ones_are_none(planted: Stores) -> None:
    week = asked(planted)
    assert week.responded < 0.6 * week.people
    assert asked(planted, within_days=1).responded < week.responded
    assert responses(planted, as_of=day(165)).people < week.people


def test_orders_can_be_the_response_and_too_few_are_refused(planted: Stores) -> None:
    with pytest.raises(TooLittleDataError, match=r"who ordered after a message: 0 of at least 100"):
        asked(planted, to="order")


def test_any_event_can_be_the_response_by_the_campaign_that_it_names(tmp_path: Path) -> None:
    """A coupon of one campaign is redeemed by who had tent and stove; a letter is a message as well."""
    draw, stores = random.Random(4), make_stores(tmp_path)  # noqa: S311
    orders, events, touches = [], [], []
    for person in range(1_600):
        customer, had = f"p{person}", draw.sample(SKUS, 2)
        orders.append(
            {
                "customer": customer,
                "order_id": f"{person}",
                "ordered_at": day(draw.uniform(0, 90)),
                "lines": [(sku, 1, 5.0) for sku in had],
            }
        )
        sent = draw.uniform(100, 110)
        for campaign in ("camp", "sale"):
            touches.append(
                {
                    "customer": customer,
                    "campaign": campaign,
                    "event": "Campaign Received",
                    "occurred_at": day(sent),
                }
            )
        if draw.random() < (0.6 if {"tent", "stove"} == set(had) else 0.1):
            redeemed = {"customer": customer, "event": "Coupon Redeemed"}
            events.append(
                {**redeemed, "occurred_at": day(sent + 2), "properties": {"campaign": "camp"}}
            )
    add_orders(stores, orders)
    add_touches(stores, touches)
    add_events(stores, events)
    found = asked(stores, to="Coupon Redeemed")
    assert (found.people, found.responded) == (3_200, len(events))
    assert (("stove", "tent"), "camp") in {(one.first, one.then) for one in found.standing}
    assert {one.then for one in found.standing} == {"camp"}
    with pytest.raises(TooLittleDataError, match=r"who did 'Coupon Used' after a message: 0 of"):
        asked(stores, to="Coupon Used")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"within_days": 0}, "1 or more"),
        ({"by": "size"}, "Known: sku, category"),
        ({"false_share": 3.0}, "share of false findings"),
    ],
)
def test_bad_questions_are_refused(planted: Stores, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(PredictError, match=words):
        asked(planted, **wrong)
