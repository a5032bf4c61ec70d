"""Messages from a skeleton: what is the same for everybody is written and encoded once, the rest filled in.

Bodies are quoted-printable, in the form that `quoted` describes, so they are 7-bit, need no dot-stuffing and are
signed as they stand. Boundaries hold `=_`, which quoted-printable text never does, so no text can end a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aimwell.deliver import quoted
from aimwell.deliver.content import CompiledContent
from aimwell.deliver.dkim import DkimSigner
from aimwell.deliver.headers import Address, Header, address, mailbox, plain_header, text_header
from aimwell.deliver.model import Sender

__all__ = ["Skeleton"]

_CHANGING = ("Date", "To", "Subject", "Message-ID", "List-Unsubscribe")
_TEXT_HEAD = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_HTML_HEAD = (
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
)


class Skeleton:
    """The frame of the messages of one content from one sender."""

    def __init__(
        self, compiled: CompiledContent, sender: Sender, signers: Sequence[DkimSigner] = ()
    ) -> None:
        self.sender = address(sender.address)
        self._boundary = f"=_aw_{compiled.fingerprint[:24]}"
        html = compiled.html is not None
        fixed = [mailbox("From", sender.name, self.sender)]
        if sender.reply_to:
            fixed.append(mailbox("Reply-To", "", address(sender.reply_to)))
        fixed += [
            plain_header("MIME-Version", "1.0"),
            *self._content_headers(html=html),
            plain_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
        if sender.feedback_id:
            fixed.append(text_header("Feedback-ID", sender.feedback_id))
        self._fixed = b"".join(header.wire for header in fixed)
        self._stamps = [signer.prepare(fixed, _CHANGING) for signer in signers]
        delimiter = f"--{self._boundary}".encode()
        self._frame = (
            (
                delimiter + b"\r\n" + _TEXT_HEAD,
                delimiter + b"\r\n" + _HTML_HEAD,
                delimiter + b"--\r\n",
            )
            if html
            else None
        )
        self._encoded: dict[str, bytes] = {}
        for program in filter(None, (compiled.html, compiled.text)):
            for piece in program.fixed_pieces():
                self._encoded[piece.text] = quoted.encode(piece.text)

    def build(
        self,
        *,
        message_id: str,
        to: Address,
        name: str,
        subject: str,
        unsubscribe: str,
        date: Header,
        text: Sequence[str],
        html: Sequence[str],
        signed_at: datetime,
    ) -> bytes:
        """A signed message, CRLF line ends throughout. `text` and `html` are the pieces that rendering gave."""
        seen: dict[str, bytes] = {}
        body = self._body(text, html, seen)
        changing = (
            date,
            mailbox("To", name, to),
            text_header("Subject", subject),
            plain_header("Message-ID", f"<{message_id}@{self.sender.domain}>"),
            plain_header("List-Unsubscribe", f"<{unsubscribe}>"),
        )
        stamped = [stamp.header(changing, body, signed_at) for stamp in self._stamps]
        return b"".join(
            [*stamped, *[header.wire for header in changing], self._fixed, b"\r\n", body]
        )

    def _body(self, text: Sequence[str], html: Sequence[str], seen: dict[str, bytes]) -> bytes:
        plain = quoted.finish(self._quoted(text, seen))
        if self._frame is None:
            return plain
        text_head, html_head, end = self._frame
        return b"".join([text_head, plain, html_head, quoted.finish(self._quoted(html, seen)), end])

    def _quoted(self, parts: Sequence[str], seen: dict[str, bytes]) -> list[bytes]:
        known = self._encoded.get
        return [known(part) or self._value(part, seen) for part in parts]

    @staticmethod
    def _value(part: str, seen: dict[str, bytes]) -> bytes:
        """What differs from person to person; a value that stands in a message twice is encoded once."""
        piece = seen.get(part)
        if piece is None:
            piece = seen[part] = quoted.encode(part)
        return piece

    def _content_headers(self, *, html: bool) -> list[Header]:
        if html:
            return [
                plain_header("Content-Type", f'multipart/alternative; boundary="{self._boundary}"')
            ]
        return [
            plain_header("Content-Type", "text/plain; charset=utf-8"),
            plain_header("Content-Transfer-Encoding", "quoted-printable"),
        ]
