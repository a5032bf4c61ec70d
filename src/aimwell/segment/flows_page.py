"""The page of the life cycle: stages month by month as a Sankey chart, and the same figures as tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.pages.page import render_page
from aimwell.pages.sankey import Column, Ribbon, sankey
from aimwell.segment.flows import Flows
from aimwell.version import VERSION

__all__ = ["flows_html", "flows_sentence"]

_TEMPLATE = Path(__file__).parent / "templates" / "flows.html"
_OUTSIDE = "not known before"

# From top to bottom, so that neighbours are those between whom most people move.
_LIFE = ("prospect", "new", "active", "reactivated", "lapsing", "lapsed")
_MARKETING = ("acquisition", "onboarding", "loyalty", "retention")
_CSS: Mapping[str, str] = {
    "prospect": "flow-1",
    "new": "flow-2",
    "active": "flow-3",
    "reactivated": "flow-4",
    "lapsing": "flow-5",
    "lapsed": "flow-6",
    "acquisition": "flow-1",
    "onboarding": "flow-2",
    "loyalty": "flow-4",
    "retention": "flow-5",
}
_MEANS: Mapping[str, str] = {
    "prospect": "known, has not bought",
    "new": "first order at most {active} days ago",
    "active": "last order at most {active} days ago",
    "reactivated": "came back within {active} days after having lapsed",
    "lapsing": "last order {active} to {lapsed} days ago",
    "lapsed": "last order more than {lapsed} days ago",
    "acquisition": "prospects: win them",
    "onboarding": "new: bring them to a second order",
    "loyalty": "active, at least {loyal} orders",
    "retention": "all other buyers: keep them, or win them back",
}


def flows_html(found: Flows, *, now: datetime, timezone: str) -> str:
    """The whole page as text; the same flows give the same page."""
    zone = ZoneInfo(timezone)
    stages = _LIFE if found.kind == "life" else _MARKETING
    labels = [_label(one, zone) for one in found.bounds]
    own = found.rhythm
    return render_page(
        _TEMPLATE,
        title="Life cycle" if found.kind == "life" else "Marketing stages",
        sentence=flows_sentence(found, zone),
        rhythm=own.words,
        note=found.note,
        drawing=sankey(
            [
                Column(
                    label if place in (0, len(labels) - 1) else _short(found.bounds[place], zone),
                    {stage: found.people(place, stage) for stage in stages},
                )
                for place, label in enumerate(labels)
            ],
            [
                Ribbon(one.place, one.from_stage, one.to_stage, one.people)
                for one in found.flows
                if one.from_stage is not None
            ],
            css=_CSS,
            title=f"Stages from {labels[0]} to {labels[-1]}",
            description=f"{flows_sentence(found, zone)} The tables below have every figure.",
        ),
        legend=[
            (
                _CSS[stage],
                stage,
                _MEANS[stage].format(
                    active=f"{own.active_days:,}",
                    lapsed=f"{own.lapsed_days:,}",
                    loyal=own.loyal_orders,
                ),
            )
            for stage in stages
        ],
        labels=[
            label.replace(" ", "\N{NO-BREAK SPACE}", 1) for label in labels
        ],  # breaks before the year
        counts=[
            (stage, [f"{found.people(place, stage):,}" for place in range(len(labels))])
            for stage in stages
        ],
        flows=_rows(found, stages),
        made=f"{now.astimezone(zone):%-d %B %Y, %H:%M}",
        as_of=f"{found.bounds[-1].astimezone(zone):%-d %B %Y, %H:%M}",
        version=VERSION,
    )


def _label(bound: datetime, zone: ZoneInfo) -> str:
    return f"{bound.astimezone(zone):%-d %b %Y}"


def _short(bound: datetime, zone: ZoneInfo) -> str:
    """Without the year, but in January."""
    local = bound.astimezone(zone)
    return f"{local:%-d %b %Y}" if local.month == 1 else f"{local:%-d %b}"


def _rows(found: Flows, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row a pair of stages between which anybody moved, with the people of each month."""
    moved = {(one.from_stage, one.to_stage, one.place): one.people for one in found.flows}
    pairs = [(a, b) for a in (*stages, None) for b in stages]
    return [
        {
            "source": a or _OUTSIDE,
            "target": b,
            "people": [f"{moved.get((a, b, place), 0):,}" for place in range(1, len(found.bounds))],
        }
        for a, b in pairs
        if any((a, b, place) in moved for place in range(1, len(found.bounds)))
    ]


def flows_sentence(found: Flows, zone: ZoneInfo) -> str:
    """What happened since the last bound but one, and where people stand, in a sentence or two."""
    last = len(found.bounds) - 1
    within = "in " if found.kind == "marketing" else ""
    stood = [
        f"{found.people(last, stage):,} {within}{_some(stage, found.people(last, stage))}"
        for stage in (_LIFE if found.kind == "life" else _MARKETING)
        if found.people(last, stage)
    ]
    total = sum(one.people for one in found.counts if one.place == last)
    told = f"{total:,} people: {_and(stood)}."
    if not last or found.kind == "marketing":
        return told
    since = found.bounds[last - 1]

    def moved(target: str, *sources: str) -> int:
        return sum(
            one.people
            for one in found.flows
            if (one.place, one.to_stage) == (last, target) and (one.from_stage or "") in sources
        )

    changes = [
        f"{people:,} {word}"
        for people, word in (
            (moved("new", "", "prospect"), "bought for the first time"),
            (moved("lapsing", "new", "active", "reactivated"), "began to lapse"),
            (moved("lapsed", "new", "active", "reactivated", "lapsing"), "lapsed"),
            (moved("reactivated", "lapsed", "lapsing"), "came back"),
        )
        if people
    ]
    day = f"{since.astimezone(zone):%-d %B %Y}"
    return f"{told} Since {day} {_and(changes)}." if changes else told


def _some(stage: str, people: int) -> str:
    """The stage as it stands after a number; all but this one are adjectives, or begin with "in"."""
    return "prospects" if stage == "prospect" and people != 1 else stage


def _and(parts: list[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
