"""Tracking over HTTP as Segment's clients speak it: `POST /v1/{identify,track,page,screen,group,alias,batch}`.

`GET /v1/projects/KEY/settings` is what the browser library asks for when it starts, `POST /v1/m` where clients tell how
they themselves are doing, which is thrown away.

A request is answered with 200 when its messages are safely on the disk, and only then. The routes set no cookie and
need no session; any page may call them, for a write key only lets messages in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar import MediaType, Request, Response, Router, get, post, route
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Operation
from litestar.params import FromPath

from aimwell.collect.tracking.door import Door
from aimwell.collect.tracking.requests import BATCH_BYTES_MAX, Call
from aimwell.collect.tracking.robots import is_robot
from aimwell.errors import (
    AimwellError,
    TrackingKeyError,
    TrackingRateError,
    TrackingRequestError,
)
from aimwell.server.tracking_fields import request_body

__all__ = ["PREFIX", "refused", "tracking_routes"]

_SHORT: dict[Call, tuple[str, ...]] = {
    "identify": ("/i",),
    "track": ("/t",),
    "page": ("/p",),
    "screen": ("/s",),
    "group": ("/g",),
    "alias": ("/a",),
    "batch": ("/b", "/import"),
}
_BUSY_SECONDS = 5
_THROWN_AWAY_BYTES = 32 << 20
_THROWN_AWAY_SECONDS = 10
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After, X-RateLimit-Reset",
    "Cache-Control": "no-store",
}
_PREFLIGHT = {
    **_CORS,
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-Retry-Count",
    "Access-Control-Max-Age": "86400",
}
_Request = Request[Any, Any, Any]
PREFIX = "/v1"
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


def tracking_routes() -> Router:
    """All routes; the application's state must hold the `door`."""
    paths = [path for call, short in _SHORT.items() for path in (f"/{call}", *short)]
    paths += ["/m", "/projects/{key:str}/settings"]
    preflight = route(
        paths, http_method=HttpMethod.OPTIONS, status_code=204, include_in_schema=False
    )(_preflight)
    handlers = [made for call, short in _SHORT.items() for made in _handlers(call, short)]
    return Router(
        path=PREFIX,
        # The preflight comes first: to a path that has none yet, Litestar gives an answer of its own.
        route_handlers=[preflight, *handlers, _metrics, _settings],
        exception_handlers={AimwellError: _told, HTTPException: refused},
        # A byte more than is allowed is read, so that it is we who say what is wrong.
        request_max_body_size=BATCH_BYTES_MAX + 1,
        tags=["tracking"],
    )


def _handlers(call: Call, short: tuple[str, ...]) -> list[HTTPRouteHandler]:
    async def take(request: _Request) -> Response[dict[str, Any]]:
        door: Door = request.app.state.door
        body = _unzipped(await _body(request), request.headers.get("content-encoding", ""))
        await door.take(
            body,
            call,
            key=_key(request.headers.get("authorization")),
            opted_out=request.headers.get("sec-gpc", "").strip() == "1",
            now=datetime.now(UTC),
            robot=is_robot(request.headers.get("user-agent", "")),
        )
        return Response({"success": True}, headers=_CORS)

    take.__doc__ = f"Take {'a batch of messages' if call == 'batch' else f'one {call} message'}."
    described = post(
        f"/{call}", status_code=200, operation_class=_operation(call), operation_id=call, name=call
    )(take)
    return [described, post(list(short), status_code=200, include_in_schema=False)(take)]


@post("/m", status_code=200, include_in_schema=False)
async def _metrics() -> Response[dict[str, Any]]:
    return Response({"success": True}, headers=_CORS)


@get("/projects/{key:str}/settings")
async def _settings(request: _Request, key: FromPath[str]) -> Response[dict[str, Any]]:
    """What the browser library asks for when it starts: where its messages go."""
    door: Door = request.app.state.door
    if not await door.knows(key):
        return _answer(404, "The write key is unknown or was revoked.", dict(_CORS))
    protocol, host = _own_address(request)
    everything = {"__default": {"enabled": True, "integrations": {}}}
    return Response(
        {
            "integrations": {
                "Segment.io": {
                    "apiKey": key,
                    "apiHost": f"{host}/v1",
                    "protocol": protocol,
                    "unbundledIntegrations": [],
                    "addBundledMetadata": False,
                    "bundlingStatus": "bundled",
                }
            },
            "plan": {"track": everything, "identify": everything, "group": everything},
            "edgeFunction": {},
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "remotePlugins": [],
            "metrics": {"sampleRate": 0},
        },
        headers=_CORS,
    )


def _own_address(request: _Request) -> tuple[str, str]:
    """(protocol, host and path) under which the browser reaches this server."""
    public = request.app.state.stores.settings.public_url
    if public is None:
        host = request.headers.get("host", "")
        public = f"{request.scope.get('scheme', 'http')}://{host if _HOST.fullmatch(host) else ''}"
    protocol, _, host = public.rstrip("/").partition("://")
    return protocol, host


def _operation(call: Call) -> type[Operation]:
    """What the route takes, for the description: the body is read as bytes, so nothing else tells it."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.request_body = request_body(call)

    return Described


async def _body(request: _Request) -> bytes:
    """The body. What is too much is read to its end and thrown away: most clients look for an answer only once all is sent,
    and would take a connection that is shut before for a failure of the network, and try again and again."""
    try:
        return await request.body()
    except RequestEntityTooLarge:
        with suppress(TimeoutError):
            async with asyncio.timeout(_THROWN_AWAY_SECONDS):
                await _throw_away(request)
        raise


async def _throw_away(request: _Request) -> None:
    seen, more = 0, True
    while more and seen < _THROWN_AWAY_BYTES:
        event: Any = await request.receive()
        seen += len(event.get("body", b""))
        more = event.get("more_body", False)


async def _preflight() -> Response[None]:
    return Response(None, status_code=204, headers=_PREFLIGHT)


def _unzipped(body: bytes, encoding: str) -> bytes:
    """The body, unzipped where it says that it is zipped, and never more of it than may be sent."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in {"gzip", "x-gzip"}:
        raise TrackingRequestError(
            "The request was refused: its content encoding is none of gzip and identity."
        )
    stream = zlib.decompressobj(wbits=31)
    try:
        found = stream.decompress(body, BATCH_BYTES_MAX + 1)
    except zlib.error:
        raise TrackingRequestError("The request was refused: its body is no gzip.") from None
    if len(found) > BATCH_BYTES_MAX:
        raise TrackingRequestError(
            f"The request was refused: unzipped it has more than {BATCH_BYTES_MAX:,} bytes."
        )
    if not stream.eof or stream.unused_data:
        raise TrackingRequestError("The request was refused: its gzip body is cut off or too long.")
    return found


def _key(header: str | None) -> str | None:
    """The write key of `Basic base64(key:)` or `Bearer key`."""
    scheme, _, value = (header or "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _told(_request: _Request, error: AimwellError) -> Response[dict[str, Any]]:
    headers = dict(_CORS)
    if isinstance(error, TrackingRequestError):
        status = 400
    elif isinstance(error, TrackingKeyError):
        status = 401
    elif isinstance(error, TrackingRateError):
        status = 429
        wait = max(1, math.ceil(error.seconds))
        moment = math.ceil(datetime.now(UTC).timestamp()) + wait
        headers |= {"Retry-After": str(wait), "X-RateLimit-Reset": str(moment)}
    else:
        # The disk is full or behind, or the keys cannot be looked up: the client keeps its messages.
        status = 503
        headers["Retry-After"] = str(_BUSY_SECONDS)
    return _answer(status, str(error), headers)


def refused(_request: _Request, error: HTTPException) -> Response[dict[str, Any]]:
    """What a client is told whose request is none, also where there is no such call."""
    # The protocol knows no 413.
    status = 400 if error.status_code == 413 else error.status_code
    too_much = f"The request was refused: it has more than {BATCH_BYTES_MAX:,} bytes."
    words = {
        404: f"There is no such call. Calls are {PREFIX}/{f', {PREFIX}/'.join(_SHORT)}.",
        405: "The request was refused: messages are sent by POST.",
        413: too_much,
    }.get(error.status_code, "The request was refused.")
    return _answer(status, words, dict(_CORS))


def _answer(status: int, message: str, headers: dict[str, str]) -> Response[dict[str, Any]]:
    return Response(
        {"success": False, "message": message},
        status_code=status,
        headers=headers,
        media_type=MediaType.JSON,
    )
