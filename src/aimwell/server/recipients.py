"""The links in messages: unsubscribe, preferences, clicks, opens.

The posts of one-click unsubscribing (RFC 8058) come from mailbox providers' servers: no cookie, no CSRF token, no
redirect, no bot check. A GET only ever shows a page, because scanners follow links.
"""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from litestar import HttpMethod, Request, Response, Router, post, route
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath
from sqlalchemy.exc import SQLAlchemyError

from aimwell.deliver.answers import Answers
from aimwell.deliver.token import Purpose
from aimwell.errors import AimwellError
from aimwell.server.pages import Choice, page

__all__ = ["recipient_routes"]

_PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_LABELS = {"email": "Offers by e-mail", "sms": "Offers by text message"}
_BODY_BYTES_MAX = 10_000
_FIELDS_MAX = 100
_CHOICE = "choice"
_TEST = "This was a test message"

_log = logging.getLogger(__name__)
_Request = Request[Any, Any, Any]


def _unknown() -> Response[str]:
    return page(
        "This link does not work",
        "It may have been cut off or changed on its way. Please use the link in the message itself.",
        status=404,
    )


def _answers(request: _Request) -> Answers:
    found: Answers = request.app.state.answers
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def _agent(request: _Request) -> str:
    return request.headers.get("user-agent", "")


def _address(request: _Request) -> str:
    return request.client.host if request.client else ""


def _note_view(request: _Request, purpose: Purpose, token: str) -> None:
    """A page must be shown whether or not the look at it can be noted."""
    try:
        _answers(request).viewed(
            purpose,
            token,
            now=_now(),
            method=request.method,
            agent=_agent(request),
            address=_address(request),
        )
    except (AimwellError, SQLAlchemyError) as error:
        _log.warning("a look at a page was not noted: %s", type(error).__name__)


@route("/u/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=True)
def unsubscribe_page(request: _Request, token: FromPath[str]) -> Response[str]:
    """Ask whether to unsubscribe; nothing happens yet."""
    _note_view(request, "unsubscribe", token)
    if _answers(request).message_of("unsubscribe", token) is None:
        return _unknown()
    return page(
        "Stop these messages?",
        "Press the button and you will get no more offers from us this way.",
        button="Unsubscribe",
    )


@post("/u/{token:str}", status_code=200, sync_to_thread=True)
def unsubscribe(request: _Request, token: FromPath[str]) -> Response[str]:
    """Unsubscribe, from the page's button or from a mailbox provider's one click."""
    if _answers(request).is_test("unsubscribe", token):
        return page(_TEST, "In a real message this would have unsubscribed you. Nothing changed.")
    if not _answers(request).unsubscribe(token, now=_now()):
        return _unknown()
    return page("You are unsubscribed", "You will get no more offers from us this way.")


@route("/p/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=True)
def preference_page(request: _Request, token: FromPath[str]) -> Response[str]:
    """Show what the person gets."""
    _note_view(request, "preference", token)
    if _answers(request).is_test("preference", token):
        return page(_TEST, "In a real message people choose here what they would like to get.")
    preferences = _answers(request).preferences(token)
    if preferences is None:
        return _unknown()
    choices = [Choice(m, _LABELS.get(m, m), yes) for m, yes in preferences.wanted.items()]
    return page("Your choice", "Tick what you would like to get from us.", choices=choices)


@post("/p/{token:str}", status_code=200)
async def choose(request: _Request, token: FromPath[str]) -> Response[str]:
    """Record what the person ticked."""
    body = (await _bounded_body(request)).decode("utf-8", "replace")
    try:
        form = parse_qs(body, max_num_fields=_FIELDS_MAX)
    except ValueError:
        form = {}
    if _CHOICE not in form:
        # A post that is not of our page says nothing about what the person wants.
        return page("That did not work", "Please use the page behind the link.", status=400)
    answers = _answers(request)
    if await sync_to_thread(answers.preferences, token) is None:
        return _unknown()
    wanted = {medium: form.get(medium) == ["yes"] for medium in _LABELS}
    chosen = await sync_to_thread(answers.choose, token, wanted, now=_now())
    blocked = chosen is not None and any(
        wanted[medium] and not holds for medium, holds in chosen.wanted.items()
    )
    if blocked:
        return page(
            "Saved, but messages cannot reach you",
            "Your address was closed to us because messages came back or were reported. Please write to us.",
        )
    return page("Saved", "Your choice holds from now on.")


async def _bounded_body(request: _Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            break
    return body[:_BODY_BYTES_MAX]


@route(
    ["/c/{token:str}/{number:int}", "/c/{token:str}/{number:int}/{sealed:str}"],
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
)
async def click(
    request: _Request, token: FromPath[str], number: FromPath[int], sealed: FromPath[str] = ""
) -> Response[Any]:
    """Note the click and lead on to where the message's author pointed."""
    # Handed to a thread here: the framework wraps a handler of two paths twice.
    target = await sync_to_thread(
        _answers(request).clicked,
        token,
        number,
        sealed=sealed,
        query=request.scope.get("query_string", b"").decode("ascii", "replace"),
        now=_now(),
        method=request.method,
        agent=_agent(request),
        address=_address(request),
    )
    if target is None:
        return _unknown()
    if target == "":
        return page("Nothing to see here", "This link leads nowhere.")
    return Response(
        b"", status_code=302, media_type="text/plain", headers={**_NO_STORE, "Location": target}
    )


@route("/o/{name:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=True)
def opened(request: _Request, name: FromPath[str]) -> Response[bytes]:
    """Note the open; the picture comes whether or not the token is ours, so that nothing can be found out."""
    try:
        _answers(request).opened(
            name.removesuffix(".gif"),
            now=_now(),
            method=request.method,
            agent=_agent(request),
            address=_address(request),
        )
    except (AimwellError, SQLAlchemyError) as error:
        # A picture that is missing would show in the message; an open that is missing hurts nobody.
        _log.warning("an open was not noted: %s", type(error).__name__)
    return Response(
        _PIXEL if request.method == "GET" else b"",
        media_type="image/gif",
        headers=_NO_STORE,
    )


def recipient_routes() -> Router:
    """All routes that stand in messages."""
    return Router(
        path="/",
        route_handlers=[
            unsubscribe_page,
            unsubscribe,
            preference_page,
            choose,
            click,
            opened,
        ],
        include_in_schema=True,
        tags=["recipients"],
    )
