"""One self-contained HTML file: our style sheet within, no script, no outside request."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

__all__ = ["render_page"]

_STYLE = Path(__file__).with_name("page.css")


@lru_cache(maxsize=8)
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(template: Path, **values: Any) -> str:
    """The page of a room's template, given the style sheet as `style`. The same values give the same page.

    Names and texts that people wrote are shown as they are and do nothing, whatever they hold.
    """
    style = Markup(_STYLE.read_text(encoding="utf-8"))  # noqa: S704 - our own style sheet
    page = _environment(template.parent).get_template(template.name)
    return page.render(style=style, **values)
