"""A tracking message as it is kept: who, what, when, with what, or why it cannot be taken.

The clients of Segment differ in what they send (ids as numbers, times as text or milliseconds, an `anonymousId` beside
a `userId` or not); here all become one form. Nothing that a message holds is dropped: what has no field of its own
stays in `rest`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from aimwell.collect.tracking.batch_parts import DEPTH_MAX, Part, parts_of, without_deep
from aimwell.collect.tracking.requests import (
    MESSAGE_BYTES_MAX,
    Call,
    TooDeepError,
    decode_json,
    sizes_in_batch,
)
from aimwell.collect.tracking.robots import is_robot
from aimwell.collect.unseen import clean_text
from aimwell.definitions.nobody import is_nobody

__all__ = [
    "OPTED_OUT",
    "TOO_DEEP",
    "Fault",
    "Message",
    "MessageType",
    "Received",
    "read_messages",
    "too_deep",
]

MessageType = Literal["identify", "track", "page", "screen", "group", "alias"]
TYPES: tuple[MessageType, ...] = ("identify", "track", "page", "screen", "group", "alias")

MESSAGE_ID_LENGTH_MAX = 100
ID_LENGTH_MAX = 512
NAME_LENGTH_MAX = 512
AHEAD_MAX = timedelta(hours=24)
"""A moment so far after its arrival is a wrong clock; the message then counts as of its arrival."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""What is said to have happened before is a clock that was never set."""

TOO_DEEP = "nested_too_deeply"
"""The reason for which a message of too many levels is set aside."""

OPTED_OUT = "_sec_gpc"
"""In a message that is set aside: the request had `Sec-GPC: 1`."""

_NAMES: dict[str, str] = {"track": "event", "page": "name", "screen": "name"}
"""Which field names what was done, by the type of the message."""
_TAKEN = frozenset(
    {"type", "messageId", "properties", "traits", "context", "writeKey"}
    | {"userId", "anonymousId", "previousId", "groupId"}
)


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as the inbox keeps it.

    Attributes:
        call: What the client called.
        received_at: When it arrived.
        opted_out: The browser asked not to be tracked for others' ends (`Sec-GPC: 1`).
        robot: Its user agent is a known robot's.
    """

    call: Call
    received_at: datetime
    opted_out: bool = False
    robot: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message.

    Attributes:
        message_id: As the client gave it; else a hash of the message, so that the same one again is the same.
        name: Event of a track, name of a page or screen; empty otherwise.
        occurred_at: When it happened by the server's clock: arrival less the time from happening to sending by
            the client's clock.
        clock: Where that comes from: 'corrected' as said; 'client' where no time of sending is given; 'server'
            where the client told no usable time, so that it is the arrival.
        robot: By its user agent or its request's it comes from a known robot, and it names no user.
        rest: What the message holds beside all this; times as the client told them, too, and what its batch said
            for all its messages (`sentAt`, and under `batch` what is no part of the protocol).
        told: Ids and names as the client wrote them, where that is not the text above (a number, spaces around).
    """

    type: MessageType
    message_id: str
    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None = None
    group_id: str | None = None
    name: str = ""
    occurred_at: datetime
    received_at: datetime
    clock: Literal["corrected", "client", "server"]
    opted_out: bool = False
    robot: bool = False
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    told: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A message that cannot be taken: why, in which field, and the message itself, which may be personal."""

    reason: str
    detail: str
    field: str | None
    content: str


class _RefusedError(Exception):
    def __init__(self, reason: str, field: str | None, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.field, self.detail = reason, field, detail


def read_messages(
    body: bytes, received: Received, *, nobody: Collection[str] = ()
) -> Iterator[Message | Fault]:
    """The messages of a request in their order; of a batch that holds bad ones, the others too.

    A batch's `context` and `integrations` hold for its messages where these say nothing else; so does its `sentAt`.
    `nobody`: ids that name nobody, as 0 or undefined; a message with such an id is one without it.
    """
    deep: dict[int, Part] = {}
    try:
        try:
            whole = decode_json(body)
        except TooDeepError:
            parts = parts_of(body)
            deep = {place: part for place, part in enumerate(parts) if part.depth > DEPTH_MAX}
            whole = decode_json(without_deep(body, parts))
    except (
        ValueError
    ) as error:  # the door lets none through, but an inbox may be older than the door
        yield Fault(
            reason="not_json", detail=str(error), field=None, content=body.decode(errors="replace")
        )
        return
    if not isinstance(whole, dict):
        yield _fault(_RefusedError("not_an_object", None, "a message is a JSON object"), whole)
        return
    if received.call != "batch":
        try:
            yield _read(whole, {}, received, len(body), nobody)
        except RecursionError:
            yield too_deep(body, received)
        return
    batch = whole.get("batch")
    items = batch if isinstance(batch, list) else []
    shared = _shared(whole)
    # No message of a short batch can be too long.
    sizes = sizes_in_batch(body) if len(body) > MESSAGE_BYTES_MAX else None
    for place, item in enumerate(items):
        if place in deep:
            yield too_deep(body, received, place)
            continue
        try:
            yield _read(item, shared, received, sizes[place] if sizes else None, nobody)
        except RecursionError:
            yield too_deep(body, received, place)


def too_deep(body: bytes, received: Received, place: int = 0) -> Fault:
    """The message at a place of a request as one that is nested too deeply, with its text as it came."""
    parts = parts_of(body) if received.call == "batch" else ()
    text, shared = body, {}
    if place < len(parts):
        text = body[parts[place].start : parts[place].end].strip()
        shared = _shared(decode_json(body[: parts[0].start] + body[parts[-1].end :]))
    said = _alone({}, shared, received)
    if said and text.startswith(b"{"):
        # What the request said for it stands before what it says itself, which counts.
        text = msgspec.json.encode(said)[:-1] + b"," + text[1:]
    return Fault(
        reason=TOO_DEEP,
        detail="its objects are nested more deeply than can be read",
        field=None,
        content=text.decode(errors="replace"),
    )


def _shared(batch: dict[str, Any]) -> dict[str, Any]:
    """What a batch says for its messages."""
    return {name: value for name, value in batch.items() if name not in {"batch", "writeKey"}}


def _read(
    item: Any,
    shared: dict[str, Any],
    received: Received,
    size: int | None,
    nobody: Collection[str],
) -> Message | Fault:
    try:
        if not isinstance(item, dict):
            raise _RefusedError("not_an_object", None, "a message is a JSON object")
        if size is not None and size > MESSAGE_BYTES_MAX:
            detail = f"it has {size:,} bytes; at most {MESSAGE_BYTES_MAX:,} are allowed"
            raise _RefusedError("too_large", None, detail)
        return _message(item, shared, received, nobody)
    except _RefusedError as refused:
        return _fault(refused, _alone(item, shared, received))


def _alone(item: Any, shared: dict[str, Any], received: Received) -> Any:
    """The message with what its request said for it, so that it can be taken another time by itself."""
    if not isinstance(item, dict):
        return item
    found = {name: value for name, value in item.items() if name != "writeKey"}
    if received.call != "batch":
        found.setdefault("type", received.call)
    for name in ("context", "integrations"):
        said, own = shared.get(name), found.get(name, {})
        if isinstance(said, dict) and isinstance(own, dict):
            found[name] = {**said, **own}
    for name, value in shared.items():
        found.setdefault(name, value)
    if received.opted_out:
        found[OPTED_OUT] = True
    return found


def _fault(refused: _RefusedError, item: Any) -> Fault:
    return Fault(
        reason=refused.reason,
        detail=refused.detail,
        field=refused.field,
        content=msgspec.json.encode(item).decode(),
    )


def _message(
    item: dict[str, Any], shared: dict[str, Any], received: Received, nobody: Collection[str]
) -> Message:
    type_ = item.get("type") if received.call == "batch" else received.call
    if type_ not in TYPES:
        raise _RefusedError("unknown_type", "type", f"type must be one of {', '.join(TYPES)}")
    told: dict[str, Any] = {}
    user_id, anonymous_id = (
        _person(item, "userId", told, nobody),
        _person(item, "anonymousId", told, nobody),
    )
    previous_id, group_id = (
        _person(item, "previousId", told, nobody),
        _person(item, "groupId", told, nobody),
    )
    if user_id is None and anonymous_id is None:
        raise _RefusedError(
            "no_identifier", "userId", "neither userId nor anonymousId tells who it was"
        )
    if type_ == "alias" and previous_id is None:
        raise _RefusedError(
            "no_previous_id", "previousId", "an alias needs the id that was used before"
        )
    if type_ == "group" and group_id is None:
        raise _RefusedError(
            "no_group_id", "groupId", "a group message needs a groupId that names a firm"
        )
    context = _object(item, "context")
    if "context" in shared:
        context = {**_object(shared, "context"), **context}
    occurred_at, clock = _moment(item, shared, received.received_at)
    own_name = _NAMES.get(type_)
    rest = {key: value for key, value in item.items() if key not in _TAKEN and key != own_name}
    if shared:
        _inherit(rest, item, shared)
    return Message(
        type=type_,
        message_id=_message_id(item, told),
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        group_id=group_id,
        name=_name(item, type_, told),
        occurred_at=occurred_at,
        received_at=received.received_at,
        clock=clock,
        opted_out=received.opted_out,
        robot=user_id is None and (received.robot or _tells_robot(context)),
        properties=_object(item, "properties"),
        traits=_object(item, "traits"),
        context=context,
        rest=rest,
        told=told,
    )


def _tells_robot(context: dict[str, Any]) -> bool:
    agent = context.get("userAgent")
    return isinstance(agent, str) and is_robot(agent)


_PROTOCOL = frozenset({"context", "integrations", "sentAt"})
"""What a batch may say for its messages."""


def _inherit(rest: dict[str, Any], item: dict[str, Any], shared: dict[str, Any]) -> None:
    if "integrations" in shared:
        rest["integrations"] = {
            **_object(shared, "integrations"),
            **_object(item, "integrations"),
        }
    if "sentAt" in shared:
        rest.setdefault("sentAt", shared["sentAt"])
    if not shared.keys() <= _PROTOCOL:
        further = {key: value for key, value in shared.items() if key not in _PROTOCOL}
        rest["batch"] = further if "batch" not in rest else {"own": rest["batch"], **further}


def _person(
    item: dict[str, Any], name: str, told: dict[str, Any], nobody: Collection[str]
) -> str | None:
    """The id of a person or a firm; one that names nobody is none."""
    text = _id(item, name, told)
    if text is not None and is_nobody(text, nobody):
        told[name] = item[name]
        return None
    return text


_PLAIN_ID = re.compile(rf"[A-Za-z0-9_.-]{{1,{ID_LENGTH_MAX}}}").fullmatch


def _id(item: dict[str, Any], name: str, told: dict[str, Any]) -> str | None:
    """An id as text; whole numbers are as good, and an empty one is none. `told` gets what is not that text."""
    value = item.get(name)
    if value is None:
        return None
    if type(value) is str and _PLAIN_ID(value):
        return value  # what nearly every id is
    text = _id_text(value, name)
    if text != value:
        told[name] = value
    return text


def _id_text(value: Any, name: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _RefusedError("bad_id", name, f"{name} must be a text or a whole number")
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= 2**53:
            raise _RefusedError("bad_id", name, f"{name} must be a text or a whole number")
        value = int(value)
    text = str(value)
    if "\0" in text:
        raise _RefusedError("bad_id", name, f"{name} holds a zero character")
    # As in files: one name, written in two ways that look alike, is one.
    text = clean_text(text).strip()
    if len(text) > ID_LENGTH_MAX:
        raise _RefusedError("bad_id", name, f"{name} has over {ID_LENGTH_MAX} characters")
    return text or None


def _message_id(item: dict[str, Any], told: dict[str, Any]) -> str:
    value = item.get("messageId")
    if value is None or value == "":
        # Keys in order, so that the same message is the same however a client writes it.
        body = msgspec.json.encode(item, order="deterministic")
        return f"made-{hashlib.sha256(body).hexdigest()[:32]}"
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _RefusedError("bad_message_id", "messageId", "messageId must be a text")
    if len(str(value)) > MESSAGE_ID_LENGTH_MAX:
        detail = f"messageId has over {MESSAGE_ID_LENGTH_MAX} characters"
        raise _RefusedError("bad_message_id", "messageId", detail)
    if not isinstance(value, str):
        told["messageId"] = value
    return str(value)


def _name(item: dict[str, Any], type_: MessageType, told: dict[str, Any]) -> str:
    key = _NAMES.get(type_)
    if key is None:
        return ""
    value = item.get(key)
    if value is None and type_ != "track":
        return ""
    if not isinstance(value, str) or (type_ == "track" and not value.strip()):
        raise _RefusedError(
            "no_event_name" if type_ == "track" else "bad_name", key, f"{key} must be a text"
        )
    if len(value) > NAME_LENGTH_MAX:
        raise _RefusedError("bad_name", key, f"{key} has over {NAME_LENGTH_MAX} characters")
    text = value.strip()
    if text != value:
        told[key] = value
    return text


def _object(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _RefusedError("not_an_object", name, f"{name} must be a JSON object")
    return value


def _moment(
    item: dict[str, Any], shared: dict[str, Any], arrived: datetime
) -> tuple[datetime, Literal["corrected", "client", "server"]]:
    """When it happened: received_at − (sentAt − originalTimestamp), as Segment's specification has it."""
    told = _time(item.get("originalTimestamp")) or _time(item.get("timestamp"))
    if told is None:
        return arrived, "server"
    sent = _time(item.get("sentAt")) or _time(shared.get("sentAt"))
    clock: Literal["corrected", "client"] = "client" if sent is None else "corrected"
    try:
        moment = told if sent is None else arrived - (sent - told)
    except OverflowError:
        return arrived, "server"
    if moment > arrived + AHEAD_MAX:
        return arrived, "server"
    if moment < EARLIEST:
        detail = f"it is said to have happened at {moment:%Y-%m-%d}, before {EARLIEST:%Y-%m-%d}"
        raise _RefusedError("ancient", "timestamp", detail)
    return min(moment, arrived), clock


def _time(value: Any) -> datetime | None:
    """A time as text (ISO 8601; without a zone in UTC) or in milliseconds since 1970; None: not usable."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.strip())
            if moment.tzinfo is UTC:
                return moment
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value / 1000.0, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
