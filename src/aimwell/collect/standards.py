"""One value in one form: white space, Unicode, case, yes and no, countries, currencies, days."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from aimwell.collect.standard_countries import country_code
from aimwell.currencies import CURRENCIES
from aimwell.definitions.source_standards import Step

__all__ = ["is_lossy", "standard"]

_YES = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "1.0",
        "on",
        "ja",
        "j",
        "wahr",
        "oui",
        "o",
        "vrai",
        "si",
        "sì",
        "sí",
        "s",
        "sim",
        "tak",
        "да",
        "да.",
        "hai",
        "jo",
        "kyllä",
    ]
)
_NO = frozenset(
    [
        "no",
        "n",
        "false",
        "f",
        "0",
        "0.0",
        "off",
        "nein",
        "non",
        "faux",
        "não",
        "nao",
        "nie",
        "нет",
        "nee",
        "nej",
        "ei",
    ]
)
_CURRENCY_WORDS = {
    "£": "GBP",
    "€": "EUR",
    "¥": "JPY",
    "us$": "USD",
    "c$": "CAD",
    "ca$": "CAD",
    "a$": "AUD",
    "₹": "INR",
    "zł": "PLN",
    "euro": "EUR",
    "euros": "EUR",
    "pound": "GBP",
    "pounds": "GBP",
    "sterling": "GBP",
    "gbp sterling": "GBP",
    "pound sterling": "GBP",
    "us dollar": "USD",
    "us dollars": "USD",
    "usd dollars": "USD",
    "dollar us": "USD",
    "yen": "JPY",
    "sfr": "CHF",
    "sfr.": "CHF",
    "fr.": "CHF",
    "swiss franc": "CHF",
    "swiss francs": "CHF",
    "rmb": "CNY",
    "r$": "BRL",
    "real": "BRL",
    "reais": "BRL",
    "kč": "CZK",
    "rupee": "INR",
    "rupees": "INR",
}
_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y"),
)


def standard(text: str, steps: Sequence[Step], days: Sequence[str] = ()) -> tuple[str, bool]:
    """The value after all steps, and whether each knew what to make of it; what none knows stays as it is.

    Args:
        text: The value.
        steps: What is done in turn.
        days: Forms of days that are tried before the ones which can mean one day only.
    """
    known = True
    for step in steps:
        made = _made(text, step, days)
        known = known and made is not None
        text = text if made is None else made
    return text, known


def _made(text: str, step: Step, days: Sequence[str]) -> str | None:
    match step:
        case "keep":
            return text
        case "spaces":
            return " ".join(text.split())
        case "unicode":
            return unicodedata.normalize("NFC", text)
        case "lower":
            return text.lower()
        case "upper":
            return text.upper()
        case "title":
            return _title(text)
        case "yes_no":
            low = " ".join(text.split()).casefold()
            return "yes" if low in _YES else "no" if low in _NO else None
        case "country":
            return country_code(text)
        case "currency":
            low = " ".join(text.split()).casefold()
            return low.upper() if low.upper() in CURRENCIES else _CURRENCY_WORDS.get(low)
        case "date":
            return _day(text.strip(), days)


def _title(text: str) -> str:
    """Each word with a capital; a text that has both cases is written as it should be already."""
    if text != text.lower() and text != text.upper():
        return text
    found: list[str] = []
    start = True
    for char in text.lower():
        found.append(char.upper() if start else char)
        start = not (char.isalnum() or char in "'’")
    return "".join(found)


def _day(text: str, days: Sequence[str]) -> str | None:
    head = text.split("T")[0] if "T" in text and text[:4].isdigit() else text
    for form in (*(one for one in days if "%" in one), *_DAYS):
        try:
            found = datetime.strptime(head, form)  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if found.year >= 1000:
            return found.date().isoformat()
    return None


def is_lossy(before: str, after: str) -> bool:
    """Whether the value before cannot be told from the one after, so that it is kept beside it: more has changed
    than white space, case and the way in which characters are put together."""
    return _bare(before) != _bare(after)


def _bare(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()
