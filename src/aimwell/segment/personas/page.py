"""The page of a division's personas: one self-contained HTML file, the groups beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aimwell.history.catalogue import FEATURES
from aimwell.pages.charts import bar
from aimwell.pages.columns import columns, effect_bar, two_bars
from aimwell.pages.page import render_page
from aimwell.segment.personas.model import Difference, Persona
from aimwell.segment.rules.leaves.rfm import group_words
from aimwell.segment.rules.phrases import field_words
from aimwell.version import VERSION

__all__ = ["personas_html"]

_TEMPLATE = Path(__file__).parents[1] / "templates" / "personas.html"
_UNITS = {one.name: one.unit for one in FEATURES}
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_LARGEST = 2.0  # deviations that fill half a bar


def personas_html(
    faces: Sequence[Persona],
    *,
    title: str,
    note: str | None,
    as_of: datetime,
    timezone: str,
    currency: str,
) -> str:
    """The whole page as text; the same personas give the same page.

    Args:
        faces: The personas, in the order in which they are shown.
        title: What divided the people, as "the clusters “habits”".
        note: What to know of the division.
        as_of: The moment.
        timezone: The firm's.
        currency: The workspace's.
    """
    people = sum(one.size for one in faces)
    bought = any(one.revenue_share is not None for one in faces)
    return render_page(
        _TEMPLATE,
        title=title,
        note=note,
        people=f"{people:,}",
        groups=len(faces),
        when=f"{as_of.astimezone(ZoneInfo(timezone)):%-d %B %Y}",
        bought=bought,
        rows=[_row(one, bought=bought) for one in faces],
        personas=[_persona(one, faces, currency) for one in faces],
        names=[_label(one) for one in faces],
        figures=_figures(faces, currency),
        version=VERSION,
    )


def _label(one: Persona) -> str:
    words = group_words(one.group)
    return words[:1].upper() + words[1:]


def _row(one: Persona, *, bought: bool) -> dict[str, Any]:
    return {
        "name": _label(one),
        "drawing": two_bars(one.share, max(one.revenue_share or 0.0, 0.0))
        if bought
        else bar(one.share, "sent"),
        "share": f"{one.share:.0%}",
        "revenue": "unknown" if one.revenue_share is None else f"{one.revenue_share:.0%}",
    }


def _persona(one: Persona, faces: Sequence[Persona], currency: str) -> dict[str, Any]:
    label = _label(one)
    return {
        "title": label,
        "anchor": f"p{faces.index(one)}",
        "name": "" if one.name.lower() == label.lower() else one.name,
        "size": f"{one.size:,}",
        "share": f"{one.share:.0%}",
        "worth": f"{one.revenue_per_person:,.2f} {currency}",
        "orders": f"{one.orders_per_person:.1f}",
        "revenue_share": None if one.revenue_share is None else f"{one.revenue_share:.0%}",
        "differences": [_difference(found, currency) for found in one.differences],
        "favourites": [(found.name or found.sku, f"{found.own:.0%}") for found in one.favourites],
        "over": [
            (
                found.name or found.sku,
                f"{found.own:.0%}",
                "nobody else" if found.index is None else f"{found.index:.1f} × the others",
            )
            for found in one.over_indexed
        ],
        "times": _times(one, faces),
        "demographics": _demographics(one),
        "numbers": [
            {
                "trait": field_words(found.trait),
                "text": f"half are between {_plain(found.quarter)} and {_plain(found.three_quarters)}",
                "median": _plain(found.median),
                "others": None if found.others is None else _plain(found.others),
            }
            for found in one.numbers
        ],
        "channels": [
            {
                "channel": found.channel,
                "own": f"{found.own:.0%}",
                "reached": f"{found.reached:,}",
                "others": None if found.others is None else f"{found.others:.0%}",
            }
            for found in one.channels
        ],
        "discounts": _discounts(one),
    }


def _difference(found: Difference, currency: str) -> dict[str, Any]:
    if found.value is None:
        own, others = (_value(found.what, value, currency) for value in (found.own, found.others))
        compared = f"on average {own}, others {others}"
    else:
        compared = f"{found.own:.0%}, others {found.others:.0%}"
    return {
        "words": found.words,
        "compared": compared,
        "effect": f"{found.effect:+.1f}".replace("-", "−"),
        "drawing": effect_bar(found.effect, largest=_LARGEST),
        "mixed": found.holds < 2 / 3,
        "holds": f"{found.holds:.0%}",
    }


def _times(one: Persona, faces: Sequence[Persona]) -> list[dict[str, Any]]:
    if not one.weekdays:
        return []
    days = columns(
        one.weekdays,
        _others(one, faces, [other.weekdays for other in faces]),
        list(enumerate(_DAYS)),
        title=f"Orders by weekday of {_label(one)}",
        description=", ".join(
            f"{day} {share:.0%}" for day, share in zip(_DAYS, one.weekdays, strict=True)
        ),
    )
    if not one.hours:
        return [{"what": "Weekday", "drawing": days}]
    hours = columns(
        one.hours,
        _others(one, faces, [other.hours for other in faces]),
        [(hour, f"{hour}") for hour in (0, 6, 12, 18)],
        title=f"Orders by hour of {_label(one)}",
        description=", ".join(f"{hour}:00 {share:.0%}" for hour, share in enumerate(one.hours)),
    )
    return [{"what": "Weekday", "drawing": days}, {"what": "Hour", "drawing": hours}]


def _others(
    one: Persona, faces: Sequence[Persona], shares: Sequence[Sequence[float]]
) -> list[float]:
    """Shares of the orders of everybody else; those of the group where there is nobody else."""
    found = [
        (other.size * other.orders_per_person, own)
        for other, own in zip(faces, shares, strict=True)
        if other is not one and own
    ]
    whole = sum(weight for weight, _own in found)
    if not whole:
        return list(shares[faces.index(one)])
    places = range(len(found[0][1]))
    return [sum(weight * own[place] for weight, own in found) / whole for place in places]


def _demographics(one: Persona) -> list[dict[str, Any]]:
    traits: dict[str, list[Any]] = {}
    for found in one.demographics:
        traits.setdefault(found.trait, []).append(found)
    return [
        {
            "trait": field_words(trait),
            "values": [
                {
                    "value": found.value,
                    "own": f"{found.own:.0%}",
                    "others": "" if found.others is None else f"others {found.others:.0%}",
                    "drawing": two_bars(found.own, found.others or 0.0),
                }
                for found in values
            ],
        }
        for trait, values in traits.items()
    ]


def _discounts(one: Persona) -> str | None:
    found = one.discounts
    if found is None:
        return None
    orders = found.orders
    if orders.estimate is None:
        return f"Not known: {orders.reason}."
    text = f"{orders.estimate:.0%} of their orders were on discount ({orders.lower:.0%} to {orders.upper:.0%})"
    if found.others is not None:
        text += f", {found.others:.0%} of the others'"
    if found.money is not None:
        text += f"; it took {found.money:.1%} off what they bought"
    clear = found.p_value is not None and found.p_value <= 0.05
    return text + ("." if clear or found.others is None else ". This difference may be chance.")


def _figures(faces: Sequence[Persona], currency: str) -> list[dict[str, Any]]:
    """One row a feature: the mean of each group, the highest and the lowest marked."""
    rows: list[dict[str, Any]] = []
    for name in faces[0].averages if faces else ():
        values = [one.averages[name] for one in faces]
        known = [value for value in values if value is not None]
        if not known or max(known) == min(known):
            continue
        cells = [
            {
                "text": "–" if value is None else _value(name, value, currency),
                "mark": "" if value is None or len(known) < 3 else _mark(value, known),
            }
            for value in values
        ]
        rows.append({"name": name.replace("_", " "), "cells": cells})
    return rows


def _mark(value: float, known: Sequence[float]) -> str:
    return "high" if value == max(known) else "low" if value == min(known) else ""


def _value(name: str, value: float, currency: str) -> str:
    unit = _UNITS.get(name)
    if unit == "share":
        return f"{value:.0%}"
    if unit == "money":
        return f"{value:,.2f} {currency}"
    if unit == "days":
        return f"{value:,.0f} days"
    return _plain(value)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"
