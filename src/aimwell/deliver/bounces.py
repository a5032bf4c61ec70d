"""Reads what a mail server answers: the class of a reply (RFC 5321, 4.2), its enhanced code (RFC 3463), its words
without any address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aimwell.deliver.model import Outcome, Status

__all__ = ["Reply", "outcome", "read_reply"]

_ENHANCED = re.compile(r"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_ADDRESS = re.compile(r"<?[^\s<>@:;,()\[\]\"']+@[^\s<>@:;,()\[\]\"']+>?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_MAX_CHARS = 300
_CLASSES: dict[int, Status] = {2: "accepted", 4: "deferred", 5: "refused"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's reply. `status` is what it means for a message; a code outside RFC 5321 means `deferred`."""

    code: int
    enhanced: str
    text: str

    @property
    def status(self) -> Status:
        return _CLASSES.get(self.code // 100, "deferred")


def read_reply(code: int, text: str, *, recipient: str = "") -> Reply:
    """A reply, made fit for logs: on one line, shortened, every address replaced by `<address>`."""
    words = _CONTROL.sub(" ", text)
    if recipient:
        words = re.sub(re.escape(recipient), "<address>", words, flags=re.IGNORECASE)
    words = _ADDRESS.sub("<address>", words).replace("<<address>>", "<address>")
    found = _ENHANCED.match(words)
    enhanced = found[1] if found is not None and found[1][0] == str(code)[0] else ""
    rest = words[found.end() :] if found is not None and enhanced else words
    return Reply(code, enhanced, " ".join(rest.split())[:_MAX_CHARS])


def outcome(message_id: str, reply: Reply, stage: str) -> Outcome:
    """What a reply at a stage means for a message."""
    return Outcome(
        message_id,
        reply.status,
        stage=stage,
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text,
    )
