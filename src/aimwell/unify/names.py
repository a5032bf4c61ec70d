"""First names as keys that can be compared, and addresses that belong to a role and not to a person.

They are read from the vault where two people might be one, and never leave the process.
"""

from __future__ import annotations

import re
import unicodedata

from aimwell.unify.nicknames import forms_of

__all__ = ["generation_of", "is_role_address", "name_keys"]

_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "madam", "herr", "frau", "mme", "mlle"}
)
_GENERATIONS = {"sr": "senior", "senior": "senior", "jr": "junior", "junior": "junior"}
_GENERATIONS |= {"ii": "second", "iii": "third", "iv": "fourth"}
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ROLES = frozenset(
    {
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "administrator",
        "anonym",
        "anonymous",
        "bestellung",
        "billing",
        "contact",
        "customer",
        "do-not-reply",
        "donotreply",
        "email",
        "example",
        "guest",
        "hello",
        "help",
        "helpdesk",
        "hi",
        "hostmaster",
        "hr",
        "info",
        "invoice",
        "invoices",
        "jobs",
        "kasse",
        "kiosk",
        "kunde",
        "kundenservice",
        "mail",
        "mailer-daemon",
        "marketing",
        "news",
        "newsletter",
        "no-reply",
        "no_reply",
        "none",
        "noreply",
        "null",
        "office",
        "order",
        "orders",
        "pos",
        "postmaster",
        "press",
        "privacy",
        "reception",
        "root",
        "sales",
        "security",
        "service",
        "shop",
        "spam",
        "staff",
        "store",
        "support",
        "team",
        "test",
        "testing",
        "till",
        "unknown",
        "webmaster",
    }
)


def name_keys(first: str | None, last: str | None, full: str | None) -> frozenset[str]:
    """Keys of a name; two names that share none are different. Empty where no first name is told.

    The first name is a key (with the names that it may be a form of), and so are all its words together, because some
    sources write the last name first. An initial alone tells nothing.
    """
    words = _words(first) + _words(last) if _words(first) else _words(_in_order(full))
    if not words or len(words[0]) < 2:
        return frozenset()
    keys = {f"first {words[0]}", *(f"first {name}" for name in forms_of(words[0]))}
    if len(words) > 1:
        keys.add("all " + " ".join(sorted(words)))
    return frozenset(keys)


def generation_of(first: str | None, last: str | None, full: str | None) -> str | None:
    """Which of those of one name it is, where the name's last word says so: 'Robert Smith Jr.' is the junior."""
    for part in (last, full, first):
        words = _words(part)
        if len(words) > 1 and (found := _GENERATIONS.get(words[-1])):
            return found
    return None


def _in_order(full: str | None) -> str | None:
    """'Smith, Ann' as 'Ann Smith'."""
    last, comma, first = (full or "").partition(",")
    return f"{first} {last}" if comma else full


def _words(text: str | None) -> list[str]:
    plain = unicodedata.normalize("NFKD", text or "")
    plain = "".join(char for char in plain if not unicodedata.combining(char)).casefold()
    words = _WORD.findall(plain)
    return [word for word in words if word not in _TITLES] or words


def is_role_address(email: str) -> bool:
    """Whether the address belongs to a desk, a machine or a form: info@, noreply@, kiosk@ …"""
    local = email.partition("@")[0].partition("+")[0].strip().lower()
    return local in _ROLES or local.rstrip("0123456789.-_") in _ROLES
