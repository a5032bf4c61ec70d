"""The page that says whether groups are real: one self-contained HTML file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.pages.charts import Whisker, axis, fitting_ticks, whisker, whiskers_scale
from aimwell.pages.page import render_page
from aimwell.segment.rules.leaves.rfm import group_words
from aimwell.segment.validity.model import Aftermath, Moves, Proxy, Validity
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["shown", "validity_html"]

_TEMPLATE = Path(__file__).parents[1] / "templates" / "validity.html"
_SHOWN_FEATURES = 12
_VERDICTS = {
    "names it": "made from it",
    "proxy": "proxy",
    "uneven": "uneven",
    "fine": "fine",
    "unknown": "too few known",
}


def shown(one: Estimate, *, share: bool = False) -> str:
    """As '12% (10% to 14%)', or the reason why there is no figure."""
    if one.estimate is None:
        return one.reason or "unknown"
    if share:
        return f"{one.estimate:.0%} ({one.lower:.0%} to {one.upper:.0%})"
    return f"{one.estimate:,.2f} ({one.lower:,.2f} to {one.upper:,.2f})"


def validity_html(found: Validity, *, as_of: datetime, timezone: str, currency: str) -> str:
    """The whole page as text; the same answer gives the same page."""
    return render_page(
        _TEMPLATE,
        found=found,
        title=f"{found.title[:1].upper()}{found.title[1:]}",
        people=f"{found.people:,}",
        when=f"{as_of.astimezone(ZoneInfo(timezone)):%-d %B %Y}",
        after=_after(found.after, currency),
        sizes=[
            {
                "group": _label(one.group),
                "people": f"{one.people:,}",
                "rate": f"{one.base_rate:.0%}",
                "half": _points(one.half.value),
                "tenth": _points(one.tenth.value),
                "needed": "–" if one.needed is None else f"{one.needed:,.0f}",
            }
            for one in found.sizes
        ],
        unused=[
            {
                "name": one.name.replace("_", " "),
                "strength": f"{one.strength:.0%}" if one.strength >= 0.005 else "under 1%",
                "clear": one.p_value <= 0.05,
            }
            for one in found.unused[:_SHOWN_FEATURES]
        ],
        used=", ".join(name.replace("_", " ") for name in found.used),
        moves=_moves(found.moves),
        steady=found.steady,
        labels=[
            {
                "group": _label(one.group),
                "words": one.words,
                "holds": shown(one.holds, share=True),
                "mixed": one.mixed,
            }
            for one in found.labels
        ],
        proxies=[_proxy(one) for one in found.proxies],
        version=VERSION,
    )


def _label(group: str) -> str:
    words = group_words(group)
    return words[:1].upper() + words[1:]


def _points(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} points"


def _after(after: Aftermath | None, currency: str) -> dict[str, Any] | None:
    if after is None:
        return None
    whiskers = {
        one.group: Whisker(one.bought.estimate, one.bought.lower, one.bought.upper)
        for one in after.groups
        if one.bought.estimate is not None
        and one.bought.lower is not None
        and one.bought.upper is not None
    }
    low, high = whiskers_scale(list(whiskers.values()))
    scale = max(low, 0.0), high
    ticks = fitting_ticks(scale, lambda values: [f"{value:.0%}" for value in values])
    return {
        "days": after.days,
        "bought": after.bought,
        "p": _p(after.bought.p_value),
        "rows": [
            {
                "label": _label(one.group),
                "figure": "" if one.bought.estimate is None else f"{one.bought.estimate:.0%}",
                "more": f"{one.people:,} people; {shown(one.revenue)} {currency} a person",
                "drawing": whisker(
                    whiskers[one.group],
                    scale,
                    title=f"Share of {_label(one.group)} who bought",
                    description=shown(one.bought, share=True),
                    ticks=[tick for tick, _text in ticks],
                ),
            }
            for one in after.groups
            if one.group in whiskers
        ],
        "axis": axis(scale, ticks),
        "leads": None
        if after.leads is None
        else f"“{_label(after.leader or '')}” buys most often in {after.leads:.0%} of resamples.",
    }


def _p(value: float | None) -> str:
    return "" if value is None else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _moves(moved: Moves | None) -> dict[str, Any] | None:
    if moved is None or moved.stay.estimate is None:
        return None
    names = sorted({name for pair in moved.counts for name in pair})
    rows = []
    for before in names:
        whole = sum(moved.counts.get((before, now), 0) for now in names)
        if whole:
            cells = [moved.counts.get((before, now), 0) / whole for now in names]
            rows.append(
                {
                    "from": _label(before),
                    "people": f"{whole:,}",
                    "cells": [
                        {"text": f"{cell:.0%}" if cell >= 0.005 else "", "own": before == now}
                        for now, cell in zip(names, cells, strict=True)
                    ],
                }
            )
    return {
        "days": moved.days,
        "stay": shown(moved.stay, share=True),
        "agreement": "" if moved.agreement is None else f"{moved.agreement:.2f}",
        "names": [_label(name) for name in names],
        "rows": rows,
    }


def _proxy(one: Proxy) -> dict[str, Any]:
    strength = one.strength
    return {
        "group": _label(one.group),
        "attribute": one.attribute,
        "verdict": _VERDICTS[one.verdict],
        "bad": one.verdict in ("names it", "proxy", "uneven"),
        "strength": shown(strength),
        "p": _p(strength.p_value),
        "ratio": ""
        if one.ratio.estimate is None
        else f"{shown(one.ratio)}: “{one.least}” against “{one.most}”",
    }
