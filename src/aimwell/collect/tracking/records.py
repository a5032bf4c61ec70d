"""A tracking request as a record of the inbox: what the server knows of it in one line, then the body as it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from aimwell.collect.tracking.messages import Received
from aimwell.collect.tracking.requests import Call
from aimwell.errors import StoreError

__all__ = ["Kept", "pack", "unpack"]

_FORM = 1


class _Line(msgspec.Struct, array_like=True):
    form: int
    source: str
    call: Call
    received_at: datetime
    opted_out: bool
    robot: bool = False


_decoder = msgspec.json.Decoder(_Line)


@dataclass(frozen=True)
class Kept:
    """One request: the source whose write key it showed, how it came, and its body."""

    source: str
    received: Received
    body: bytes


def pack(kept: Kept) -> bytes:
    """The record of a request."""
    received = kept.received
    line = _Line(
        _FORM, kept.source, received.call, received.received_at, received.opted_out, received.robot
    )
    return msgspec.json.encode(line) + b"\n" + kept.body


def unpack(record: bytes) -> Kept:
    """The request of a record.

    Raises:
        StoreError: It is no record of this version.
    """
    first, _, body = record.partition(b"\n")
    try:
        line = _decoder.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"A record of the inbox cannot be understood: {error}.") from error
    if line.form != _FORM:
        raise StoreError(
            f"A record of the inbox has form {line.form}, and this version knows {_FORM}. Flush it with the version "
            "that wrote it."
        )
    received = Received(
        call=line.call, received_at=line.received_at, opted_out=line.opted_out, robot=line.robot
    )
    return Kept(line.source, received, body)
