"""The page of advocacy: the net score by stage and month with intervals, and who of the silent is likely what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.pages.charts import Whisker, axis, fitting_ticks, whisker, whiskers_scale
from aimwell.pages.page import render_page
from aimwell.segment.advocacy.model import GROUPS, Advocacy, Likely, Score, signed
from aimwell.stats.estimate import Estimate
from aimwell.version import VERSION

__all__ = ["advocacy_html", "likely_words", "points", "unlike_words"]

_TEMPLATE = Path(__file__).parents[1] / "templates" / "advocacy.html"
_UNLIKE = 0.6


def points(one: Estimate) -> str:
    """As '+30 (+13 to +44)', or the reason why there is no score."""
    if one.estimate is None:
        return one.reason or "unknown"
    return f"{signed(one.estimate)} ({signed(one.lower)} to {signed(one.upper)})"


def likely_words(one: Likely) -> str:
    """How many of the silent are called so and how often that is wrong, or why it cannot be told."""
    if not one.silent:
        return f"Likely {one.kind}s: everybody answered."
    if one.reason is not None:
        return f"Likely {one.kind}s cannot be told among the {one.silent:,} who did not answer: {one.reason}."
    return (
        f"Likely {one.kind}s: {one.people:,} of the {one.silent:,} who did not answer. Called so, {one.error.estimate:.0%} "
        f"({one.error.lower:.0%} to {one.error.upper:.0%}) are none (by lot {one.dull:.0%}; ROC area {one.area.estimate:.2f})."
    )


def unlike_words(found: Advocacy) -> str | None:
    """A warning where those who answered are unlike the others; None where they are not."""
    if found.asks.estimate is None or found.asks.estimate < _UNLIKE:
        return None
    return (
        f"Those who answered are unlike the others (told apart with a ROC area of {found.asks.estimate:.2f}), so errors are "
        "weighted to those, but what cannot be seen no weight can mend."
    )


def advocacy_html(found: Advocacy, *, as_of: datetime, timezone: str) -> str:
    """The whole page as text; the same answer gives the same page."""
    return render_page(
        _TEMPLATE,
        found=found,
        when=f"{as_of.astimezone(ZoneInfo(timezone)):%-d %B %Y}",
        answered=f"{sum(found.all.counts):,}",
        warning=unlike_words(found),
        charts=[
            chart
            for title, lead, scores in (
                (
                    "By stage of the life cycle",
                    "Where the people who answered stand now.",
                    found.stages,
                ),
                ("By month", "Each person's newest answer of the month.", found.periods),
            )
            if (chart := _chart(title, lead, scores)) is not None
        ],
        change=None
        if found.change.estimate is None
        else f"{points(found.change)}"
        + ("" if (found.change.p_value or 0.0) <= 0.05 else "; that may be chance"),
        moved=[(before, now, f"{people:,}") for (before, now), people in found.moved.items()],
        figures=[
            {
                "standing": standing,
                "people": f"{count:,}",
                "rating": _share(found.ratings.get(standing)),
                "referral": _share(found.referrals.get(standing)),
            }
            for standing, count in zip(GROUPS, found.all.counts, strict=True)
        ],
        likely=[likely_words(one) for one in found.likely],
        version=VERSION,
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _chart(title: str, lead: str, scores: Sequence[Score]) -> dict[str, Any] | None:
    drawn = [
        (one, Whisker(one.score.estimate, one.score.lower, one.score.upper))
        for one in scores
        if one.score.estimate is not None
        and one.score.lower is not None
        and one.score.upper is not None
    ]
    if not drawn:
        return None
    low, high = whiskers_scale([one for _score, one in drawn])
    scale = max(low, -100.0), min(high, 100.0)
    ticks = fitting_ticks(scale, lambda values: [signed(value) for value in values])
    return {
        "title": title,
        "lead": lead,
        "rows": [
            {
                "what": one.what,
                "figure": signed(one.score.estimate),
                "counts": "{:,} promoters, {:,} passives, {:,} detractors".format(*one.counts),
                "drawing": whisker(
                    line,
                    scale,
                    title=f"Net score of {one.what}",
                    description=points(one.score),
                    ticks=[tick for tick, _text in ticks],
                ),
            }
            for one, line in drawn
        ],
        "axis": axis(scale, ticks),
    }
