from collections import Counter

import numpy as np
import phonenumbers
import pytest

from aimwell.simulate import ShopSpec, open_shop
from aimwell.simulate.cells import open_cell
from aimwell.simulate.customers import CUSTOMER_SCHEMA, customer_table, opted_in_to_email
from aimwell.simulate.places import COUNTRIES

SPEC = ShopSpec(people=20_000, seed=2, second_account_share=0.05)


@pytest.fixture(scope="module")
def shop():
    return open_shop(SPEC)


@pytest.fixture(scope="module")
def cells(shop):
    return [open_cell(shop, index) for index in range(shop.cells)]


@pytest.fixture(scope="module")
def rows(shop, cells):
    tables = [customer_table(shop, cell) for cell in cells]
    assert all(table.schema == CUSTOMER_SCHEMA for table in tables)
    return [row for table in tables for row in table.to_pylist()]


def _digits(phone):
    return "".join(sign for sign in phone if sign.isdigit())


def test_addresses_are_at_domains_reserved_for_examples(rows):
    assert {row["email"].split("@")[1] for row in rows if row["email"]} == {
        "example.com",
        "example.org",
        "example.net",
    }
    assert all(row["email"].isascii() and " " not in row["email"] for row in rows if row["email"])


def test_phones_are_possible_numbers_of_reserved_ranges(rows):
    ranges = {
        country.code: tuple(
            (country.dial + prefix).removeprefix("+") for prefix, _ in country.phones
        )
        for country in COUNTRIES.values()
    }
    phones = [(row["phone"], row["country"]) for row in rows if row["phone"]]
    assert len(phones) > 3000
    for phone, country in phones:
        assert _digits(phone).startswith(ranges[country])
        assert phonenumbers.is_possible_number(phonenumbers.parse(phone))


def test_nobody_shares_a_phone_or_an_address_but_the_two_accounts_of_a_person(shop, cells, rows):
    shared = sum(
        count - 1 for count in Counter(row["email"] for row in rows if row["email"]).values()
    )
    shared += sum(
        count - 1
        for count in Counter(_digits(row["phone"]) for row in rows if row["phone"]).values()
    )
    seconds = sum(int(cell.accounts.second.sum()) for cell in cells)
    assert shared == seconds > 500
    assert len(rows) == shop.spec.people + seconds


def test_two_accounts_of_a_person_share_exactly_one_of_phone_and_address(shop, cells):
    for cell in cells:
        table = customer_table(shop, cell)
        by_id = {row["customer_id"]: row for row in table.to_pylist()}
        twice = np.flatnonzero(cell.accounts.second)
        pairs = zip(
            *(
                cell.accounts.ids_of_account(twice, np.full(twice.size, n)).to_pylist()
                for n in (0, 1)
            ),
            strict=True,
        )
        for first, second in pairs:
            a, b = by_id[first], by_id[second]
            same_phone = bool(a["phone"] and b["phone"]) and _digits(a["phone"]) == _digits(
                b["phone"]
            )
            same_email = bool(a["email"]) and a["email"] == b["email"]
            assert same_phone != same_email
            assert (a["last_name"], a["birth_date"]) == (b["last_name"], b["birth_date"])
            assert b["signup_at"] > a["signup_at"]


def test_consent_is_given_at_the_rates_of_the_spec_and_only_with_an_address(rows):
    for address, consent, share in (
        ("email", "email_opt_in", SPEC.email_opt_in_share),
        ("phone", "sms_opt_in", SPEC.sms_opt_in_share),
    ):
        assert all(row[consent] is None for row in rows if not row[address])
        answers = Counter(row[consent] for row in rows if row[address])
        known = answers["yes"] + answers["no"]
        assert answers["yes"] / known == pytest.approx(share, abs=0.025)
        assert answers[None] / (known + answers[None]) == pytest.approx(
            SPEC.unknown_consent_share, abs=0.015
        )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_none_may_agree(share):
    shop = open_shop(
        ShopSpec(people=400, email_opt_in_share=share, email_share=1.0, unknown_consent_share=0.0)
    )
    answers = customer_table(shop, open_cell(shop, 0))["email_opt_in"].to_pylist()
    assert set(answers) == {"yes" if share else "no"}


def test_newsletters_go_to_those_whom_the_file_says_agreed(shop, cells):
    table = customer_table(shop, cells[0])
    said_yes = [
        value == "yes" for value in table["email_opt_in"].to_pylist()[: len(cells[0].people)]
    ]
    assert opted_in_to_email(shop, cells[0]).tolist() == said_yes


def test_places_belong_together(rows):
    zones = {(town.name, town.zone) for country in COUNTRIES.values() for town in country.towns}
    for row in rows[:2000]:
        assert (row["city"], row["timezone"]) in zones
        assert row["language"] == COUNTRIES[row["country"]].language


def test_what_is_unknown_is_missing_at_the_rates_of_the_spec(rows):
    for name, share in (
        ("gender", SPEC.unknown_gender_share),
        ("birth_date", SPEC.unknown_birth_share),
        ("email", 1 - SPEC.email_share),
    ):
        assert np.mean([row[name] is None for row in rows]) == pytest.approx(share, abs=0.015)


def test_a_large_shop_runs_out_of_phones_rather_than_share_them():
    shop = open_shop(ShopSpec(people=200_000, phone_share=1.0, countries={"DE": 1.0}))
    phones = [
        customer_table(shop, open_cell(shop, index))["phone"].drop_null().to_pylist()
        for index in (0, 7)
    ]
    assert len(phones[0]) == len(set(phones[0]))
    assert 150 <= len(phones[0]) <= 2 * 5000 / shop.cells
    assert not set(phones[0]) & set(phones[1])
