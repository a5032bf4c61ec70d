"""A tracking request at the door: is it JSON, of an allowed size, and how many messages does it hold?

What a request says is looked at later, when it is safely in the inbox: a message that makes no sense then goes to
quarantine, where a person sees it, and its neighbours are taken. So only a request of which nothing could be kept
is refused here. The limits are those of Segment's HTTP API.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import msgspec

from aimwell.collect.tracking.batch_parts import parts_of, without_deep
from aimwell.errors import TrackingRequestError

__all__ = [
    "BATCH_BYTES_MAX",
    "BATCH_MESSAGES_MAX",
    "MESSAGE_BYTES_MAX",
    "Call",
    "Request",
    "TooDeepError",
    "decode_json",
    "read_request",
    "sizes_in_batch",
]

MESSAGE_BYTES_MAX = 32 * 1024
"""The longest single message. In a batch a longer one goes to quarantine alone."""
BATCH_BYTES_MAX = 500 * 1024
BATCH_MESSAGES_MAX = 2_500

Call = Literal["identify", "track", "page", "screen", "group", "alias", "batch"]
"""What a client called; 'batch' also for what Segment names import."""


@dataclass(frozen=True)
class Request:
    """A request that can be kept: the write key that its body names (None: none), and how many messages it holds."""

    write_key: str | None
    messages: int


class TooDeepError(ValueError):
    """It is JSON of more levels than can be read."""


class _Single(msgspec.Struct):
    writeKey: str | None = None  # noqa: N815 - the protocol's name


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    writeKey: str | None = None  # noqa: N815 - the protocol's name


class _RawBatch(msgspec.Struct):
    batch: list[msgspec.Raw]


_single = msgspec.json.Decoder(_Single)
_batch = msgspec.json.Decoder(_Batch)
_raw_batch = msgspec.json.Decoder(_RawBatch)


def read_request(body: bytes, call: Call) -> Request:
    """What can be said of a request without looking into its messages.

    Raises:
        TrackingRequestError: It is too large, no JSON, not of the form that the call demands, or nested too deeply
            where that is not in a message of a batch.
    """
    try:
        return _read_request(body, call)
    except TooDeepError as error:
        _refuse(str(error))


def _read_request(body: bytes, call: Call) -> Request:
    if call == "batch":
        return _read_batch(body)
    if len(body) > MESSAGE_BYTES_MAX:
        _refuse(f"a message has {len(body):,} bytes; at most {MESSAGE_BYTES_MAX:,} are allowed")
    return Request(_decoded(body, _single).writeKey, 1)


def _read_batch(body: bytes) -> Request:
    if len(body) > BATCH_BYTES_MAX:
        _refuse(f"a batch has {len(body):,} bytes; at most {BATCH_BYTES_MAX:,} are allowed")
    try:
        found = _decoded(body, _batch)
    except TooDeepError:
        found = _decoded(without_deep(body, parts_of(body)), _batch)
    if len(found.batch) > BATCH_MESSAGES_MAX:
        _refuse(
            f"a batch has {len(found.batch):,} messages; at most {BATCH_MESSAGES_MAX:,} are allowed"
        )
    return Request(found.writeKey, len(found.batch))


def _decoded(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        body.decode()
        return decoder.decode(body)
    except UnicodeDecodeError:
        _refuse("the body is not UTF-8")
    except msgspec.ValidationError as error:
        _refuse(f"the body has another form than the call demands: {error}")
    except RecursionError as error:
        raise TooDeepError("the body is nested too deeply") from error
    except msgspec.DecodeError as error:
        found = _tolerated(body, str(error))
    try:
        return msgspec.convert(found, decoder.type)
    except msgspec.ValidationError as error:
        _refuse(f"the body has another form than the call demands: {error}")


def _tolerated(body: bytes, reason: str) -> Any:
    """The body as the slower and more patient reader has it; JavaScript may send half a character."""
    try:
        found = decode_json(body)
    except TooDeepError:
        raise
    except ValueError:
        _refuse(f"the body is not valid JSON: {reason}")
    if isinstance(found, dict) and isinstance(found.get("batch"), list):
        return {**found, "batch": [msgspec.Raw(b"null") for _ in found["batch"]]}
    return found


def sizes_in_batch(body: bytes) -> list[int]:
    """How many bytes each message of a batch has."""
    try:
        return [len(raw) for raw in _raw_batch.decode(body).batch]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [len(body[part.start : part.end].strip()) for part in parts_of(body)]


def decode_json(body: bytes) -> Any:
    """Any JSON, also with halves of surrogate pairs, which become U+FFFD.

    Raises:
        TooDeepError: It is nested more deeply than can be read.
        ValueError: It is no JSON, not UTF-8, or holds NaN or an infinity.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise TooDeepError("it is nested too deeply") from error
    try:
        found = json.loads(body.decode(), parse_constant=_no_number, parse_float=_finite)
        # Half a surrogate pair cannot be written; `replace` would write a question mark for it.
        text = json.dumps(found, ensure_ascii=False).encode("utf-16", "surrogatepass")
        return json.loads(text.decode("utf-16", "replace"))
    except RecursionError as error:
        raise TooDeepError("it is nested too deeply") from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _refuse(reason: str) -> NoReturn:
    raise TrackingRequestError(f"The request was refused: {reason}.")
