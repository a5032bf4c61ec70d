from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.headerregistry import Address as ParsedAddress
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aimwell.deliver.headers import (
    Header,
    address,
    date_header,
    mailbox,
    one_line,
    plain_header,
    text_header,
)
from aimwell.errors import DeliverError

TEXT = st.one_of(
    st.text(max_size=200),
    st.text(alphabet='a \r\n\t\x00"\\<>@,;:=?é😀\u2028', max_size=120),
    st.text(alphabet="ab ", min_size=60, max_size=1200),
)


def parse(*headers: Header) -> EmailMessage:
    raw = b"".join(header.wire for header in headers) + b"\r\n"
    message = email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def clean(text: str) -> str:
    return one_line(text).encode("utf-8", "replace").decode()


@given(TEXT)
@example("=?utf-8?q?not_encoded?=")
@example("Subject\r\nBcc: everybody@example.com")
@example("x" * 2000)
def test_a_subject_is_read_back_as_it_was(subject: str) -> None:
    header = text_header("Subject", subject)
    message = parse(header, plain_header("X-After", "here"))
    assert list(message.keys()) == ["Subject", "X-After"]
    assert message["Subject"] == clean(subject)
    assert all(len(line) <= 78 for line in header.wire.split(b"\r\n"))


@given(TEXT)
@example('"quoted" \\ name')
@example("Smith, Anna")
@example("a\r\nBcc: b@example.com")
@example("=?x?")
def test_a_display_name_is_read_back_as_it_was(name: str) -> None:
    header = mailbox("To", name, address("anna@example.com"))
    message = parse(header, plain_header("X-After", "here"))
    assert list(message.keys()) == ["To", "X-After"]
    (found,) = message["To"].addresses
    assert isinstance(found, ParsedAddress)
    assert found.addr_spec == "anna@example.com"
    if header.wire.count(b"=?utf-8?") > 1:
        # The new parser keeps the blank between two encoded words of a name, against RFC 2047; the old one does not.
        shown = (
            header.wire.decode().removeprefix("To: ").removesuffix("\r\n <anna@example.com>\r\n")
        )
        assert str(make_header(decode_header(shown))) == clean(name)
    else:
        assert found.display_name == clean(name)
    longest = max(map(len, clean(name).split(" ")))
    assert all(len(line) <= max(78, longest * 2 + 4) for line in header.wire.split(b"\r\n"))


@given(TEXT)
def test_the_canonical_form_is_the_unfolded_wire(text: str) -> None:
    for header in (text_header("Subject", text), mailbox("From", text, address("a@example.com"))):
        name, _, value = header.wire.decode().partition(":")
        unfolded = " ".join(value.replace("\r\n", "").split())
        assert header.canonical.decode() == f"{name.lower()}:{unfolded}\r\n"


def test_a_domain_in_any_script_becomes_ascii() -> None:
    found = address("info@münchen.example.com")
    assert found == ("info@xn--mnchen-3ya.example.com", "xn--mnchen-3ya.example.com", False)


def test_a_local_part_in_any_script_needs_an_international_server() -> None:
    found = address("zoë@gmail.com")
    assert found.international
    parsed = parse(mailbox("To", "Zoë", found))["To"].addresses[0].addr_spec
    assert parsed.encode("utf-8", "surrogateescape").decode() == "zoë@gmail.com"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "anna",
        "@example.com",
        "anna@",
        "anna@example..com",
        "anna@-example.com",
        "an na@example.com",
        "anna@example.com\r\nRCPT TO:<b@example.com>",
        "anna@example.com\n",
        "a\x00b@example.com",
        "anna@example.com>",
        "<anna@example.com>",
        "Anna <anna@example.com>",
        "anna@example.com,b@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 64 + ".com",
        "a@" + ".".join(["b" * 60] * 5),
        "zoë\u2028@gmail.com",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(DeliverError) as caught:
        address(wrong)
    assert "anna" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_passes_as_an_address_with_a_line_end_in_it(text: str) -> None:
    try:
        found = address(text)
    except DeliverError:
        return
    assert not set(found.spec) & set("\r\n\x00 <>,")


def test_the_date_is_read_back() -> None:
    now = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    assert parse(date_header(now))["Date"].datetime == now
