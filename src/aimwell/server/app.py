"""The server's application: tracking, the links in messages, people's scores, health, figures, and reports where asked for."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components
from litestar.static_files import create_static_files_router
from sqlalchemy.exc import SQLAlchemyError

from aimwell.collect.tracking.door import Door, inbox_folder
from aimwell.deliver.answers import Answers
from aimwell.errors import AimwellError
from aimwell.predict.serving import ServedScores
from aimwell.privacy.inbox_cipher import inbox_cipher
from aimwell.server.flusher import Flusher
from aimwell.server.holdouts import holdout_routes
from aimwell.server.operators import Figures, operator_routes
from aimwell.server.pages import page
from aimwell.server.recipients import recipient_routes
from aimwell.server.score_worker import ScoreWorker
from aimwell.server.scores import READ_KEY_SCHEME, known_read_keys, score_routes
from aimwell.server.scores import refused as api_refused
from aimwell.server.script import script_route
from aimwell.server.tracking import PREFIX, tracking_routes
from aimwell.server.tracking import refused as tracking_refused
from aimwell.store.inbox import InboxWriter
from aimwell.store.stores import Stores, open_stores
from aimwell.version import VERSION

__all__ = ["app_from_environment", "create_app"]

_BODY_BYTES_MAX = 100_000
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_log = logging.getLogger(__name__)


def create_app(stores: Stores, *, reports: bool = False, flush: bool = False) -> Litestar:
    """The application on opened stores.

    Args:
        flush: Also carry tracking messages into the lake, in a process of its own beside the server.
        reports: Also serve the folder of reports under /reports/. They hold no personal data, but they are the
            firm's own figures, so they are served only where that was asked for.
    """
    handlers = [
        tracking_routes(),
        script_route(),
        recipient_routes(),
        operator_routes(),
        holdout_routes(),
        score_routes(),
    ]
    if reports:
        handlers.append(
            create_static_files_router(
                path="/reports",
                directories=[stores.folder("reports")],
                html_mode=False,
                include_in_schema=False,
                before_request=_refuse_no_name,
                after_request=_closed,
            )
        )
    figures = Figures(stores)
    flusher = Flusher(stores.root, seconds=stores.settings.flush_seconds) if flush else None
    scores = ScoreWorker(ServedScores(stores, stores.settings.scores_memory_mb << 20))
    return Litestar(
        route_handlers=handlers,
        state=State(
            {
                "stores": stores,
                "answers": Answers(stores),
                "figures": figures,
                "scores": scores,
            }
        ),
        middleware=[figures],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        openapi_config=OpenAPIConfig(
            title="Aimwell",
            version=VERSION,
            path="/schema",
            components=Components(security_schemes=READ_KEY_SCHEME),
            # The pages for browsers would load scripts from elsewhere.
            render_plugins=[JsonRenderPlugin(path="/"), YamlRenderPlugin()],
        ),
        request_max_body_size=_BODY_BYTES_MAX,
        on_startup=[_open_door, *([flusher.start] if flusher else [])],
        # The door first: what it still had goes into the lake with the flusher's last look.
        on_shutdown=[_close_door, *([flusher.stop] if flusher else []), scores.stop, stores.close],
        logging_config=None,
        debug=False,
    )


async def _open_door(app: Litestar) -> None:
    stores: Stores = app.state.stores
    settings = stores.settings
    writer = InboxWriter(
        inbox_folder(stores),
        cipher=inbox_cipher(stores),
        segment_bytes=settings.inbox_segment_mb * 1024 * 1024,
        segment_seconds=settings.inbox_segment_seconds,
    )
    app.state.door = Door(stores, writer, messages_per_second=settings.tracking_per_second)
    app.state.figures.watch(app.state.door)
    app.state.read_keys = known_read_keys(stores)


async def _close_door(app: Litestar) -> None:
    door: Door = app.state.door
    await door.close()


def _refused(request: Request[Any, Any, State], error: HTTPException) -> Response[Any]:
    """A page for what cannot be answered, without a word of what went wrong inside; programs get JSON."""
    if request.url.path.startswith(f"{PREFIX}/"):
        return tracking_refused(request, error)
    if request.url.path.startswith("/api/"):
        return api_refused(request, error)
    titles = {
        404: "There is nothing here",
        405: "That is not possible here",
        413: "That is too much",
    }
    title = titles.get(error.status_code, "That did not work")
    return page(title, "Please use the link in the message itself.", status=error.status_code)


def _failed(_request: Request[object, object, State], error: Exception) -> Response[str]:
    """A page for what went wrong inside; the log gets the kind of error, never the address, which holds a token."""
    away = isinstance(error, AimwellError | SQLAlchemyError)
    _log.error("a request failed: %s", type(error).__name__)
    return page(
        "Please try again in a moment",
        "Something is not working on our side just now. Nothing of what you did is lost if you do it again.",
        status=503 if away else 500,
        headers={"Retry-After": "30"} if away else {},
    )


def _refuse_no_name(request: Request[Any, Any, State]) -> None:
    """No file has a name with a NUL, which the system would not even look for."""
    if "\0" in request.url.path or "%00" in request.url.path:
        raise NotFoundException


def _closed(response: Response[Any]) -> Response[Any]:
    """Reports are pages of their own: they run nothing and load nothing."""
    response.headers["Content-Security-Policy"] = _REPORT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def app_from_environment() -> Litestar:
    """The application on the workspace named by AIMWELL_WORKSPACE; for `uvicorn --factory`.

    AIMWELL_SERVE_REPORTS=1 serves the reports too, AIMWELL_SERVE_FLUSH=1 flushes tracking messages.
    """
    root = Path(os.environ.get("AIMWELL_WORKSPACE", "."))
    return create_app(
        open_stores(root),
        reports=os.environ.get("AIMWELL_SERVE_REPORTS") == "1",
        flush=os.environ.get("AIMWELL_SERVE_FLUSH") == "1",
    )
