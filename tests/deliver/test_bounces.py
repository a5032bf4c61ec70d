from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.deliver.bounces import outcome, read_reply


@pytest.mark.parametrize(
    ("code", "text", "enhanced", "status", "words"),
    [
        (250, "2.0.0 Ok: queued as 12345", "2.0.0", "accepted", "Ok: queued as 12345"),
        (250, "OK", "", "accepted", "OK"),
        (
            550,
            "5.1.1 <anna@example.com>: unknown user",
            "5.1.1",
            "refused",
            "<address>: unknown user",
        ),
        (550, "No such user anna@EXAMPLE.com here", "", "refused", "No such user <address> here"),
        (452, "4.2.2 Mailbox full\nTry later", "4.2.2", "deferred", "Mailbox full Try later"),
        (421, "4.7.0 Too many connections", "4.7.0", "deferred", "Too many connections"),
        (550, "4.1.1 of another class", "", "refused", "4.1.1 of another class"),
        (554, "10.0.0.1 is listed", "", "refused", "10.0.0.1 is listed"),
        (-1, "garbage", "", "deferred", "garbage"),
        (250, "2.1.5\tbob@other.example relayed", "2.1.5", "accepted", "<address> relayed"),
    ],
)
def test_a_reply_is_read_by_class_and_its_addresses_are_removed(
    code: int, text: str, enhanced: str, status: str, words: str
) -> None:
    reply = read_reply(code, text, recipient="anna@example.com")
    assert (reply.enhanced, reply.status, reply.text) == (enhanced, status, words)


@given(
    st.text(max_size=400),
    st.sampled_from(["anna@example.com", "zoë@münchen.example", "o'x+y@z.example"]),
)
def test_no_reply_repeats_the_recipient(text: str, recipient: str) -> None:
    reply = read_reply(550, f"{text}{recipient}{text} {recipient.upper()}", recipient=recipient)
    assert recipient.lower() not in reply.text.lower()
    assert len(reply.text) <= 300
    assert reply.text.isprintable() or not set(reply.text) & set("\r\n\t\x00")


@pytest.mark.parametrize(
    ("code", "text", "stage", "about"),
    [
        (550, "5.1.1 no such user", "rcpt", True),
        (550, "no such user", "rcpt", True),
        (550, "<anna@example.com>: User unknown in local table", "rcpt", True),
        (550, "Requested action not taken: mailbox unavailable", "rcpt", True),
        (550, "The account <a@b.co> does not exist", "rcpt", True),
        (552, "5.2.2 mailbox full", "rcpt", True),
        (550, "relaying denied", "rcpt", False),
        (550, "no", "rcpt", False),
        (554, "Access denied for this user agent", "rcpt", False),
        (550, "5.4.1 Recipient address rejected: Access denied", "rcpt", False),
        (550, "5.7.1 you are blocked", "rcpt", False),
        (550, "5.7.1 spam", "data", False),
        (550, "5.1.8 bad sender", "mail", False),
        (450, "4.2.1 not now", "rcpt", False),
    ],
)
def test_only_a_refusal_of_the_address_speaks_against_it(
    code: int, text: str, stage: str, about: bool
) -> None:
    made = outcome("m-1", read_reply(code, text), stage)
    assert made.about_recipient == about
    assert made.may_retry == (code < 500)
