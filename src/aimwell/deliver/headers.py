"""Header fields (RFC 5322) with any text in them (RFC 2047), folded, and addresses in any script.

Nothing that goes in can end a header line: line ends and control characters in texts become blanks, and an
address with any of them is refused.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from textwrap import wrap
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from aimwell.errors import DeliverError

__all__ = [
    "Address",
    "Header",
    "address",
    "date_header",
    "mailbox",
    "one_line",
    "plain_header",
    "text_header",
]

_LINE_CHARS = 76
_QUOTED_CHARS = 300
_WORD_BYTES = (
    39  # 52 characters in base64 and 12 around them; lines with encoded words have at most 76
)
_PRINTABLE = re.compile(r"[ -~]*")
_EASY = re.compile(r"[!-~]+(?: [!-~]+)*")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_ADDRESS = re.compile(rf"({_LOCAL})@({_LABEL}(?:\.{_LABEL})*)")


# Tuples, as several are made for every message and a tuple takes a third of a dataclass's time.
class Header(NamedTuple):
    """A header field, written for the wire and in the relaxed canonical form of DKIM (RFC 6376, 3.4.2)."""

    wire: bytes
    canonical: bytes


class Address(NamedTuple):
    """An e-mail address as SMTP takes it: the domain in ASCII, `international` where the local part is not."""

    spec: str
    domain: str
    international: bool


def one_line(text: str) -> str:
    """The text on one line: every run of blanks, line ends and control characters becomes one blank."""
    return text if _EASY.fullmatch(text) else _BLANKS.sub(" ", text).strip()


def address(text: str) -> Address:
    """Reads one bare address (`anna@example.com`), with a domain in any script.

    Raises:
        DeliverError: It is no address that can be put into a message; the error does not repeat it.
    """
    if len(text) <= 254:
        found = _PLAIN_ADDRESS.fullmatch(text)
        if found is not None and len(found[1]) <= 64:
            return Address(text, found[2], international=False)
    try:
        checked = validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        # The library's words may quote the address, which must not reach a log.
        raise DeliverError("The address is not one that mail can be sent to.") from None
    spec = f"{checked.local_part}@{checked.ascii_domain}"
    return Address(spec, checked.ascii_domain, international=checked.smtputf8)


def text_header(name: str, text: str) -> Header:
    """A header of free text, as Subject: as it is where it is short plain ASCII, else in encoded words."""
    value = one_line(text)
    short = len(name) + 2 + len(value) <= _LINE_CHARS
    if short and _PRINTABLE.fullmatch(value) and "=?" not in value:
        return plain_header(name, value)
    return _folded(name, _encoded_words(value))


def mailbox(name: str, display: str, to: Address) -> Header:
    """A header of one mailbox, as From: `Display name <address>`, or the bare address."""
    shown = one_line(display)
    if not shown:
        return plain_header(name, to.spec)
    if len(shown) > _QUOTED_CHARS or not _PRINTABLE.fullmatch(shown) or "=?" in shown:
        return _folded(name, [*_encoded_words(shown), f"<{to.spec}>"])
    if not _ATOMS.fullmatch(shown):
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        shown = f'"{quoted}"'
    if len(name) + 5 + len(shown) + len(to.spec) <= _LINE_CHARS:
        return plain_header(name, f"{shown} <{to.spec}>")
    return _folded(
        name, [*wrap(shown, 60, break_long_words=False, break_on_hyphens=False), f"<{to.spec}>"]
    )


def date_header(now: datetime) -> Header:
    """The Date header of an aware moment."""
    return plain_header("Date", format_datetime(now))


def plain_header(name: str, value: str) -> Header:
    """A header whose value is known to be plain and short enough for one line."""
    wire, canonical = _names(name)
    raw = value.encode("utf-8", "replace") + b"\r\n"
    return Header(wire + raw, canonical + raw)


@lru_cache(maxsize=64)
def _names(name: str) -> tuple[bytes, bytes]:
    return name.encode("ascii") + b": ", name.lower().encode("ascii") + b":"


def _folded(name: str, lines: list[str]) -> Header:
    wire, canonical = _names(name)
    raw = [line.encode("utf-8", "replace") for line in lines]
    return Header(wire + b"\r\n ".join(raw) + b"\r\n", canonical + b" ".join(raw) + b"\r\n")


def _encoded_words(text: str) -> list[str]:
    """The text as encoded words of at most 75 characters, none of which cuts a character in two."""
    data = text.encode("utf-8", "replace")
    words: list[str] = []
    start = 0
    while start < len(data):
        stop = min(start + _WORD_BYTES, len(data))
        while stop < len(data) and data[stop] & 0xC0 == 0x80:
            stop -= 1
        words.append(f"=?utf-8?b?{base64.b64encode(data[start:stop]).decode()}?=")
        start = stop
    return words
