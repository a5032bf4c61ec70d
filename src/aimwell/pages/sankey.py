"""A Sankey chart as inline SVG: columns of groups, and the flows between one column and the next.

Heights are people. Positions across are percentages, so the chart takes the width of its place; ribbons lie in a drawing
that stretches, texts keep their size. Colours are classes of the page's style sheet (`flow-1` to `flow-8`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aimwell.pages.charts import figure

__all__ = ["Column", "Ribbon", "sankey"]

_HEIGHT, _TOP, _BOTTOM = 400.0, 8.0, 30.0
_GAP = 7.0  # pixels between two groups of a column
_NODE = 1.6  # percent of the width
_ROOM = 9  # columns that have room for their numbers
_SMALL = 15.0  # a group lower than this has no room for its number


@dataclass(frozen=True)
class Column:
    """One column: its label, and name → size of its groups, from top to bottom."""

    label: str
    groups: Mapping[str, float]


@dataclass(frozen=True)
class Ribbon:
    """A flow into column `place` from the one before it."""

    place: int
    source: str
    target: str
    size: float


def sankey(
    columns: Sequence[Column],
    ribbons: Sequence[Ribbon],
    *,
    css: Mapping[str, str],
    title: str,
    description: str,
) -> Markup:
    """The chart.

    Args:
        columns: In order; at least one. A group without size is left out.
        ribbons: Sizes in the same unit as the groups; what comes from outside has none.
        css: Name of a group → its class.
        title: Of the chart, for those who do not see it.
        description: What it shows, likewise.
    """
    most = max((sum(column.groups.values()) for column in columns), default=0.0) or 1.0
    groups = max((len(_there(column)) for column in columns), default=1)
    scale = (_HEIGHT - _TOP - _BOTTOM - _GAP * (groups - 1)) / most
    tops = [_tops(column, scale) for column in columns]
    span = (100.0 - _NODE) / max(len(columns) - 1, 1)
    parts = [_ribbons(columns, ribbons, tops, scale, css)]
    texts: list[Markup] = []  # above all groups: on a phone a number reaches into the next column
    for place, column in enumerate(columns):
        left = span * place
        parts += [
            _group(name, size, left, tops[place][name], scale, css) for name, size in _there(column)
        ]
        anchor = "start" if place == 0 else "end" if place == len(columns) - 1 else "middle"
        at = left if place == 0 else left + (_NODE if anchor == "end" else _NODE / 2)
        if not _told(place, len(columns)):
            continue
        inner = "" if place in (0, len(columns) - 1) else " inner"
        texts.append(
            Markup('<text class="tick{}" x="{:.3f}%" y="{}" text-anchor="{}">{}</text>').format(
                inner, at, _HEIGHT - 8, anchor, column.label
            )
        )
        texts += [
            Markup(
                '<text class="figure{}" x="{:.3f}%" y="{:.2f}" text-anchor="{}">{:,.0f}</text>'
            ).format(
                inner,
                left - 0.7 if anchor == "end" else left + _NODE + 0.7,
                tops[place][name] + size * scale / 2 + 4.5,
                "end" if anchor == "end" else "start",
                size,
            )
            for name, size in _there(column)
            if size * scale >= _SMALL
        ]
    drawing = Markup("").join([*parts, *texts])
    return figure(drawing, title=title, description=description, height=int(_HEIGHT))


def _told(place: int, columns: int) -> bool:
    """Whether a column has its label and numbers: the ends always, of many columns those between that have room."""
    if place in (0, columns - 1) or columns <= _ROOM:
        return True
    every = -(-columns // _ROOM)
    return place % every == 0 and place <= columns - 1 - every


def _there(column: Column) -> list[tuple[str, float]]:
    return [(name, size) for name, size in column.groups.items() if size > 0]


def _tops(column: Column, scale: float) -> dict[str, float]:
    found, y = {}, _TOP
    for name, size in _there(column):
        found[name] = y
        y += size * scale + _GAP
    return found


def _group(
    name: str, size: float, left: float, top: float, scale: float, css: Mapping[str, str]
) -> Markup:
    return Markup(
        '<rect class="node {}" x="{:.3f}%" y="{:.2f}" width="{}%" height="{:.2f}" rx="2"><title>{}: {:,.0f}</title></rect>'
    ).format(css[name], left, top, _NODE, max(size * scale, 1.0), name, size)


def _ribbons(
    columns: Sequence[Column],
    ribbons: Sequence[Ribbon],
    tops: Sequence[Mapping[str, float]],
    scale: float,
    css: Mapping[str, str],
) -> Markup:
    """All ribbons in one stretching drawing, 1000 wide and of the chart's height."""
    step = (1000.0 - _NODE * 10) / max(len(columns) - 1, 1)
    order = [list(column.groups) for column in columns]
    leaving: dict[tuple[int, str], float] = {}
    coming: dict[tuple[int, str], float] = {}
    paths = []
    for one in sorted(
        ribbons,
        key=lambda r: (r.place, order[r.place - 1].index(r.source), order[r.place].index(r.target)),
    ):
        # Within a group those that leave are in the order of where they go, those that come of whence they come.
        height = one.size * scale
        here, there = (one.place - 1, one.source), (one.place, one.target)
        y0 = tops[one.place - 1][one.source] + leaving.get(here, 0.0)
        y1 = tops[one.place][one.target] + coming.get(there, 0.0)
        leaving[here] = leaving.get(here, 0.0) + height
        coming[there] = coming.get(there, 0.0) + height
        x0, x1 = step * (one.place - 1) + _NODE * 10, step * one.place
        middle = (x0 + x1) / 2
        paths.append(
            Markup(
                '<path class="ribbon {}" d="M{:.1f} {:.2f}C{m} {:.2f} {m} {:.2f} {:.1f} {:.2f}V{:.2f}C{m} {:.2f} {m} {:.2f} {:.1f} '
                '{:.2f}Z"><title>{} → {}: {:,.0f}</title></path>'
            ).format(
                css[one.source],
                x0,
                y0,
                y0,
                y1,
                x1,
                y1,
                y1 + height,
                y1 + height,
                y0 + height,
                x0,
                y0 + height,
                one.source,
                one.target,
                one.size,
                m=f"{middle:.1f}",
            )
        )
    return Markup(
        '<svg x="0" y="0" width="100%" height="{h}" viewBox="0 0 1000 {h}" preserveAspectRatio="none">{p}</svg>'
    ).format(h=int(_HEIGHT), p=Markup("").join(paths))
