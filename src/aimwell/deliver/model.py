"""What the room hands about: contents, recipients, messages ready to go, and what became of them.

Everything that holds a person's data keeps it out of its `repr`, so that a log line or a failing assertion
cannot show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from aimwell.errors import DeliverError

__all__ = [
    "MESSAGE_ID",
    "Content",
    "Outcome",
    "Outgoing",
    "Recipient",
    "Sender",
    "Status",
    "StopCode",
    "Stopped",
    "Tracking",
]

# Lower case, because mail servers may fold the return path; 36 characters (a UUID with dashes), because its local
# part must fit 64 octets together with the code of authenticity.
MESSAGE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,35}")

_NO_FIELDS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Content:
    """One variant of what is written to people, as the marketer wrote it, Liquid intact.

    Give `html` or `mjml` or neither, not both. Without `text` the plain part is derived from the HTML.
    """

    template: str
    subject: str
    html: str = ""
    mjml: str = ""
    text: str = ""
    preheader: str = ""
    variant: str = "main"

    def __post_init__(self) -> None:
        if self.html and self.mjml:
            raise DeliverError(
                f"Template '{self.template}' has both html and mjml. Keep one of them."
            )
        if not (self.html or self.mjml or self.text):
            raise DeliverError(f"Template '{self.template}' has no body. Give html, mjml or text.")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a campaign's messages come from.

    `bounce_domain` receives bounces: the return path of every message is an address of its own there (VERP).
    Without it bounces go to `address`. `feedback_id` is the value of the Feedback-ID header by which mailbox
    providers report complaints, up to four fields parted by colons, as `spring-winback:main:shop`.
    """

    address: str
    name: str = ""
    reply_to: str = ""
    bounce_domain: str = ""
    feedback_id: str = ""


@dataclass(frozen=True, slots=True)
class Tracking:
    """Where the links in a message lead, and what is measured.

    `base_url` is the public address at which Aimwell answers unsubscribe, preference, click and open requests.
    `utm` is added to links, never in place of what a link already has. `honeypot` hides a link that only
    machines follow.
    """

    base_url: str
    clicks: bool = True
    opens: bool = True
    honeypot: bool = True
    utm: Mapping[str, str] = field(default_factory=lambda: _NO_FIELDS)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[A-Za-z0-9._~:/\[\]-]+", self.base_url):
            raise DeliverError(
                f"The public address {self.base_url!r} cannot be put into messages. It must begin with https:// "
                "and hold only a host, a port and a path."
            )


@dataclass(frozen=True, slots=True)
class Recipient:
    """One message to one person: where it goes and the fields that its texts may use.

    `message_id` is the ledger's id: lower-case letters, digits, `-` and `_`, at most 36. It stands in links and in
    the return path, so it must say nothing about the person.
    """

    message_id: str
    address: str = field(repr=False)
    fields: Mapping[str, object] = field(repr=False, default_factory=lambda: _NO_FIELDS)
    name: str = field(default="", repr=False)
    variant: str = "main"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to go: signed bytes with CRLF line ends, and its envelope.

    `international` says that the address needs a server with SMTPUTF8.
    """

    message_id: str
    return_path: str
    recipient: str = field(repr=False)
    data: bytes = field(repr=False)
    international: bool = False


StopCode = Literal["aborted", "missing_field", "template", "blank", "bad_address", "bad_link"]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A message that was not made, and why. `reason` is for people to read and holds no personal data."""

    message_id: str
    code: StopCode
    reason: str


Status = Literal["accepted", "refused", "deferred", "unknown"]

_WHO = r"(user|recipient|mailbox|mail ?box|address|account|person|local part)"
_NO_MAILBOX = re.compile(
    rf"no such {_WHO}|no mailbox|unrout(e)?able address|(unknown|invalid|bad|inactive|disabled) {_WHO}"
    rf"|{_WHO}( <address>)?( is| has been| was)? "
    r"(unknown|invalid|not found|not known|unavailable|disabled|inactive|suspended|full|over quota)"
    rf"|{_WHO}( <address>)? (does not|doesn't) exist|not a (known|valid) {_WHO}",
    re.IGNORECASE,
)
"""How servers say without a code that nobody is reached under an address."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt to hand a message over.

    `accepted`: the server took it. `refused`: it never will (5xx). `deferred`: not now, and it was surely not
    sent, so trying again is safe. `unknown`: the connection was lost after the message was given and before the
    answer, so it may have been sent. `stage` is the step that was answered: `connect`, `mail`, `rcpt`, `data`.
    `code` is the SMTP reply (None where there was none), `enhanced` its RFC 3463 code, `text` its words without
    any address.
    """

    message_id: str
    status: Status
    stage: str = ""
    code: int | None = None
    enhanced: str = ""
    text: str = ""

    @property
    def may_retry(self) -> bool:
        """Trying again cannot send the message twice."""
        return self.status == "deferred"

    @property
    def about_recipient(self) -> bool:
        """A refusal of this address, not of us or the text: reason to stop writing to it.

        RFC 3463 has 5.1 for addresses and 5.2 for mailboxes. A server without such codes must say it in words, for
        with a bare 550 many refuse to relay.
        """
        if self.status != "refused" or self.stage != "rcpt":
            return False
        if self.enhanced:
            return self.enhanced.startswith(("5.1.", "5.2."))
        return _NO_MAILBOX.search(self.text) is not None
