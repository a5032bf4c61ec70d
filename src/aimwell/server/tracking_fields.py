"""The bodies of the tracking routes as the OpenAPI description has them: the fields of Segment's messages.

The types are as loose as what is taken: clients in many languages send ids as numbers and times in milliseconds.
Further fields are kept too. A message without what it needs is answered with 200 nevertheless, and waits in quarantine.
"""

from __future__ import annotations

from typing import Any

from litestar.openapi.spec import Example, OpenAPIMediaType, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from aimwell.collect.tracking.messages import (
    ID_LENGTH_MAX,
    MESSAGE_ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    TYPES,
)
from aimwell.collect.tracking.requests import BATCH_MESSAGES_MAX, Call

__all__ = ["request_body"]

_EXAMPLES: dict[Call, dict[str, Any]] = {
    "identify": {"userId": "u-1", "traits": {"email": "ann@example.com", "plan": "gold"}},
    "track": {"userId": "u-1", "event": "Product Viewed", "properties": {"sku": "12"}},
    "page": {"anonymousId": "a-1", "name": "Sizes", "properties": {"path": "/sizes"}},
    "screen": {"anonymousId": "a-1", "name": "Basket"},
    "group": {"userId": "u-1", "groupId": "f-1", "traits": {"name": "Smith & Sons"}},
    "alias": {"userId": "u-1", "previousId": "a-1"},
    "batch": {
        "batch": [{"type": "track", "userId": "u-1", "event": "Product Viewed"}],
        "sentAt": "2026-03-01T12:00:00Z",
    },
}
_NEEDED: dict[Call, list[str]] = {
    "track": ["event"],
    "group": ["groupId"],
    "alias": ["previousId"],
}


def request_body(call: Call) -> RequestBody:
    """What the route of a call takes, as JSON or (from browsers that spare a preflight) as text."""
    schema = _batch() if call == "batch" else _message(call)
    example = Example(value=_EXAMPLES[call])
    content = OpenAPIMediaType(schema=schema, examples={call: example})
    return RequestBody(content={"application/json": content, "text/plain": content}, required=True)


def _message(call: Call) -> Schema:
    own = {"track": {"event": _event()}, "group": {"groupId": _id("The firm.")}}
    own["alias"] = {"previousId": _id("The id that was used before.")}
    for one in ("page", "screen"):
        own[one] = {"name": _name("What the page or screen is called.")}
    further: dict[str, Schema] = {}
    if call in ("track", "page", "screen"):
        further["properties"] = _object("What is told of it.")
    if call in ("identify", "group"):
        whom = "person" if call == "identify" else "firm"
        further["traits"] = _object(f"What is told of the {whom}.")
    return Schema(
        type=OpenAPIType.OBJECT,
        properties={
            **_whose(),
            **own.get(call, {}),
            **further,
            **_around(),
            "writeKey": Schema(
                type=OpenAPIType.STRING, description="Where no header bears the key."
            ),
        },
        required=_NEEDED.get(call),
        any_of=[Schema(required=["userId"]), Schema(required=["anonymousId"])],
    )


def _batch() -> Schema:
    item = Schema(
        type=OpenAPIType.OBJECT,
        properties={
            "type": Schema(
                type=OpenAPIType.STRING, enum=list(TYPES), description="Which call it is."
            ),
            **_whose(),
            "event": _event(),
            "name": _name("Of a page or screen."),
            "groupId": _id("Of a group: the firm."),
            "previousId": _id("Of an alias: the id that was used before."),
            "properties": _object("Of a track, page or screen."),
            "traits": _object("Of an identify or group."),
            **_around(),
        },
        required=["type"],
        any_of=[Schema(required=["userId"]), Schema(required=["anonymousId"])],
    )
    return Schema(
        type=OpenAPIType.OBJECT,
        properties={
            "batch": Schema(
                type=OpenAPIType.ARRAY,
                items=item,
                max_items=BATCH_MESSAGES_MAX,
                description="Messages, each 32 KB at most.",
            ),
            "context": _object("Of all messages that say nothing else."),
            "integrations": _object("Of all messages that say nothing else."),
            "sentAt": _time("When the client sent it, by its own clock."),
            "writeKey": Schema(
                type=OpenAPIType.STRING, description="Where no header bears the key."
            ),
        },
        required=["batch"],
    )


def _whose() -> dict[str, Schema]:
    return {
        "userId": _id("The person, as your own database knows them."),
        "anonymousId": _id("The browser or app, before and beside that."),
    }


def _around() -> dict[str, Schema]:
    return {
        "messageId": Schema(
            any_of=[
                Schema(type=OpenAPIType.STRING, max_length=MESSAGE_ID_LENGTH_MAX),
                Schema(type=OpenAPIType.INTEGER),
                Schema(type=OpenAPIType.NULL),
            ],
            description="Unique in the source: a message that comes again under it counts once.",
        ),
        "context": _object("What surrounds it: page, campaign, device, userAgent, consent …"),
        "integrations": _object(
            "Which destinations it is for; it is kept, and means nothing here."
        ),
        "timestamp": _time("When it happened, by the client's clock."),
        "originalTimestamp": _time("The same, as client libraries send it."),
        "sentAt": _time("When the client sent it, by the same clock, which is corrected by it."),
    }


def _id(description: str) -> Schema:
    kinds = [
        Schema(type=OpenAPIType.STRING, max_length=ID_LENGTH_MAX),
        Schema(type=OpenAPIType.INTEGER),
        Schema(type=OpenAPIType.NULL),
    ]
    return Schema(any_of=kinds, description=description)


def _event() -> Schema:
    return Schema(
        type=OpenAPIType.STRING,
        min_length=1,
        max_length=NAME_LENGTH_MAX,
        description="What was done, as 'Product Viewed'.",
    )


def _name(description: str) -> Schema:
    kinds = [
        Schema(type=OpenAPIType.STRING, max_length=NAME_LENGTH_MAX),
        Schema(type=OpenAPIType.NULL),
    ]
    return Schema(any_of=kinds, description=description)


def _object(description: str) -> Schema:
    kinds = [Schema(type=OpenAPIType.OBJECT), Schema(type=OpenAPIType.NULL)]
    return Schema(any_of=kinds, description=description)


def _time(description: str) -> Schema:
    kinds = [
        Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME),
        Schema(type=OpenAPIType.INTEGER, description="Milliseconds since 1970."),
        Schema(type=OpenAPIType.NULL),
    ]
    return Schema(any_of=kinds, description=description)
