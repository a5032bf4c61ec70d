"""Charts as inline SVG: no script, no outside file, readable in light and dark, on a phone and in print.

Positions are percentages, so a chart takes the width of its place while its texts keep their size. Colours are classes
of the page's style sheet; shape and dash tell the two groups apart as well.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

__all__ = [
    "Band",
    "Whisker",
    "axis",
    "bar",
    "figure",
    "fitting_ticks",
    "growth",
    "nice_ticks",
    "trend",
    "whisker",
    "whiskers_scale",
]

# Width of a chart on a small phone and of one letter of a label there, in pixels: what fits there fits everywhere.
_NARROW = 300.0
_LETTER = 7.6
# How far a label may reach beyond its chart without leaving the page.
_MARGIN = 12.0
_AXIS = 16  # percent of the width of a trend that the labels of its scale take


@dataclass(frozen=True)
class Whisker:
    """An estimate with its interval on a shared scale, and the truth where it is known."""

    estimate: float
    lower: float
    upper: float
    truth: float | None = None


@dataclass(frozen=True)
class Band:
    """One line with its interval: (x, mean, lower, upper) in ascending x."""

    name: str
    css: str
    points: tuple[tuple[float, float, float, float], ...]


def nice_ticks(low: float, high: float, *, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from at or below `low` to at or above `high`."""
    if not high > low:
        low, high = low - 1.0, high + 1.0
    rough = (high - low) / max(wanted - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * n, 10) for n in range(first, last + 1)]


def fitting_ticks(
    scale: tuple[float, float], label: Callable[[Sequence[float]], Sequence[str]]
) -> list[tuple[float, str]]:
    """As many round numbers within the scale as have room for their labels on a phone; two at least, if there are."""
    found: list[tuple[float, str]] = []
    for wanted in (7, 6, 5, 4, 3, 2):
        ticks = [t for t in nice_ticks(*scale, wanted=wanted) if scale[0] <= t <= scale[1]]
        if len(ticks) < 2:
            break
        found = list(zip(ticks, label(ticks), strict=True))
        apart = _NARROW * (ticks[1] - ticks[0]) / (scale[1] - scale[0])
        if apart >= _LETTER * max(len(text) for _tick, text in found) + _MARGIN:
            break
    return found


def whiskers_scale(whiskers: Sequence[Whisker]) -> tuple[float, float]:
    """A range that holds all of them and zero, with a little air."""
    values = [0.0]
    for one in whiskers:
        values += [one.lower, one.upper, one.estimate]
        if one.truth is not None:
            values.append(one.truth)
    low, high = min(values), max(values)
    air = (high - low or 1.0) * 0.04
    return low - air, high + air


def whisker(
    one: Whisker,
    scale: tuple[float, float],
    *,
    title: str,
    description: str,
    ticks: Sequence[float] = (),
) -> Markup:
    """A dot on a line over the scale, with a line at zero and faint ones at the ticks."""

    def x(value: float) -> str:
        return f"{100 * (value - scale[0]) / (scale[1] - scale[0]):.3f}%"

    parts = [
        Markup('<line class="grid" x1="{0}" x2="{0}" y1="0" y2="44"/>').format(x(tick))
        for tick in ticks
        if tick != 0
    ]
    parts += [
        Markup('<line class="zero" x1="{0}" x2="{0}" y1="0" y2="44"/>').format(x(0.0)),
        Markup('<line class="reach" x1="{}" x2="{}" y1="22" y2="22"/>').format(
            x(one.lower), x(one.upper)
        ),
    ]
    for end in (one.lower, one.upper):
        parts.append(
            Markup('<line class="reach" x1="{0}" x2="{0}" y1="14" y2="30"/>').format(x(end))
        )
    if one.truth is not None:
        parts.append(
            Markup(
                '<svg x="{}" y="22" overflow="visible"><path class="truth" d="M0-11L8 0L0 11L-8 0Z"/></svg>'
            ).format(x(one.truth))
        )
    parts.append(Markup('<circle class="dot" cx="{}" cy="22" r="7"/>').format(x(one.estimate)))
    return figure(Markup("").join(parts), title=title, description=description, height=44)


def axis(scale: tuple[float, float], labels: Sequence[tuple[float, str]]) -> Markup:
    """Tick labels under whiskers of the same scale; decoration, so hidden from screen readers."""
    parts = []
    for value, label in labels:
        share = 100 * (value - scale[0]) / (scale[1] - scale[0])
        anchor = _anchor(share, label)
        parts.append(
            Markup('<text class="tick" x="{:.3f}%" y="14" text-anchor="{}">{}</text>').format(
                share, anchor, label
            )
        )
    return Markup('<svg class="chart" height="20" aria-hidden="true">{}</svg>').format(
        Markup("").join(parts)
    )


def _anchor(share: float, label: str) -> str:
    """Labels stand centred under their tick, unless they would then leave the page."""
    half, place = _LETTER * len(label) / 2, _NARROW * share / 100
    return (
        "start"
        if half > place + _MARGIN
        else "end"
        if half > _NARROW - place + _MARGIN
        else "middle"
    )


def bar(share: float, css: str) -> Markup:
    """A bar of a share (0–1) of its place; what it says stands in text beside it."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="chart" height="14" aria-hidden="true">'
        '<rect class="rail" width="100%" height="14" rx="3"/>'
        '<rect class="{}" width="{:.3f}%" height="14" rx="3"/></svg>'
    ).format(css, width)


def growth(
    bands: Sequence[Band],
    *,
    x_max: float,
    x_labels: Sequence[tuple[float, str]],
    y_labels: Sequence[tuple[float, str]],
    title: str,
    description: str,
) -> Markup:
    """Lines with bands over time; `y_labels` also set the range of the scale, and stand in a column of their own."""
    low, high = y_labels[0][0], y_labels[-1][0]
    top, bottom, height = 22, 262, 290

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    parts = []
    for value, _label in y_labels:
        parts.append(
            Markup('<line class="{0}" x1="0" x2="100%" y1="{1:.1f}" y2="{1:.1f}"/>').format(
                "base" if value == 0 else "grid", y(value)
            )
        )
    plot = [_line(band, x_max, low, high) for band in bands]
    parts.append(
        Markup(
            '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 1000" preserveAspectRatio="none">{}</svg>'
        ).format(top, bottom - top, Markup("").join(plot))
    )
    for value, label in x_labels:
        share = 100 * value / x_max
        anchor = "end" if share > 95 else "middle" if share else "start"
        parts.append(
            Markup('<text class="tick" x="{:.3f}%" y="{}" text-anchor="{}">{}</text>').format(
                share, height - 8, anchor, label
            )
        )
    width = round(_LETTER * max(len(label) for _value, label in y_labels)) + 10
    column = Markup("").join(
        Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
            width - 10, y(value) + 4, label
        )
        for value, label in y_labels
    )
    return Markup(
        '<div class="plot"><svg width="{}" height="{}" aria-hidden="true">{}</svg>{}</div>'
    ).format(
        width,
        height,
        column,
        figure(Markup("").join(parts), title=title, description=description, height=height),
    )


def trend(
    values: Sequence[float | None],
    *,
    low: float,
    labels: tuple[str, str],
    ends: tuple[str, str],
    title: str,
    description: str,
) -> Markup:
    """A share (0–1) over time as a line with a dot for each point; where a value is missing the line is broken.

    Args:
        values: In order of time, evenly apart.
        low: Where the scale begins; it ends at 1.
        labels: Of the bottom and the top of the scale.
        ends: Of the first and the last point.
        title: Of the chart, for those who do not see it.
        description: What it shows, likewise.
    """
    top, bottom, height = 18.0, 104.0, 128
    last = max(len(values) - 1, 1)

    def x(place: int) -> float:
        return _AXIS + 2 + (96 - _AXIS) * (place / last if len(values) > 1 else 1.0)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (max(value, low) - low) / (1 - low)

    parts = [
        Markup('<line class="{0}" x1="{2}%" x2="100%" y1="{1:.1f}" y2="{1:.1f}"/>').format(
            css, y(value), _AXIS
        )
        for css, value in (("grid", 1.0), ("base", low))
    ]
    parts += [
        Markup('<text class="tick" x="0" y="{:.1f}">{}</text>').format(y(value) + 4, label)
        for label, value in zip(labels, (low, 1.0), strict=True)
    ]
    for place, (before, value) in enumerate(pairwise(values)):
        if before is not None and value is not None:
            parts.append(
                Markup(
                    '<line class="line treated" x1="{:.3f}%" x2="{:.3f}%" y1="{:.1f}" y2="{:.1f}"/>'
                ).format(x(place), x(place + 1), y(before), y(value))
            )
    parts += [
        Markup('<circle class="dot" cx="{:.3f}%" cy="{:.1f}" r="{}"/>').format(
            x(place), y(value), 5 if place == len(values) - 1 else 3
        )
        for place, value in enumerate(values)
        if value is not None
    ]
    parts.append(
        Markup('<text class="tick" x="{}%" y="{}">{}</text>').format(_AXIS, height - 4, ends[0])
    )
    if len(values) > 1:
        parts.append(
            Markup('<text class="tick" x="100%" y="{}" text-anchor="end">{}</text>').format(
                height - 4, ends[1]
            )
        )
    return figure(Markup("").join(parts), title=title, description=description, height=height)


def _line(band: Band, x_max: float, low: float, high: float) -> Markup:
    def place(x: float, value: float) -> str:
        return f"{1000 * x / x_max:.1f} {1000 * (high - value) / (high - low):.1f}"

    over = [place(x, upper) for x, _mean, _lower, upper in band.points]
    # An interval that reaches below the scale is drawn to its edge.
    under = [place(x, max(lower, low)) for x, _mean, lower, _upper in reversed(band.points)]
    middle = [place(x, mean) for x, mean, _lower, _upper in band.points]
    return Markup('<path class="band {0}" d="M{1}Z"/><path class="line {0}" d="M{2}"/>').format(
        band.css, "L".join([*over, *under]), "L".join(middle)
    )


def figure(content: Markup, *, title: str, description: str, height: int) -> Markup:
    """A drawing of the page's width with a title and a description for those who do not see it."""
    # From what it says, so that the same result always gives the same page.
    number = hashlib.sha256(f"{title}\n{description}".encode()).hexdigest()[:8]
    return Markup(
        '<svg class="chart" height="{height}" role="img" aria-labelledby="t{n} d{n}">'
        '<title id="t{n}">{title}</title><desc id="d{n}">{description}</desc>{content}</svg>'
    ).format(height=height, n=number, title=title, description=description, content=content)
