"""Firms, shops, prices, plans, subscriptions, payments, balances and outside figures: what stands from when on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aimwell.collect.opening_hours import read_hours
from aimwell.errors import DefinitionError
from aimwell.history.moment import open_moment
from aimwell.store.sql import sql
from collecting import NOW, Shop, source_of

LATER = NOW + timedelta(days=30)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ALWAYS = day("1970-01-01")


def entity(name: str, *, mapped: dict[str, Any], **more: Any) -> Any:
    return source_of({"entity": name, "map": mapped, **more})


# --- firms and their people -------------------------------------------------------------------------------

ACCOUNTS = entity(
    "accounts",
    mapped={
        **{name: name for name in ("account_id", "name", "industry", "size", "stage")},
        "set_at": "day",
    },
    properties={"city": "city"},
)


def test_firms_keep_what_changed_and_when(shop: Shop) -> None:
    load = shop.collect(
        "account_id,name,industry,size,stage,day,city\n"
        "A,Acme,Toys,120,lead,2026-01-01,Leeds\n"
        "A,Acme,Toys,120,customer,2026-03-01,Leeds\n"
        "B,Blue,,x,lead,2026-01-01,\n",
        ACCOUNTS,
    )
    assert (load.statements, load.rows_taken) == (2, 2)
    assert shop.quarantined() == [(4, "size", "not_a_number")]
    assert shop.rows("accounts", "account_id", "size", "stage", "set_at", "properties") == [
        ("A", 120, "customer", day("2026-03-01"), '{"city":"Leeds"}'),
        ("A", 120, "lead", day("2026-01-01"), '{"city":"Leeds"}'),
    ]
    again = shop.collect(
        "account_id,name,industry,size,stage,day,city\nA,Acme,Toys,120,customer,2026-04-01,Leeds\n",
        ACCOUNTS,
        LATER,
    )
    assert again.statements == 0  # nothing new


def test_people_join_and_leave_firms(shop: Shop) -> None:
    members = entity(
        "account_members",
        mapped={n: n for n in ("account_id", "email", "role", "state")} | {"set_at": "day"},
    )
    load = shop.collect(
        "account_id,email,role,state,day\n"
        "A,ann@x.example,buyer,,2026-01-01\n"
        "A,ann@x.example,buyer,no longer with company,2026-02-01\n"
        "A,bob@x.example,boss,perhaps,2026-02-01\n"
        "A,,boss,,2026-02-01\n",
        members,
    )
    ann = shop.origin("ann@x.example", "email")
    assert shop.rows("account_members", "account_id", "origin_id", "role", "state", "set_at") == [
        ("A", ann, "buyer", "left", day("2026-02-01")),
        ("A", ann, "buyer", "member", day("2026-01-01")),
    ]
    assert shop.quarantined() == [
        (4, "state", "unknown_state"),
        (5, "email", "no_identifier"),
    ]
    assert load.people == 1
    with open_moment(shop.stores, as_of=day("2026-01-15")) as moment:
        assert moment.session.rows(sql("SELECT profile_id, state FROM account_members")) == [
            (ann, "member")
        ]


def test_a_prospect_has_lead_fields_and_a_firm_but_no_order(shop: Shop) -> None:
    prospects = entity(
        "customers",
        mapped={
            "email": "email",
            "external_ids": {"hubspot": "id"},
            "handles": {"instagram": "insta"},
            "account_id": "company",
            "account_role": "job",
            "lead_stage": "stage",
            "lead_score": "score",
        },
    )
    shop.collect(
        "id,email,insta,company,job,stage,score\n"
        "51,ann@x.example,@Ann.B,A,buyer,qualified,40\n"
        "52,,cy,B,,new,\n",
        prospects,
    )
    ann, cy = shop.origin("ann@x.example", "email"), shop.origin("52", "external_id:hubspot")
    assert shop.rows("traits", "origin_id", "name", "value") == sorted(
        [
            (ann, "lead_score", "40"),
            (ann, "lead_stage", "qualified"),
            (cy, "lead_stage", "new"),
        ],
        key=str,
    )
    assert shop.rows("account_members", "account_id", "origin_id", "role", "state") == [
        ("A", ann, "buyer", "member"),
        ("B", cy, None, "member"),
    ]
    with shop.stores.control.read() as connection:
        found = connection.exec_driver_sql("SELECT kind, origin_id FROM identifiers").all()
    assert sorted(tuple(row) for row in found) == sorted(
        [
            ("email", ann),
            ("external_id:hubspot", ann),
            ("handle:instagram", ann),
            ("external_id:hubspot", cy),
            ("handle:instagram", cy),
        ]
    )


def test_a_handle_is_the_same_with_and_without_its_sign(shop: Shop) -> None:
    likes = entity(
        "events",
        mapped={"event": "what", "occurred_at": "day", "handles": {"instagram": "who"}},
    )
    shop.collect("who,what,day\n@Ann.B,Post Liked,2026-01-01\nann.b,Post Liked,2026-01-02\n", likes)
    origin = shop.origin("ann.b", "handle:instagram")
    assert {row[0] for row in shop.rows("events", "origin_id")} == {origin}


# --- shops, prices, plans ---------------------------------------------------------------------------------


def test_shops_have_a_place_and_hours(shop: Shop) -> None:
    shops = entity(
        "shops",
        mapped={
            n: n for n in ("shop_id", "name", "city", "latitude", "longitude", "timezone", "hours")
        },
    )
    shop.collect(
        "shop_id,name,city,latitude,longitude,timezone,hours\n"
        "1,High Street,Leeds,53.8,-1.55,Europe/London,Mo-Fr 09:00-18:00; Sa 10:00-14:00\n"
        "2,,York,95,0,Europe/London,\n"
        "3,,York,,,Europe/Londn,\n"
        "4,,York,,,,whenever\n",
        shops,
    )
    row = shop.one("shops")
    assert (row["latitude"], row["longitude"], row["set_at"]) == (53.8, -1.55, ALWAYS)
    hours = json.loads(row["hours"])
    assert (hours["wed"], hours["sat"], hours["sun"]) == (
        [["09:00", "18:00"]],
        [["10:00", "14:00"]],
        [],
    )
    assert [reason for _, _, reason in shop.quarantined()] == [
        "not_a_place",
        "unknown_timezone",
        "unknown_hours",
    ]


@pytest.mark.parametrize(
    ("text", "sunday"),
    [
        ("24/7", [["00:00", "24:00"]]),
        ("Fr-Mo 9-12, 13:30-18", [["09:00", "12:00"], ["13:30", "18:00"]]),
        ("Monday: 09:00-17:00 | Sunday: closed", []),
        ("Su 22:00–02:00", [["22:00", "02:00"]]),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, sunday: list[Any]) -> None:
    read = read_hours(text)
    assert read is not None
    assert json.loads(read)["sun"] == sunday


@pytest.mark.parametrize("text", ["", "often", "Mo 25:00-26:00", "Xy 09:00-10:00", "Mo 9"])
def test_other_hours_are_not_guessed(text: str) -> None:
    assert read_hours(text) is None


def test_prices_of_competitors_stand_beside_ours_in_one_currency(shop: Shop) -> None:
    rates = source_of(
        {"entity": "rates", "map": {"date": "date", "from_currency": "from", "rate": "rate"}},
        name="rates",
    )
    shop.collect("date,from,rate\n2026-01-01,EUR,0.5\n", rates)
    prices = entity(
        "prices",
        mapped={
            "sku": "sku",
            "price": "price",
            "seller": "who",
            "currency": "cur",
            "set_at": "day",
        },
    )
    shop.collect(
        "sku,price,who,cur,day\np,4.00,,GBP,2026-02-01\np,6.00,Rival,EUR,2026-02-01\np,-1,,GBP,2026-02-02\n",
        prices,
    )
    assert [(r[0], r[1], float(r[2])) for r in shop.rows("prices", "sku", "seller", "price")] == [
        ("p", "Rival", 3.0),
        ("p", None, 4.0),
    ]
    assert [reason for _, _, reason in shop.quarantined()] == ["negative_price"]


def test_plans_are_kept(shop: Shop) -> None:
    plans = entity(
        "plans", mapped={n: n for n in ("plan", "name", "price", "period_months", "trial_days")}
    )
    shop.collect("plan,name,price,period_months,trial_days\npro,Pro,30,1,14\n", plans)
    row = shop.one("subscription_plans")
    assert (row["plan"], row["period_months"], row["trial_days"]) == ("pro", 1, 14)


# --- subscriptions and payments ---------------------------------------------------------------------------

SUBSCRIPTIONS = entity(
    "subscriptions",
    mapped={
        "subscription_id": "id",
        "customer_id": "who",
        "plan": "plan",
        "state": "state",
        "price": "price",
        "started_at": "start",
        "ended_at": "end",
        "reason": "why",
    },
)
HEAD = "id,who,plan,state,price,start,end,why\n"


def test_the_past_of_a_subscription_is_told_by_its_dates(shop: Shop) -> None:
    shop.collect(
        HEAD
        + "1,ann,pro,active,30,2026-01-01,,\n"
        + "2,bob,pro,canceled,30,2026-01-01,2026-04-01,price\n"
        + "3,cy,pro,trialing,0,2026-05-20,,\n"
        + "4,dee,pro,past_due,30,2026-01-01,,\n"
        + "5,eve,pro,sleeping,30,2026-01-01,,\n"
        + "6,fay,pro,ended,30,2026-01-01,2025-01-01,\n",
        SUBSCRIPTIONS,
    )
    found = shop.rows("subscriptions", "subscription_id", "state", "set_at", "ended_at", "reason")
    start, end = day("2026-01-01"), day("2026-04-01")
    assert found == [
        ("1", "active", start, None, None),
        ("2", "active", start, None, None),
        ("2", "ended", end, end, "price"),
        ("3", "trial", day("2026-05-20"), None, None),
        ("4", "active", start, None, None),
        ("4", "past_due", NOW, None, None),
    ]
    assert [reason for _, _, reason in shop.quarantined()] == ["unknown_state", "ends_before_start"]
    with open_moment(shop.stores, as_of=day("2026-03-01")) as moment:
        # In March nobody could know that bob would go, or why.
        rows = moment.session.rows(
            sql("SELECT state, ended_at, reason FROM subscriptions WHERE subscription_id = '2'")
        )
        assert rows == [("active", None, None)]


def test_a_later_export_adds_what_changed_from_when_it_was_seen(shop: Shop) -> None:
    shop.collect(HEAD + "1,ann,pro,active,30,2026-01-01,,\n", SUBSCRIPTIONS)
    same = shop.collect(HEAD + "1,ann,pro,active,30,2026-01-01,, \n", SUBSCRIPTIONS, LATER)
    assert same.statements == 0
    shop.collect(HEAD + "1,ann,pro,active,35,2026-01-01,,\n", SUBSCRIPTIONS, LATER)
    end = "2026-07-05"
    shop.collect(
        HEAD + f"1,ann,pro,cancelled,35,2026-01-01,{end},\n",
        SUBSCRIPTIONS,
        LATER + timedelta(days=9),
    )
    found = shop.rows("subscriptions", "state", "price", "set_at", order="set_at")
    assert [(state, float(price), at) for state, price, at in found] == [
        ("active", 30, day("2026-01-01")),
        ("active", 35, LATER),
        ("ended", 35, day(end)),
    ]


def test_payments_change_their_state(shop: Shop) -> None:
    payments = entity(
        "payments",
        mapped={
            "payment_id": "id",
            "customer_id": "who",
            "amount": "amount",
            "state": "state",
            "kind": "kind",
            "due_at": "due",
            "set_at": "day",
            "instalments": "parts",
        },
    )
    shop.collect(
        "id,who,amount,state,kind,due,day,parts\n"
        "1,ann,20,open,loan repayment,2026-02-01,2026-01-01,12\n"
        "1,ann,20,succeeded,loan repayment,2026-02-01,2026-02-03,12\n"
        "2,,5,paid,,,2026-02-03,\n"
        "3,bob,-5,,,,2026-02-03,\n"
        "4,bob,-5,,payment,,2026-02-03,\n",
        payments,
    )
    found = shop.rows("payments", "payment_id", "kind", "state", "amount", "set_at")
    assert [(i, k, s, float(a), at) for i, k, s, a, at in found] == [
        ("1", "repayment", "due", 20, day("2026-01-01")),
        ("1", "repayment", "paid", 20, day("2026-02-03")),
        ("2", "payment", "paid", 5, day("2026-02-03")),
        ("3", "refund", "paid", 5, day("2026-02-03")),
    ]
    assert [reason for _, _, reason in shop.quarantined()] == ["negative_amount"]


# --- balances and the world outside -----------------------------------------------------------------------


def test_a_balance_holds_from_when_it_was_seen(shop: Shop) -> None:
    loyalty = entity(
        "loyalty", mapped={"loyalty_card": "card", "balance": "points", "tier": "tier"}
    )
    shop.collect("card,points,tier\n77,120.5,gold\n", loyalty)
    row = shop.one("loyalty")
    assert row["origin_id"] == shop.origin("77", "loyalty_card")
    assert (row["programme"], row["balance"], row["set_at"]) == ("shop", 120.5, NOW)
    with pytest.raises(DefinitionError, match="map balance or tier"):
        entity("loyalty", mapped={"customer_id": "x"})


def test_outside_figures_and_words_are_dated_by_key(shop: Shop) -> None:
    market = entity(
        "market",
        mapped={"key": "area", "set_at": "day"},
        dimension="region",
        measured={"temperature": "temp", "density": "kind"},
    )
    shop.collect(
        "area,day,temp,kind\nLS1,2026-01-01,4.5,urban\nLS1,2026-02-01,6,urban\nZZ9,2026-01-01,,rural\n",
        market,
    )
    found = shop.rows("market", "name", "dimension", "key", "value", "text", "set_at")
    assert found == [
        ("density", "region", "LS1", 1.0, "urban", day("2026-01-01")),
        ("density", "region", "ZZ9", 1.0, "rural", day("2026-01-01")),
        ("temperature", "region", "LS1", 4.5, None, day("2026-01-01")),
        ("temperature", "region", "LS1", 6.0, None, day("2026-02-01")),
    ]
