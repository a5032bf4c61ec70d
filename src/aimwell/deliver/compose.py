"""From recipients to signed messages: one call for a batch.

A `Composer` is made once per campaign and keeps everything that its messages share. What goes wrong with one
person's message stops that message with a reason and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup

from aimwell.deliver.content import CompiledContent
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.headers import Header, address, date_header, one_line
from aimwell.deliver.links import MessageLinks
from aimwell.deliver.mime import Skeleton
from aimwell.deliver.model import Outgoing, Recipient, Sender, StopCode, Stopped, Tracking
from aimwell.deliver.token import Tokens
from aimwell.errors import DeliverError
from aimwell.texts.missing import MissingField
from aimwell.texts.render import Program
from aimwell.texts.tags import LINKS, Abort, BadLink

__all__ = ["Composer", "Preview"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What one person would see, and the message as it would go out (`.data` of it is a whole `.eml`)."""

    subject: str = field(repr=False)
    preheader: str = field(repr=False)
    html: str = field(repr=False)
    text: str = field(repr=False)
    message: Outgoing


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The texts of one message; `html` and `text` in pieces."""

    subject: str
    preheader: str
    html: Sequence[str]
    text: Sequence[str]
    links: MessageLinks


class _Stop(Exception):  # noqa: N818 - a result on its way out
    def __init__(self, code: StopCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Composer:
    """Makes the messages of one campaign."""

    def __init__(
        self,
        contents: Sequence[CompiledContent],
        *,
        sender: Sender,
        tracking: Tracking,
        tokens: Tokens,
        signers: Sequence[DkimSigner] = (),
        shared: Mapping[str, object] | None = None,
    ) -> None:
        """Prepares the frame of every variant.

        Args:
            contents: The variants, compiled with the same `tracking`; each recipient names one.
            sender: Who the messages come from.
            tracking: Where links lead and what is measured.
            tokens: The keys of links and return paths.
            signers: DKIM signers; with two (RSA and Ed25519) every message is signed twice.
            shared: Fields that are the same for everybody, as the offer; a recipient's own fields hide them.

        Raises:
            DeliverError: The sender's address is not valid, or two contents are the same variant.
        """
        self._tracking, self._tokens, self._shared = tracking, tokens, dict(shared or {})
        self._bounce_domain = (
            address(f"b@{sender.bounce_domain}").domain if sender.bounce_domain else ""
        )
        self._variants = {
            compiled.content.variant: (compiled, Skeleton(compiled, sender, signers))
            for compiled in contents
        }
        if len(self._variants) != len(contents):
            raise DeliverError(
                "Two contents of a campaign have the same variant. Name them differently."
            )
        self._return_path = address(sender.address).spec

    def compose(
        self, recipients: Sequence[Recipient], *, now: datetime
    ) -> list[Outgoing | Stopped]:
        """One message or one reason for each recipient, in their order.

        `now` is an aware moment: the Date of the messages, and what `now` means in a text.
        """
        date = date_header(now)
        made: list[Outgoing | Stopped] = []
        for recipient in recipients:
            try:
                made.append(self._message(recipient, date=date, now=now)[0])
            except _Stop as stop:
                made.append(Stopped(recipient.message_id, stop.code, stop.reason))
        return made

    def preview(self, recipient: Recipient, *, now: datetime) -> Preview | Stopped:
        """What this person would see, from the same code that sends."""
        try:
            message, rendered = self._message(recipient, date=date_header(now), now=now)
        except _Stop as stop:
            return Stopped(recipient.message_id, stop.code, stop.reason)
        html, text = "".join(rendered.html), "".join(rendered.text)
        return Preview(rendered.subject, rendered.preheader, html, text, message)

    def _message(
        self, recipient: Recipient, *, date: Header, now: datetime
    ) -> tuple[Outgoing, _Rendered]:
        found = self._variants.get(recipient.variant)
        if found is None:
            known = ", ".join(sorted(self._variants))
            raise DeliverError(f"No variant '{recipient.variant}' of the content. Known: {known}.")
        compiled, skeleton = found
        try:
            to = address(recipient.address)
        except DeliverError as err:
            raise _Stop("bad_address", str(err)) from None
        rendered = self._render(compiled, recipient, now)
        data = skeleton.build(
            message_id=recipient.message_id,
            to=to,
            name=recipient.name,
            subject=rendered.subject,
            unsubscribe=rendered.links.unsubscribe,
            date=date,
            text=rendered.text,
            html=rendered.html,
            signed_at=now,
        )
        path = (
            f"b-{self._tokens.make('bounce', recipient.message_id)}@{self._bounce_domain}"
            if self._bounce_domain
            else self._return_path
        )
        return Outgoing(recipient.message_id, path, to.spec, data, to.international), rendered

    def _render(self, compiled: CompiledContent, recipient: Recipient, now: datetime) -> _Rendered:
        made = self._tokens.make_links(recipient.message_id)
        links = MessageLinks(self._tracking, self._tokens, recipient.message_id, made)
        fields = {
            **self._shared,
            **recipient.fields,
            # Ours come last: no field can take the place of the page to unsubscribe.
            "unsubscribe_url": links.unsubscribe,
            "preference_url": links.preference,
            "now": now,
            "today": now.date(),
            "aimwell_click": links.click,
            "aimwell_open": links.open,
            LINKS: links,
        }
        subject = one_line("".join(_render(compiled.subject, fields)))
        if not subject:
            raise _Stop("blank", "The subject is blank.")
        preheader = "".join(_render(compiled.preheader, fields))
        fields["aimwell_preheader"] = Markup(preheader)  # noqa: S704 - escaped by the rendering
        own = frozenset((links.click, links.open, links.unsubscribe, links.preference, preheader))
        html: Sequence[str] = ()
        if compiled.html is not None and compiled.html_blank is not None:
            html = _render(compiled.html, fields)
            if compiled.html_blank.is_blank(html, own=own):
                raise _Stop("blank", "The html says nothing.")
        text = _render(compiled.text, fields)
        if (compiled.html is None or compiled.content.text) and compiled.text_blank.is_blank(
            text, own=own
        ):
            raise _Stop("blank", "The text says nothing.")
        return _Rendered(subject, preheader, html, text, links)


def _render(program: Program, fields: Mapping[str, object]) -> Sequence[str]:
    try:
        return program.render(fields)
    except Abort as abort:
        raise _Stop("aborted", abort.reason) from None
    except MissingField as err:
        raise _Stop("missing_field", str(program.explain(err))) from None
    except BadLink as err:
        raise _Stop("bad_link", str(program.explain(err))) from None
    except Exception as err:  # a text may do anything with a value, and stops nobody else's message
        raise _Stop("template", str(program.explain(err))) from None
