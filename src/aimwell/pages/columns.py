"""Small columns of shares beside each other, each with a mark for what others have; and bars to the left and right."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from markupsafe import Markup

__all__ = ["columns", "effect_bar", "two_bars"]

_TOP, _BOTTOM, _HEIGHT = 6.0, 74.0, 92


def columns(
    own: Sequence[float],
    others: Sequence[float],
    labels: Sequence[tuple[int, str]],
    *,
    title: str,
    description: str,
) -> Markup:
    """Shares as columns, and the others' shares as a line across each.

    Args:
        own, others: Shares (0–1) in order; the highest of both fills the height.
        labels: (place, text) of the columns that are named below.
        title, description: For those who do not see it.
    """
    highest = max([*own, *others, 1e-9])
    wide = 100.0 / len(own)

    def y(share: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * share / highest

    parts = [
        Markup('<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_BOTTOM),
    ]
    for place, (share, other) in enumerate(zip(own, others, strict=True)):
        parts.append(
            Markup(
                '<rect class="sent" x="{:.3f}%" width="{:.3f}%" y="{:.1f}" height="{:.1f}"/>'
            ).format(place * wide + wide * 0.14, wide * 0.72, y(share), _BOTTOM - y(share))
        )
        parts.append(
            Markup(
                '<line class="others" x1="{:.3f}%" x2="{:.3f}%" y1="{:.1f}" y2="{:.1f}"/>'
            ).format(
                place * wide + wide * 0.02, (place + 1) * wide - wide * 0.02, y(other), y(other)
            )
        )
    parts += [
        Markup('<text class="tick" x="{:.3f}%" y="{}" text-anchor="middle">{}</text>').format(
            (place + 0.5) * wide, _HEIGHT - 4, text
        )
        for place, text in labels
    ]
    number = hashlib.sha256(f"{title}\n{description}\n{own}".encode()).hexdigest()[:8]
    return Markup(
        '<svg class="chart" height="{h}" role="img" aria-labelledby="t{n} d{n}">'
        '<title id="t{n}">{title}</title><desc id="d{n}">{description}</desc>{content}</svg>'
    ).format(
        h=_HEIGHT, n=number, title=title, description=description, content=Markup("").join(parts)
    )


def effect_bar(effect: float, *, largest: float) -> Markup:
    """An effect as a bar to the right (more) or the left (less) of the middle; its number stands beside it as text."""
    reach = 50.0 * min(abs(effect) / largest, 1.0)
    return Markup(
        '<svg class="chart" height="12" aria-hidden="true">'
        '<rect class="{}" x="{:.3f}%" width="{:.3f}%" height="12"/>'
        '<line class="zero" x1="50%" x2="50%" y1="0" y2="12"/></svg>'
    ).format("sent" if effect > 0 else "held", 50.0 if effect > 0 else 50.0 - reach, reach)


def two_bars(first: float, second: float) -> Markup:
    """Two shares (0–1) above each other, on one scale."""
    return Markup(
        '<svg class="chart" height="22" aria-hidden="true">'
        '<rect class="rail" width="100%" height="9" rx="2"/><rect class="sent" width="{:.3f}%" height="9" rx="2"/>'
        '<rect class="rail" width="100%" y="12" height="9" rx="2"/>'
        '<rect class="held" width="{:.3f}%" y="12" height="9" rx="2"/></svg>'
    ).format(100 * min(max(first, 0.0), 1.0), 100 * min(max(second, 0.0), 1.0))
