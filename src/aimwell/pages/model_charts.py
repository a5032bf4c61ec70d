"""Pictures of groups of people as inline SVG: points, a tree of groups, bars to either side of a middle.

Groups have the colours `g0` … `g7` of `GROUP_STYLE`, and their numbers stand beside them, since colours alone say nothing to
some.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from aimwell.pages.charts import figure, nice_ticks

__all__ = ["GROUP_STYLE", "deviation", "group_css", "points", "tree"]

_COLOURS = 8

GROUP_STYLE = Markup(  # noqa: S704 - our own style
    ":root{--g0:#0b62a8;--g1:#a84a00;--g2:#0a6b4b;--g3:#8a2b86;--g4:#a3241b;--g5:#5a6b00;--g6:#3b4a9e;--g7:#6b4a2b}"
    "@media (prefers-color-scheme:dark){:root{--g0:#6db7f7;--g1:#f3a562;--g2:#63d6a8;--g3:#e39ae0;--g4:#ff9d92;"
    "--g5:#cddc6a;--g6:#a9b5ff;--g7:#d9b48f}}"
    + "".join(
        f"svg .g{n}{{fill:var(--g{n});stroke:var(--g{n})}} b.g{n}{{color:var(--g{n})}}"
        for n in range(_COLOURS)
    )
    + "svg .out{fill:var(--soft);stroke:var(--soft)} b.out{color:var(--soft)}"
    "svg circle.person{fill-opacity:.55;stroke:none} svg .halo{paint-order:stroke;stroke:var(--card);stroke-width:4;"
    "font-weight:700;font-size:17px;stroke-linejoin:round} svg .branch{fill:none;stroke:var(--soft);stroke-width:1.5}"
    "svg .cut{stroke:var(--control);stroke-width:1.5;stroke-dasharray:6 4} svg .mid{stroke:var(--soft);stroke-width:1}"
)
"""Style of the groups, for the head of a page."""


def group_css(place: int, groups: int) -> str:
    """The class of a group's colour; the place after the last group is that of people like no group."""
    return "out" if place >= groups else f"g{place % _COLOURS}"


def points(
    people: Sequence[tuple[float, float, int]],
    *,
    groups: int,
    names: tuple[str, str],
    title: str,
    description: str,
) -> Markup:
    """People as dots of (x, y, group), each group's number at the middle of its people."""
    left, right, top, bottom, height = 9.0, 99.0, 26.0, 330.0, 376
    xs, ys = [one[0] for one in people], [one[1] for one in people]
    x_ticks, y_ticks = nice_ticks(min(xs), max(xs)), nice_ticks(min(ys), max(ys))

    def x(value: float) -> float:
        return left + (right - left) * (value - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])

    parts = [
        Markup('<line class="grid" x1="{0}%" x2="{1}%" y1="{2:.1f}" y2="{2:.1f}"/>').format(
            left, right, y(tick)
        )
        for tick in y_ticks
    ]
    parts += [
        Markup('<text class="tick" x="{}%" y="{:.1f}" text-anchor="end">{}</text>').format(
            left - 1, y(tick) + 4, _number(tick)
        )
        for tick in y_ticks
    ]
    parts += [
        Markup('<text class="tick" x="{:.2f}%" y="{}" text-anchor="{}">{}</text>').format(
            x(tick), bottom + 18, "end" if tick == x_ticks[-1] else "middle", _number(tick)
        )
        for tick in x_ticks
    ]
    parts += [
        Markup('<circle class="person {}" cx="{:.2f}%" cy="{:.1f}" r="3.5"/>').format(
            group_css(group, groups), x(one), y(other)
        )
        for one, other, group in people
    ]
    for group in range(groups):
        mine = [one for one in people if one[2] == group]
        if mine:
            parts.append(
                Markup(
                    '<text class="halo {}" x="{:.2f}%" y="{:.1f}" text-anchor="middle">{}</text>'
                ).format(
                    group_css(group, groups),
                    x(sum(one[0] for one in mine) / len(mine)),
                    y(sum(one[1] for one in mine) / len(mine)) + 6,
                    group + 1,
                )
            )
    parts.append(Markup('<text class="tick" x="0" y="12">{}</text>').format(names[1]))
    parts.append(
        Markup('<text class="tick" x="{}%" y="{}" text-anchor="end">{}</text>').format(
            right, height - 6, names[0]
        )
    )
    return figure(Markup("").join(parts), title=title, description=description, height=height)


def _number(value: float) -> str:
    return f"{value:,.6g}".replace("-", "−")


def tree(
    sizes: Sequence[int],
    joins: Sequence[tuple[int, int, float]],
    *,
    cut: float | None,
    title: str,
    description: str,
) -> Markup:
    """A dendrogram: branches at the foot with their sizes, joined at their heights; `cut` is a line across.

    Args:
        sizes: People in each lowest branch, from left to right.
        joins: (left node, right node, height), each making the next node.
        cut: The height at which groups are cut apart.
        title: Of the chart, for those who do not see it.
        description: What it shows, likewise.
    """
    top, bottom, height = 10.0, 250.0, 280
    highest = max((join[2] for join in joins), default=1.0) or 1.0
    places = [100.0 * (number + 0.5) / len(sizes) for number in range(len(sizes))]
    levels = [0.0] * len(sizes)

    def y(level: float) -> float:
        return bottom - (bottom - top) * level / highest

    line = Markup('<line class="branch" x1="{:.3f}%" x2="{:.3f}%" y1="{:.1f}" y2="{:.1f}"/>')
    parts = []
    for left, right, level in joins:
        for side in (left, right):
            parts.append(line.format(places[side], places[side], y(levels[side]), y(level)))
        parts.append(line.format(places[left], places[right], y(level), y(level)))
        places.append((places[left] + places[right]) / 2)
        levels.append(level)
    if cut is not None:
        parts.append(
            Markup('<line class="cut" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>').format(y(cut))
        )
    step = 1 if len(sizes) <= 12 else 2  # numbers of many branches would run into one another
    parts += [
        Markup('<text class="tick" x="{:.3f}%" y="{}" text-anchor="middle">{}</text>').format(
            places[number], bottom + 18, size
        )
        for number, size in enumerate(sizes)
        if number % step == 0
    ]
    return figure(Markup("").join(parts), title=title, description=description, height=height)


def deviation(value: float, css: str, *, most: float = 2.0) -> Markup:
    """A bar from the middle to the right for what is above everybody's mean, to the left for what is below."""
    width = 50.0 * min(abs(value), most) / most
    start = 50.0 if value >= 0 else 50.0 - width
    return Markup(
        '<svg class="chart" height="14" aria-hidden="true"><rect class="rail" width="100%" height="14" rx="3"/>'
        '<rect class="{}" x="{:.2f}%" width="{:.2f}%" height="14"/>'
        '<line class="mid" x1="50%" x2="50%" y1="0" y2="14"/></svg>'
    ).format(css, start, width)
