"""Quoted-printable text (RFC 2045, section 6.7) made of pieces that are encoded apart.

Every piece begins at the start of a line and, unless it ends a line of its own, ends with a soft line break, so
pieces can be put one after another in any order, and the fixed ones are encoded once for all people.

What is written is at the same time in the relaxed canonical form of DKIM (RFC 6376, section 3.4.4): no two blanks
meet, none ends a line. So the body is signed as it stands. No line begins with a dot or with `From `, which old
mail software changes on the way.
"""

from __future__ import annotations

import binascii
import re

__all__ = ["SOFT_BREAK", "encode", "finish"]

SOFT_BREAK = b"=\r\n"

_LINE_CHARS = 76
_SOFT_CHARS = _LINE_CHARS - 1  # with the `=` that ends a line softly
_EASY = re.compile(r"[!-<>-~]+(?: [!-<>-~]+)*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_OLD_STARTS = (".", "From ")
_BAD_STARTS = (b".", b"From ")
_TO_ESCAPE = re.compile(rb"[^ -<>-~]")


def encode(text: str) -> bytes:
    """One piece of a body. Line ends become CRLF; what cannot be written in UTF-8 becomes `?`."""
    if len(text) <= 2 * _SOFT_CHARS and _EASY.fullmatch(text) and not text.startswith(_OLD_STARTS):
        # A word, a name, the address of a page: most of what differs from person to person.
        if len(text) <= _SOFT_CHARS:
            return text.encode("ascii") + SOFT_BREAK
        line, rest = text[:_SOFT_CHARS], text[_SOFT_CHARS:]
        if rest[0] != "." and " " not in rest:
            return f"{line}=\r\n{rest}=\r\n".encode("ascii")
    if not text:
        return b""
    if "\r" in text or "\n" in text:
        text = _LINE_END.sub("\r\n", text)
    data = text.encode("utf-8", "replace")
    if b"  " not in data and b"\t" not in data and b" \r\n" not in data:
        # One long line without an end would get bare LF: the encoder follows the first line end that it meets.
        lines = binascii.b2a_qp(data, quotetabs=False, istext=True)
        if b"\r\n" not in data:
            lines = lines.replace(b"\n", b"\r\n")
        if not (lines.startswith(_BAD_STARTS) or b"\n." in lines or b"\nFrom " in lines):
            return lines if lines.endswith(b"\r\n") else lines + SOFT_BREAK
    return _encode_carefully(data)


def finish(pieces: list[bytes]) -> bytes:
    """The whole body: the last line is ended hard, and blank lines at the end are dropped."""
    body = b"".join(pieces)
    while body.endswith(b"\r\n"):
        body = body[:-3] if body.endswith(SOFT_BREAK) else body[:-2]
    if body.endswith(b" "):
        body = body[:-1] + b"=20"
    return body + b"\r\n"


def _encode_carefully(data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    encoded = b"\r\n".join(_encode_line(line) for line in lines)
    return encoded if not lines[-1] else encoded + SOFT_BREAK


def _encode_line(line: bytes) -> bytes:
    escaped = _TO_ESCAPE.sub(lambda found: b"=%02X" % found[0][0], line).replace(b"  ", b" =20")
    if escaped.endswith(b" "):
        escaped = escaped[:-1] + b"=20"
    out: list[bytes] = []
    start = 0
    while start < len(escaped):
        head = _line_head(escaped, start)
        room = _SOFT_CHARS - len(head)
        first = start + (1 if head else 0)
        stop = first + room
        if stop < len(escaped):
            # An escape, as =E2, is never cut.
            cut = escaped.rfind(b"=", stop - 2, stop)
            stop = cut if cut >= first and cut > stop - 3 else stop
        else:
            stop = len(escaped)
        out.append(head + escaped[first:stop])
        start = stop
    return SOFT_BREAK.join(out)


def _line_head(escaped: bytes, start: int) -> bytes:
    if escaped[start : start + 1] == b".":
        return b"=2E"
    if escaped[start : start + 5] == b"From ":
        return b"=46"
    return b""
