"""The firm's file of customers: made-up names and addresses, and what each account agreed to.

Nothing here reaches anybody: e-mail addresses are at the domains that RFC 2606 reserves for examples, phone
numbers are from ranges that nobody has (see `places`), names and streets are drawn from lists.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtri

from aimwell.simulate.cells import Cell
from aimwell.simulate.columns import join_text, lookup, moments, optional
from aimwell.simulate.people import Flags, Floats, Ints
from aimwell.simulate.places import COUNTRIES, ZONES, Country
from aimwell.simulate.shop import Shop

__all__ = ["CUSTOMER_SCHEMA", "customer_table", "opted_in_to_email"]

CUSTOMER_SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("customer_id", "email", "phone", "first_name", "last_name")
        ),
        *(
            (name, pa.string())
            for name in ("street", "city", "postcode", "country", "language", "timezone")
        ),
        ("birth_date", pa.date32()),
        ("gender", pa.string()),
        ("signup_at", pa.timestamp("s", tz="UTC")),
        *(
            (name, pa.string())
            for name in ("signup_channel", "favourite_store", "email_opt_in", "sms_opt_in")
        ),
    ]
)
_DOMAINS = ("example.com", "example.org", "example.net")
_GENDERS = ("female", "male", "other")
_SIGNUPS = ("web", "shop", "app", "social")
_LETTERS, _DIGITS = tuple("ABDEFGHJLNPQRSTUWXYZ"), tuple("0123456789")


@dataclass(frozen=True)
class _Reach:
    """By person: whether there is an e-mail, the phone (null: none), and the answers on consent."""

    has_email: Flags
    phone: pa.Array
    email_opt_in: pa.Array
    sms_opt_in: pa.Array
    shares_phone: Flags


def customer_table(shop: Shop, cell: Cell) -> pa.Table:
    """One row per account of the people of a cell, first accounts before second ones.

    Two accounts of a person share the phone (written differently, with another e-mail), or where there is
    none the e-mail. Empty consent means that the shop does not know.
    """
    rng = shop.stream("customers", cell=cell.index)
    n = len(cell.people)
    reach = _reach(rng, shop, cell)
    everybody = np.arange(n)
    seconds = np.flatnonzero(cell.accounts.second)
    person = np.concatenate([everybody, seconds])
    account = (np.arange(person.size) >= n).astype(np.int64)
    address = _addresses(rng, cell.people.country, cell.people.town, cell.people.gender)
    known_birth = rng.random(n) >= shop.spec.unknown_birth_share
    known_gender = rng.random(n) >= shop.spec.unknown_gender_share
    stores = [f"store-{number}" for number in range(1, max(shop.spec.shops, 1) + 1)]
    columns = address | {
        "country": lookup([country.code for country in COUNTRIES.values()], cell.people.country),
        "language": lookup(
            [country.language for country in COUNTRIES.values()], cell.people.country
        ),
        "timezone": lookup(ZONES, cell.people.habits.zone),
        "birth_date": optional(
            pa.array(cell.people.birth_day.astype("datetime64[D]")), known_birth
        ),
        "gender": optional(lookup(_GENDERS, cell.people.gender), known_gender),
        "signup_channel": lookup(_SIGNUPS, rng.choice(4, n, p=(0.55, 0.2, 0.15, 0.1))),
        "favourite_store": optional(
            lookup(stores, cell.people.store), (rng.random(n) < 0.6) & (shop.spec.shops > 0)
        ),
        "email_opt_in": reach.email_opt_in,
    }
    columns = {name: column.take(pa.array(person)) for name, column in columns.items()} | {
        "customer_id": cell.accounts.ids_of_account(person, account),
        "signup_at": moments(
            np.where(account == 0, cell.life.signup_at[person], cell.accounts.switch_at[person])
        ),
        "email": _emails(cell, reach, address, person, account),
    }
    columns |= _phones_of_accounts(reach, person, account)
    return pa.table([columns[name] for name in CUSTOMER_SCHEMA.names], schema=CUSTOMER_SCHEMA)


def opted_in_to_email(shop: Shop, cell: Cell) -> Flags:
    """Who of the people of a cell gets the shop's newsletter."""
    reach = _reach(shop.stream("customers", cell=cell.index), shop, cell)
    return np.asarray(pc.fill_null(pc.equal(reach.email_opt_in, "yes"), False))


def _reach(rng: np.random.Generator, shop: Shop, cell: Cell) -> _Reach:
    spec, n = shop.spec, len(cell.people)
    second = cell.accounts.second
    wants_shared_phone = second & (rng.random(n) < 0.6)
    wants_phone = wants_shared_phone | (rng.random(n) < spec.phone_share)
    phone = _phones(shop, cell, wants_phone, first=wants_shared_phone)
    has_phone = np.asarray(phone.is_valid())
    shares_phone = second & has_phone
    has_email = (rng.random(n) < spec.email_share) | (second & ~has_phone)
    aversion = ndtri(np.clip(cell.people.aversion, 1e-12, 1 - 1e-12))
    return _Reach(
        has_email=has_email,
        phone=phone,
        email_opt_in=_consents(
            rng, spec.email_opt_in_share, spec.unknown_consent_share, has_email, aversion
        ),
        sms_opt_in=_consents(
            rng, spec.sms_opt_in_share, spec.unknown_consent_share, has_phone, aversion
        ),
        shares_phone=shares_phone,
    )


def _consents(
    rng: np.random.Generator, share: float, unknown: float, has_address: Flags, aversion: Floats
) -> pa.Array:
    """yes, no, or null: unknown or without an address. Those averse to contact agree less often."""
    willing = -0.5 * aversion + np.sqrt(0.75) * rng.standard_normal(aversion.size)
    says_yes = willing > -ndtri(share) if 0 < share < 1 else np.full(aversion.size, share == 1)
    known = has_address & (rng.random(aversion.size) >= unknown)
    return optional(lookup(("no", "yes"), says_yes.astype(np.int64)), known)


def _phones(shop: Shop, cell: Cell, wanted: Flags, *, first: Flags) -> pa.Array:
    """A phone number for those who want one, `first` ones served first, as far as reserved numbers reach.

    The numbers of a country are dealt out to the cells in turn, so no two people have the same.
    """
    numbers: list[str | None] = [None] * wanted.size
    queue = np.concatenate([np.flatnonzero(wanted & first), np.flatnonzero(wanted & ~first)])
    for index, country in enumerate(COUNTRIES.values()):
        slots = range(cell.index, country.phone_count, shop.cells)
        for person, slot in zip(
            queue[cell.people.country[queue] == index].tolist(), slots, strict=False
        ):
            numbers[person] = _reserved_number(country, slot)
    return pa.array(numbers, pa.string())


def _reserved_number(country: Country, slot: int) -> str:
    for prefix, digits in country.phones:
        if slot < 10**digits:
            return f"{country.dial}{prefix}{slot:0{digits}d}"
        slot -= 10**digits
    raise IndexError(slot)


def _phones_of_accounts(reach: _Reach, person: Ints, account: Ints) -> dict[str, pa.Array]:
    """Phone and consent to text messages: second accounts have them only where they share the phone."""
    here = (account == 0) | reach.shares_phone[person]
    phone = reach.phone.take(pa.array(person))
    spaced = pc.replace_substring_regex(phone, r"^(\+1|\+\d{2})(\d{3})", r"\1 \2 ")
    return {
        "phone": optional(pc.if_else(pa.array(account == 1), spaced, phone), here),
        "sms_opt_in": optional(reach.sms_opt_in.take(pa.array(person)), here),
    }


def _emails(
    cell: Cell, reach: _Reach, address: dict[str, pa.Array], person: Ints, account: Ints
) -> pa.Array:
    """first.last and the number of the account, so no two people have the same address."""
    own = np.where(reach.shares_phone[person], account, 0)
    number = 2 * cell.people.number[person] + own
    names = [_plain(address[name]).take(pa.array(person)) for name in ("first_name", "last_name")]
    local = join_text(names[0], ".", names[1], pa.array(number).cast(pa.string()))
    text = join_text(local, "@", lookup(_DOMAINS, number % 7 % 3))
    return optional(text, reach.has_email[person])


def _plain(names: pa.Array) -> pa.Array:
    """Names in plain small letters, as people write them into addresses."""
    coded = names.dictionary_encode()
    plain = [
        unicodedata.normalize("NFKD", name.lower().replace("ß", "ss").replace("ı", "i"))
        .encode("ascii", "ignore")
        .decode()
        for name in coded.dictionary.to_pylist()
    ]
    return pa.array(plain, pa.string()).take(coded.indices)


def _addresses(
    rng: np.random.Generator, country: Ints, town: Ints, gender: Ints
) -> dict[str, pa.Array]:
    """Names, street, city and postcode of each person, by country."""
    parts, rows = [], []
    for index, place in enumerate(COUNTRIES.values()):
        here = np.flatnonzero(country == index)
        parts.append(pa.table(_address_of(rng, place, town[here], gender[here])))
        rows.append(here)
    back = np.argsort(np.concatenate(rows), kind="stable")
    whole = pa.concat_tables(parts).take(pa.array(back)).combine_chunks()
    return {name: whole[name].combine_chunks() for name in whole.column_names}


def _address_of(
    rng: np.random.Generator, place: Country, town: Ints, gender: Ints
) -> dict[str, pa.Array]:
    n = town.size
    woman = (gender == 0) | ((gender == 2) & (rng.random(n) < 0.5))
    women = lookup(place.women, rng.integers(len(place.women), size=n))
    men = lookup(place.men, rng.integers(len(place.men), size=n))
    house = pa.array(rng.integers(1, 140, size=n)).cast(pa.string())
    street = lookup(place.streets, rng.integers(len(place.streets), size=n))
    return {
        "first_name": pc.if_else(pa.array(woman), women, men),
        "last_name": lookup(place.families, rng.integers(len(place.families), size=n)),
        "street": join_text(house, " ", street)
        if place.number_first
        else join_text(street, " ", house),
        "city": lookup([t.name for t in place.towns], town),
        "postcode": join_text(
            lookup([t.postcode for t in place.towns], town),
            *(_sign(rng, mark, n) for mark in place.postcode),
        ),
    }


def _sign(rng: np.random.Generator, mark: str, n: int) -> str | pa.Array:
    """One place of a postcode: 9 becomes digits, A letters, anything else stays."""
    if mark not in "9A":
        return mark
    signs = _DIGITS if mark == "9" else _LETTERS
    return lookup(signs, rng.integers(len(signs), size=n))
