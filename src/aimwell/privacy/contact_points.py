"""E-mail addresses and telephone numbers in one form each, so that equal ones are equal text.

The library that reads a number or address well takes 20–60 µs each, so the millions that are already in the
plain form are let through by a pattern, and each distinct rest is read once.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

__all__ = ["normal_email", "normal_phone", "normalise_emails", "normalise_phones"]

_PLAIN_EMAIL = (
    r"^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"
)
_PLAIN_PHONE = r"^\+[1-9][0-9]{7,14}$"
_EMAIL_CHARACTERS_MAX = 254


def normal_email(text: str) -> str | None:
    """The address trimmed and in lower case, its domain in ASCII; None where it is not an address."""
    candidate = text.strip()
    if len(candidate) > _EMAIL_CHARACTERS_MAX:
        return None
    if re.fullmatch(_PLAIN_EMAIL, candidate.lower()):
        return candidate.lower()
    try:
        checked = validate_email(candidate, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return f"{checked.local_part}@{checked.ascii_domain}".lower()


def normal_phone(text: str, country: str | None) -> str | None:
    """The number in E.164 with its plus; `country` (ISO) reads numbers without prefix; None: not a number."""
    candidate = text.strip()
    if re.fullmatch(_PLAIN_PHONE, candidate):
        return candidate
    try:
        number = phonenumbers.parse(candidate, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_emails(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """`normal_email` of each; null where there is none."""
    lowered = pc.utf8_lower(pc.utf8_trim_whitespace(_flat(values)))
    return _rest(lowered, _PLAIN_EMAIL, normal_email)


def normalise_phones(
    values: pa.Array | pa.ChunkedArray, country: str | pa.Array | pa.ChunkedArray | None
) -> pa.Array:
    """`normal_phone` of each, with one country for all or one for each."""
    flat = pc.utf8_trim_whitespace(_flat(values))
    if country is None or isinstance(country, str):
        return _rest(flat, _PLAIN_PHONE, lambda text: normal_phone(text, country))
    # Number and country as one text, so that each distinct pair is read once.
    joined = pc.binary_join_element_wise(flat, pc.fill_null(_flat(country), ""), "\x1f")
    known = pa.array(_once(joined, _phone_with_country))
    return pc.if_else(
        pc.fill_null(pc.match_substring_regex(flat, _PLAIN_PHONE), False), flat, known
    )


def _phone_with_country(text: str) -> str | None:
    number, _, country = text.partition("\x1f")
    return normal_phone(number, country or None)


def _flat(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    combined = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return combined.cast(pa.string())


def _rest(values: pa.Array, plain: str, read: Callable[[str], str | None]) -> pa.Array:
    """`values` where they match the pattern `plain`, else what `read` makes of them."""
    good = pc.fill_null(pc.match_substring_regex(values, plain), False)
    if pc.all(good, min_count=0).as_py():
        return values
    rest = pc.if_else(good, pa.scalar(None, pa.string()), values)
    return pc.if_else(good, values, pa.array(_once(rest, read), pa.string()))


def _once(values: pa.Array, read: Callable[[str], str | None]) -> list[str | None]:
    """`read` of each value, computed once for each distinct one."""
    encoded = values.dictionary_encode()
    known = [None if text is None else read(text) for text in encoded.dictionary.to_pylist()]
    return [None if index is None else known[index] for index in encoded.indices.to_pylist()]
