"""A page made of boxes, one below the other: each a picture, cards, a table or lines under a title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from aimwell.pages.model_charts import GROUP_STYLE
from aimwell.pages.page import render_page
from aimwell.version import VERSION

__all__ = ["Section", "sections_page"]

_TEMPLATE = Path(__file__).with_name("sections.html")


@dataclass(frozen=True)
class Section:
    """One box of the page: a picture, cards, a table or lines under a title. `left`: columns of texts; `css`: of others."""

    title: str
    lead: str = ""
    drawing: Markup | None = None
    legend: Sequence[Mapping[str, str]] = ()
    cards: Sequence[Mapping[str, Any]] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    left: Sequence[int] = ()
    css: Mapping[int, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    long: bool = False


def sections_page(
    *,
    eyebrow: str,
    title: str,
    meta: str,
    badge: str,
    verdict: str,
    sentence: str,
    sections: Sequence[Section],
    made: str,
) -> str:
    """The whole page as text; the same values give the same page.

    Args:
        eyebrow: What kind of thing it is about, above the title.
        title, meta: The name, and what it is of and when.
        badge, verdict, sentence: The result in short, its tone (gain, loss, unsure), and in one sentence.
        sections: The boxes.
        made: When, as shown at the foot.
    """
    return render_page(
        _TEMPLATE,
        eyebrow=eyebrow,
        title=title,
        meta=meta,
        badge=badge,
        verdict=verdict,
        sentence=sentence,
        sections=sections,
        group_style=GROUP_STYLE,
        made=made,
        version=VERSION,
    )
