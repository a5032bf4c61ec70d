"""How personal data is told from other data: by the name it stands under, and by the value itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_email", "is_ip", "personal_kind"]

_SHARE = 0.3

_NAMES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("email", r"e?mail|mail(addr|address)"),
        ("phone", r"(tele)?phone|mobile|msisdn|telephone|handy|fax"),
        ("first_name", r"(first|given|fore)name|vorname|prenom"),
        ("last_name", r"(last|family|sur)name|nachname"),
        ("full_name", r"(full|customer|billing|shipping|contact)name|name"),
        (
            "street",
            r"street|address(line)?[0-9]?|addr|strasse|(billing|shipping)(street|address[0-9]?)",
        ),
        ("postcode", r"(post|zip|postal)(code)?|plz|(billing|shipping)(zip|postcode)"),
        ("birth_date", r"birth(day|date)?|dateofbirth|dob"),
        ("ip", r"ip(addr|address)?|(client|remote)ip"),
        (
            "free text",
            r"(review|free|order)?(comment|comments|note|notes|message|text)|review(body|title)",
        ),
    )
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+[.][A-Za-z]{2,}")
_IP = re.compile(r"([0-9]{1,3}[.]){3}[0-9]{1,3}|([0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}")
# Numbers and dates look like telephones; only a name can tell those.
_SURE: tuple[tuple[str, re.Pattern[str]], ...] = (("email", _EMAIL), ("ip", _IP))
_NOT_OF_A_NAME = re.compile(r"[^a-z0-9]")


def personal_kind(name: str, values: Sequence[str] = ()) -> str | None:
    """What kind of personal data a column holds, by its name, else by some values; None: none."""
    bare = _NOT_OF_A_NAME.sub("", name.lower())
    for kind, pattern in _NAMES:
        if pattern.fullmatch(bare):
            return kind
    told = [value for value in values if value]
    for kind, pattern in _SURE:
        fits = sum(pattern.fullmatch(value) is not None for value in told)
        if told and fits > _SHARE * len(told):
            return kind
    return None


is_email = _EMAIL.fullmatch
"""Whether a text is an e-mail address. The pattern's own, for whoever asks of every single value."""

is_ip = _IP.fullmatch
"""Whether a text is the address of a device."""
