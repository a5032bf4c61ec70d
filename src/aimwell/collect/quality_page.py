"""The page of a source's quality over time: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.collect.quality import FORMULAS, EntityQuality, share_words
from aimwell.pages import charts
from aimwell.pages.page import render_page
from aimwell.version import VERSION

__all__ = ["quality_html"]

_TEMPLATE = Path(__file__).parent / "templates" / "quality.html"
_LOWER = (0.9, 0.5, 0.0)  # where a scale may begin, so that small losses are seen


def quality_html(found: Sequence[EntityQuality], *, now: datetime, timezone: str) -> str:
    """The whole page as text; the same measures give the same page."""
    zone = ZoneInfo(timezone)
    return render_page(
        _TEMPLATE,
        entities=[_entity(one, zone) for one in found],
        sources=", ".join(dict.fromkeys(one.source for one in found)),
        made=f"{now.astimezone(zone):%-d %B %Y, %H:%M}",
        version=VERSION,
    )


def _entity(one: EntityQuality, zone: ZoneInfo) -> dict[str, Any]:
    last = one.loads[-1]
    return {
        "title": f"{one.source}: {one.what}",
        "loads": len(one.loads),
        "last": f"{last.collected_at.astimezone(zone):%-d %B %Y, %H:%M}",
        "rows": f"{last.rows:,}",
        "cards": [_card(name, one, zone) for name in FORMULAS],
        "expectations": [
            {
                "detail": result.detail,
                "name": result.name,
                "severity": "kept aside" if result.severity == "quarantine" else "counted",
                "broken": f"{result.broken:,}",
                "rows": f"{result.rows:,}",
            }
            for result in one.expectations
        ],
        "reasons": _counts(one.quarantined_by_reason),
        "gaps": _counts(one.gaps),
        "filled": _counts(one.filled),
        "standardised": _counts(one.standardised),
    }


def _counts(found: Any) -> list[tuple[str, str]]:
    return [
        (name, f"{rows:,}") for name, rows in sorted(found.items(), key=lambda i: (-i[1], i[0]))
    ]


def _card(name: str, one: EntityQuality, zone: ZoneInfo) -> dict[str, Any]:
    last = one.loads[-1].measures[name]
    values = [load.measures[name].value for load in one.loads]
    there = [value for value in values if value is not None]
    worked = ""
    if last.value is not None and last.good is not None and last.of is not None:
        worked = (
            f"{last.good:.4g} h ÷ {last.of:.4g} h"
            if name == "freshness"
            else f"{last.good:,.0f} ÷ {last.of:,.0f}"
        )
    return {
        "label": name.capitalize(),
        "value": share_words(last.value) if last.value is not None else None,
        "reason": last.reason,
        "formula": FORMULAS[name],
        "worked": worked,
        "drawing": _drawing(name, one, values, zone) if len(there) > 1 else None,
        "past": _past(there),
    }


def _past(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    low, high = share_words(min(values)), share_words(max(values))
    if low == high:
        return f"{low} in all {len(values)} loads"
    return f"{low} to {high} over {len(values)} loads"


def _drawing(name: str, one: EntityQuality, values: Sequence[float | None], zone: ZoneInfo) -> Any:
    there = [value for value in values if value is not None]
    low = next(share for share in _LOWER if min(there) >= share)
    ends = tuple(f"{one.loads[place].collected_at.astimezone(zone):%-d %b}" for place in (0, -1))
    return charts.trend(
        values,
        low=low,
        labels=(f"{low:.0%}", "100%"),
        ends=(ends[0], ends[1]),
        title=f"{name.capitalize()} of {one.source}, {one.what}",
        description=f"{name} from {ends[0]} to {ends[1]}: "
        + ", ".join("missing" if value is None else share_words(value) for value in values[-12:]),
    )
