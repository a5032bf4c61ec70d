"""The page of micro-segments: what each responds, and which few hold most of the value."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aimwell.pages.charts import Whisker, axis, fitting_ticks, whisker, whiskers_scale
from aimwell.pages.columns import two_bars
from aimwell.pages.page import render_page
from aimwell.segment.micro.service import MicroSegments
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["micro_html", "response_unit", "response_words"]

_TEMPLATE = Path(__file__).parents[1] / "templates" / "micro.html"


def response_words(one: Estimate, kind: str, *, unit: str = "") -> str:
    """As '12% (10% to 14%)' or '3.20 GBP (2.90 to 3.50)', or the reason why there is no figure."""
    if one.estimate is None:
        return one.reason or "unknown"
    form = "{:.1%}" if kind == "share" else "{:,.2f}"
    figure, low, high = (form.format(value) for value in (one.estimate, one.lower, one.upper))
    return f"{figure}{f' {unit}' if unit else ''} ({low} to {high})"


def response_unit(response: str, currency: str) -> str:
    """What a mean response is counted in: the workspace's currency of revenue; nothing of what an experiment reports."""
    return currency if response == "revenue" else ""


def micro_html(found: MicroSegments, *, as_of: datetime, timezone: str, currency: str) -> str:
    """The whole page as text; the same groups give the same page."""
    unit = response_unit(found.response, currency)
    whiskers = [_whisker(one.response) for one in found.groups]
    low, high = whiskers_scale([one for one in whiskers if one is not None])
    scale = (max(low, 0.0) if all(w is None or w.lower >= 0 for w in whiskers) else low), high
    form = "{:.0%}" if found.kind == "share" else "{:,.0f}"
    if (found.kind == "share" and high < 0.2) or (found.kind == "mean" and high < 10):
        form = "{:.1%}" if found.kind == "share" else "{:,.1f}"
    ticks = fitting_ticks(scale, lambda values: [form.format(value) for value in values])
    return render_page(
        _TEMPLATE,
        found=found,
        what="buyers" if found.response == "bought" else found.response,
        people=f"{found.people:,}",
        overall=response_words(found.overall, found.kind, unit=unit),
        unit=unit,
        when=f"{as_of.astimezone(ZoneInfo(timezone)):%-d %B %Y}",
        groups=[
            {
                "number": place,
                "words": one.words,
                "people": f"{one.people:,}",
                "share": f"{one.share:.0%}",
                "value": "–" if one.value_share is None else f"{one.value_share:.0%}",
                "figure": response_words(one.response, found.kind, unit=unit),
                "drawing": None
                if drawn is None
                else whisker(
                    drawn,
                    scale,
                    title=f"Response of group {place}",
                    description=response_words(one.response, found.kind, unit=unit),
                    ticks=[tick for tick, _text in ticks],
                ),
                "pareto": two_bars(one.cumulative_people, one.cumulative_value or 0.0),
                "cumulative": (
                    f"{one.cumulative_people:.0%}",
                    "–" if one.cumulative_value is None else f"{one.cumulative_value:.0%}",
                ),
            }
            for place, (one, drawn) in enumerate(zip(found.groups, whiskers, strict=True), start=1)
        ],
        axis=axis(scale, ticks),
        version=VERSION,
    )


def _whisker(one: Estimate) -> Whisker | None:
    if one.estimate is None or one.lower is None or one.upper is None:
        return None
    return Whisker(one.estimate, one.lower, one.upper)
