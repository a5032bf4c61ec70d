"""Predicted beside actual: a dot for each group of people with its interval, and the diagonal on which both are the same."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from aimwell.pages.charts import figure, nice_ticks

__all__ = ["predicted_and_actual"]

_LEFT, _RIGHT, _TOP, _BOTTOM, _HEIGHT = 9.0, 99.0, 24.0, 300.0, 348


def predicted_and_actual(
    rows: Sequence[tuple[float, float, float, float]], *, title: str, description: str
) -> Markup:
    """Groups as (predicted, actual, lower, upper), all shares (0-1) on one scale.

    A dot above the diagonal: more did it than was predicted.
    """
    ticks = nice_ticks(0.0, max(max(row[0], row[3]) for row in rows))
    most = ticks[-1]

    def x(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * value / most

    def y(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * value / most

    across = Markup('<line class="{}" x1="{:.2f}%" x2="{:.2f}%" y1="{:.1f}" y2="{:.1f}"/>')
    parts = [
        across.format("base" if tick == 0 else "grid", _LEFT, _RIGHT, y(tick), y(tick))
        for tick in ticks
    ]
    label = Markup('<text class="tick" x="{:.2f}%" y="{:.1f}" text-anchor="{}">{}</text>')
    for tick in ticks:
        parts.append(label.format(_LEFT - 1, y(tick) + 4, "end", f"{tick:.0%}"))
        anchor = "end" if tick == most else "middle"
        parts.append(label.format(x(tick), _BOTTOM + 18, anchor, f"{tick:.0%}"))
    parts.append(across.format("cut", x(0), x(most), y(0), y(most)))
    for predicted, actual, lower, upper in rows:
        parts.append(across.format("reach", x(predicted), x(predicted), y(lower), y(upper)))
        parts.append(
            Markup('<circle class="dot" cx="{:.2f}%" cy="{:.1f}" r="5.5"/>').format(
                x(predicted), y(actual)
            )
        )
    parts.append(label.format(0, 12, "start", "did it"))
    parts.append(label.format(_RIGHT, _HEIGHT - 6, "end", "predicted"))
    return figure(Markup("").join(parts), title=title, description=description, height=_HEIGHT)
