"""`GET /aimwell.js`: the script for shops without a client library, as it stands in `static/`, less its comments and indents.

Everybody gets the same, so it is cached for an hour and asked for again by its hash; it sets no cookie.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get

__all__ = ["script_route", "script_text"]

_FILE = Path(__file__).parent / "static" / "aimwell.js"
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


def script_route() -> Router:
    """The route of the script."""
    return Router(path="/", route_handlers=[_script])


@get("/aimwell.js", media_type="text/javascript", include_in_schema=False)
async def _script(request: Request[Any, Any, Any]) -> Response[bytes]:
    plain, zipped, tag = _content()
    headers = {**_HEADERS, "ETag": tag}
    if tag in (part.strip() for part in request.headers.get("if-none-match", "").split(",")):
        return Response(b"", status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(zipped, headers={**headers, "Content-Encoding": "gzip"})
    return Response(plain, headers=headers)


def script_text() -> str:
    """The script as browsers get it."""
    lines = (line.strip() for line in _FILE.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


@cache
def _content() -> tuple[bytes, bytes, str]:
    """The script, the same zipped, and its tag (weak, for it holds for both)."""
    plain = script_text().encode()
    tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return plain, gzip.compress(plain, 9, mtime=0), tag
