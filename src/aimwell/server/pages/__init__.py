"""The few pages that recipients see: self-contained, without scripts, cookies or outside requests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response

__all__ = ["Choice", "page"]

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


@dataclass(frozen=True)
class Choice:
    """One switch on the preference page."""

    name: str
    label: str
    wanted: bool


def page(
    title: str,
    words: str,
    *,
    status: int = 200,
    button: str = "",
    choices: Sequence[Choice] = (),
    headers: Mapping[str, str] | None = None,
) -> Response[str]:
    """A page with a title, a sentence, and a button or switches."""
    nonce = secrets.token_urlsafe(16)
    body = _environment.get_template("page.html").render(
        title=title, words=words, button=button, choices=choices, nonce=nonce
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    return Response(
        body,
        status_code=status,
        media_type=MediaType.HTML,
        headers={
            **(headers or {}),
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
