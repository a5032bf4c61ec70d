"""Suggests a mapping from the names of columns, as shops and their programs call them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from aimwell.collect.column_words import MORE_PERSON_WORDS, MORE_REQUIRED, MORE_WORDS
from aimwell.collect.personal_signs import personal_kind
from aimwell.definitions.source_maps import MORE_MAPS
from aimwell.definitions.source_values import (
    CustomersMap,
    EventsMap,
    OrdersMap,
    PersonMap,
    ProductsMap,
    RatesMap,
    TargetMap,
)

__all__ = ["EntityName", "Suggestion", "names_a_person", "suggest_mapping", "target_maps"]

EntityName = Literal[
    "orders",
    "customers",
    "products",
    "events",
    "rates",
    "accounts",
    "account_members",
    "prices",
    "shops",
    "plans",
    "subscriptions",
    "payments",
    "usage",
    "loyalty",
    "market",
    "ad_spend",
    "touches",
    "assignments",
    "outcomes",
    "answers",
    "reviews",
    "consents",
    "suppressions",
]

_ENTITIES: tuple[EntityName, ...] = get_args(EntityName)
_MAPS: Mapping[str, type[TargetMap]] = {
    "orders": OrdersMap,
    "customers": CustomersMap,
    "products": ProductsMap,
    "events": EventsMap,
    "rates": RatesMap,
    **MORE_MAPS,
}

_PERSON = {
    "customer_id": "customer_id customer customerno customernumber customeruniqueid custid clientid client userid"
    " user memberid member accountid buyerid buyer buyerno shopperid shopper visitorid personid person householdid kundennummer kundennr kunde",
    "email": "email emailaddress mail customeremail buyeremail contactemail",
    "phone": "phone phonenumber telephone mobile mobilephone customerphone tel",
    **MORE_PERSON_WORDS,
}

_SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        **_PERSON,
        "order_id": "orderid order ordernumber orderno ordernr orderref orderreference invoice invoiceno invoiceid invoicenumber transactionid"
        " transaction basketid receiptid receiptno purchaseid saleid name bestellnummer bestellnr rechnungsnummer auftragsnummer",
        "line": "line lineno linenumber lineitem orderitemid itemno position linenr",
        "ordered_at": "orderedat orderdate invoicedate date datetime timestamp createdat purchasedat purchasedate"
        " transactiondate transactiontimestamp orderpurchasetimestamp soldat placed placedat dateplaced ordered datetimeplaced time eventtime processedat paidat bestelldatum rechnungsdatum kaufdatum datum",
        "sku": "sku stockcode productid product itemid item articleid articleno lineitemsku productcode upc ean artikelnummer artikelnr produktnummer",
        "description": "description productname itemname title lineitemname name itemdescription productdescription artikelname artikelbezeichnung produktname artikel produkt",
        "category": "category productcategory categoryname department",
        "quantity": "quantity qty units count amountofunits lineitemquantity number pieces menge anzahl stueck stck",
        "unit_price": "unitprice price itemprice lineitemprice priceperunit priceeach eachprice pricepiece pricepp unitcostprice salesprice preis einzelpreis stueckpreis stckpreis nettopreis",
        "line_total": "linetotal total amount salesvalue linevalue revenue netamount subtotal value grossamount gesamtpreis summe betrag umsatz",
        "discount": "discount discountamount linediscount lineitemdiscount rebate rabatt",
        "tax": "tax vat taxamount taxes salestax mwst mehrwertsteuer steuer",
        "shipping": "shipping freight freightvalue shippingcost postage delivery shippingamount versand versandkosten",
        "coupon": "coupon couponcode discountcode voucher vouchercode promocode gutschein gutscheincode",
        "unit_cost": "unitcost cost costprice cogs purchaseprice costperitem",
        "currency": "currency currencycode curr waehrung whrung",
        "payment_method": "paymentmethod paymenttype payment",
        "shop_id": "shopid storeid store shop storeno saleschannel channel location",
        "kind": "kind transactiontype ordertype",
        "original_order_id": "originalorderid originalorder parentorderid refundof",
    },
    "customers": {
        **_PERSON,
        "customer_id": _PERSON["customer_id"] + " id",
        "first_name": "firstname forename givenname vorname",
        "last_name": "lastname surname familyname nachname",
        "full_name": "fullname name customername",
        "street": "street address address1 addressline1 streetaddress",
        "postcode": "postcode zip zipcode postalcode plz",
        "birth_date": "birthdate birthday dateofbirth dob",
        "ip": "ip ipaddress browserip",
        "set_at": "updatedat modifiedat lastmodified changedat",
    },
    "products": {
        "sku": "sku stockcode productid product itemid id articleno code variantsku upc",
        "name": "name productname title description itemname",
        "category": "category productcategory categoryname producttype productcategoryname department type",
        "brand": "brand vendor manufacturer",
        "price": "price unitprice listprice variantprice",
        "unit_cost": "unitcost cost costprice cogs costperitem purchaseprice",
        "currency": "currency",
        "set_at": "updatedat modifiedat validfrom",
    },
    "events": {
        **_PERSON,
        "event": "event eventname eventtype action type",
        "occurred_at": "occurredat timestamp time eventtime date datetime createdat",
        "event_id": "eventid messageid id",
        "session_id": "sessionid usersession session visitid",
        "sku": "sku productid itemid",
        "category": "category categorycode productcategory",
        "revenue": "revenue value amount price",
        "quantity": "quantity qty",
        "currency": "currency",
    },
    "rates": {
        "date": "date day validfrom timeperiod time",
        "from_currency": "fromcurrency from currency currencycode base basecurrency",
        "to_currency": "tocurrency to quote quotecurrency target currencydenom",
        "rate": "rate exchangerate value obsvalue fxrate",
    },
    **{
        entity: {**(_PERSON if issubclass(_MAPS[entity], PersonMap) else {}), **words}
        for entity, words in MORE_WORDS.items()
    },
}

_TRAITS = (
    *("country", "region", "state", "city", "language", "timezone", "gender", "age", "agegroup"),
    *("income", "membership", "tier", "segment", "loyaltytier", "education", "maritalstatus"),
    *("householdsize", "homeownership", "signupat", "signupchannel", "favouritestore", "title"),
)
_OPT_INS = {
    "email": "emailoptin acceptsmarketing emailconsent newsletter subscribed marketingoptin acceptsemailmarketing",
    "sms": "smsoptin smsconsent acceptssmsmarketing",
}

_NAME = re.compile(r"[^\W\d_][^\d_@]*[\s,]+[^\W\d_][^\d_@]*")


@dataclass(frozen=True)
class Suggestion:
    """What the columns seem to be.

    `map` is target → column, `traits` trait → column, `opt_in` medium → column; `personal` says of columns that
    would not be mapped which kind of personal data they seem to hold (they can go to the vault); `unmapped`
    are the others.
    """

    entity: EntityName
    map: Mapping[str, str]
    traits: Mapping[str, str]
    opt_in: Mapping[str, str]
    personal: Mapping[str, str]
    unmapped: tuple[str, ...]


def target_maps() -> Mapping[str, type[TargetMap]]:
    """Entity → its targets."""
    return _MAPS


def names_a_person(column: str) -> bool:
    """Whether a column is called as what tells people apart."""
    return any(_bare(column) in words.split() for words in _PERSON.values())


def suggest_mapping(
    columns: Sequence[str],
    sample: Mapping[str, Sequence[str]] | None = None,
    *,
    entity: EntityName | None = None,
) -> Suggestion:
    """Suggest a mapping.

    Args:
        columns: Names of the columns.
        sample: Some values of each, which help to find personal data; names of people are no customer_id.
        entity: What a row is; None lets the names tell.
    """
    best: EntityName = max(_ENTITIES, key=partial(_fit, columns))
    chosen = entity or best
    values = sample or {}
    found = _matches(columns, chosen)
    if _are_names(values.get(found.get("customer_id", ""), ())):
        # Two people of one name would become one.
        del found["customer_id"]
    taken = set(found.values())
    opt_in = {
        medium: column
        for medium, words in _OPT_INS.items()
        for column in columns
        if _bare(column) in words.split() and column not in taken
    }
    taken |= set(opt_in.values())
    traits = {
        _trait_name(column): column
        for column in columns
        if column not in taken and _bare(column) in _TRAITS and chosen in ("orders", "customers")
    }
    taken |= set(traits.values())
    rest = [column for column in columns if column not in taken]
    kinds = {column: personal_kind(column, values.get(column, ())) for column in rest}
    return Suggestion(
        entity=chosen,
        map=found,
        traits=traits,
        opt_in=opt_in,
        personal={column: kind for column, kind in kinds.items() if kind is not None},
        unmapped=tuple(column for column in rest if kinds[column] is None),
    )


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _are_names(values: Sequence[str]) -> bool:
    """Whether all are words of letters, as Anna Smith or Smith, Anna."""
    return bool(values) and all(_NAME.fullmatch(value.strip()) for value in values)


def _trait_name(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")


def _matches(columns: Sequence[str], entity: str) -> dict[str, str]:
    """Target → column. Each column once; of several that fit a target the one whose name stands first among
    the target's words."""
    found: dict[str, str] = {}
    free = list(columns)
    ranked: list[tuple[int, int, str, str]] = []
    for order, target in enumerate(_MAPS[entity].model_fields):
        if target in ("external_ids", "handles"):  # which system or network, no name tells
            continue
        words = [_bare(target), *_SYNONYMS[entity].get(target, "").split()]
        for column in columns:
            if _bare(column) in words:
                ranked.append((words.index(_bare(column)), order, target, column))
    for _rank, _order, target, column in sorted(ranked):
        if target not in found and column in free:
            found[target] = column
            free.remove(column)
    return {target: found[target] for target in _MAPS[entity].model_fields if target in found}


def _fit(columns: Sequence[str], entity: EntityName) -> float:
    """How well the names fit an entity: its required targets count most."""
    found = _matches(columns, entity)
    required = {
        "orders": ("order_id", "ordered_at", "quantity"),
        "customers": ("customer_id", "first_name", "last_name"),
        "products": ("sku", "name", "category"),
        "events": ("event", "occurred_at", "customer_id"),
        "rates": ("date", "from_currency", "rate"),
        **MORE_REQUIRED,
    }[entity]
    if entity in MORE_REQUIRED and not set(required) <= found.keys():
        return 0  # rarer than the others: only where nothing is missing
    return sum(name in found for name in required) * 10 + len(found)
