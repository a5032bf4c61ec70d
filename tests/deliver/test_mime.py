"""What goes into a message is what Python's own parser reads out of it, whatever it holds."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from aimwell.deliver.compose import Composer
from aimwell.deliver.content import compile_content
from aimwell.deliver.headers import one_line
from aimwell.deliver.model import Content, Outgoing, Recipient, Sender, Tracking
from aimwell.deliver.token import Tokens

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
TRACKING = Tracking("https://news.shop.example", opens=False, clicks=False)
TOKENS = Tokens([b"a secret of thirty-two bytes, 01"])
SENDER = Sender(
    "hello@shop.example",
    name="The Shop – Ünique",
    reply_to="help@shop.example",
    bounce_domain="bounces.shop.example",
    feedback_id="spring:main:shop",
)
NASTY = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=" .\r\n\t\x00=-_aé😀\u2028\ud800<>&\"'", max_size=120),
    st.text(alphabet="x", min_size=990, max_size=1200),
    st.sampled_from(
        [
            ".",
            "\n.\n",
            "\r\n.\r\n",
            "From me",
            "\r\nBcc: evil@example.com\r\n\r\nbody",
            "--=_aw_",
            "=?utf-8?b?AAAA?=",
            "{{ x }}{% raw %}",
            " lead and trail ",
        ]
    ),
)


def composer(content: Content, sender: Sender = SENDER) -> Composer:
    return Composer(
        [compile_content(content, TRACKING)], sender=sender, tracking=TRACKING, tokens=TOKENS
    )


def compose(made: Composer, recipient: Recipient) -> Outgoing:
    (message,) = made.compose([recipient], now=NOW)
    assert isinstance(message, Outgoing), message
    return message


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    return message


def part_of(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return with_lf(str(part.get_content())).removesuffix("\n")


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def with_lf(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\n", clean(text))


BOTH = composer(
    Content("t", "{{ s }}", html="<i>{{ a }}</i>{{ b }} end.", text="[{{ a }}]\n{{ b }} end.")
)
NAMES = ["From", "Reply-To", "MIME-Version", "Content-Type", "List-Unsubscribe-Post", "Feedback-ID"]
CHANGING = ["Date", "To", "Subject", "Message-ID", "List-Unsubscribe"]


@given(subject=NASTY, a=NASTY, b=NASTY, name=NASTY)
def test_everything_is_read_back_exactly(subject: str, a: str, b: str, name: str) -> None:
    fields = {"s": f"S{subject}", "a": a, "b": b}
    message = compose(BOTH, Recipient("m-1", "anna@example.com", fields, name=name))
    parsed = parse(message.data)
    assert parsed["Subject"] == clean(one_line(f"S{subject}"))
    assert [address.addr_spec for address in parsed["To"].addresses] == ["anna@example.com"]
    assert part_of(parsed, "html") == with_lf(f"<i>{escape(a)}</i>{escape(b)} end.")
    assert part_of(parsed, "plain") == with_lf(f"[{a}]\n{b} end.")
    assert parsed.keys() == CHANGING + NAMES
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


@given(subject=NASTY, a=NASTY, b=NASTY, name=NASTY)
def test_every_message_is_fit_for_any_mail_server(subject: str, a: str, b: str, name: str) -> None:
    fields = {"s": f"S{subject}", "a": a, "b": b}
    data = compose(BOTH, Recipient("m-1", "anna@example.com", fields, name=name)).data
    assert data.isascii()
    assert b"\x00" not in data
    assert data.endswith(b"\r\n")
    lines = data.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b".") for line in lines)


@given(a=NASTY)
def test_a_message_of_plain_text_alone_is_read_back_exactly(a: str) -> None:
    made = composer(Content("t", "s", text="Hi\n{{ a }}."))
    parsed = parse(compose(made, Recipient("m-1", "anna@example.com", {"a": a})).data)
    assert parsed.get_content_type() == "text/plain"
    assert with_lf(str(parsed.get_content())).removesuffix("\n") == with_lf(f"Hi\n{a}.")


def test_the_headers_are_those_that_providers_ask_for() -> None:
    message = compose(
        BOTH, Recipient("m-1", "anna@example.com", {"s": "s", "a": "a", "b": "b"}, name="Anna")
    )
    parsed = parse(message.data)
    assert parsed["From"] == "The Shop – Ünique <hello@shop.example>"
    assert parsed["Reply-To"] == "help@shop.example"
    assert parsed["To"] == "Anna <anna@example.com>"
    assert parsed["Date"].datetime == NOW
    assert parsed["Message-ID"] == "<m-1@shop.example>"
    assert (
        parsed["List-Unsubscribe"]
        == f"<https://news.shop.example/u/{TOKENS.make('unsubscribe', 'm-1')}>"
    )
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert parsed["Feedback-ID"] == "spring:main:shop"
    assert message.return_path == f"b-{TOKENS.make('bounce', 'm-1')}@bounces.shop.example"
    assert message.recipient == "anna@example.com"


def test_the_return_path_fits_and_leads_back_even_in_capitals() -> None:
    message_id = "a" * 36
    message = compose(
        BOTH, Recipient(message_id, "anna@example.com", {"s": "s", "a": "a", "b": "b"})
    )
    local = message.return_path.partition("@")[0]
    assert len(local) <= 64
    assert TOKENS.verify("bounce", local.upper().removeprefix("B-")) == message_id


def test_without_a_bounce_domain_bounces_go_to_the_sender() -> None:
    made = composer(Content("t", "s", text="x"), Sender("hello@shop.example"))
    message = compose(made, Recipient("m-1", "anna@example.com"))
    assert message.return_path == "hello@shop.example"
    assert "Reply-To" not in parse(message.data)
    assert "Feedback-ID" not in parse(message.data)


@pytest.mark.parametrize(
    ("address", "spec", "international"),
    [
        ("anna@bücher.example.com", "anna@xn--bcher-kva.example.com", False),
        ("zoë@gmail.com", "zoë@gmail.com", True),
    ],
)
def test_addresses_in_any_script_are_written(address: str, spec: str, international: bool) -> None:
    message = compose(BOTH, Recipient("m-1", address, {"s": "s", "a": "a", "b": "b"}, name="Zoë"))
    assert (message.recipient, message.international) == (spec, international)
    shown = parse(message.data)["To"].addresses[0].addr_spec
    assert shown.encode("utf-8", "surrogateescape").decode() == spec


def test_nothing_of_a_person_shows_in_a_repr() -> None:
    recipient = Recipient(
        "m-1", "anna@example.com", {"s": "secret", "a": "a", "b": "b"}, name="Anna Smith"
    )
    message = compose(BOTH, recipient)
    preview = BOTH.preview(recipient, now=NOW)
    for shown in (repr(recipient), repr(message), repr(preview)):
        assert not any(word in shown for word in ("anna", "Anna", "secret"))
