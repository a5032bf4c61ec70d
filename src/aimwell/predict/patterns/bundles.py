"""Sets of products that hold together, with what they earn, and how much discount they bear.

A discount of the share d on a bundle of price p and margin m leaves m − d p. It is used up at d = m / p. To earn as much
as before, m / (m − d p) times as many must be sold; who would have bought all of it anyway gets the discount too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aimwell.predict.patterns.model import Bundle, Rule
from aimwell.stats.estimate import Figure

__all__ = ["Earning", "bundles_of"]


@dataclass(frozen=True, slots=True)
class Earning:
    """What one unit of a product brought lately.

    Args:
        price: Revenue of a unit, after discounts; None: not sold lately.
        margin: What it earned; None: unknown.
        assumed: Whether the margin rests on the setting `margin_default` for some of it.
    """

    price: float | None
    margin: float | None
    assumed: bool


def bundles_of(
    rules: Sequence[Rule], earnings: Mapping[str, Earning], *, discount: float
) -> tuple[Bundle, ...]:
    """Each set of items once, by its surest rule; those that earn most come first, unknown margins last.

    Args:
        rules: The rules that stand, the surest first.
        earnings: Of each item.
        discount: The discount of which is said how many more would have to be sold, 0–1.
    """
    surest: dict[tuple[str, ...], Rule] = {}
    for rule in rules:
        surest.setdefault(tuple(sorted((*rule.antecedent, *rule.consequent))), rule)
    found = [_bundle(items, rule, earnings, discount) for items, rule in surest.items()]
    return tuple(sorted(found, key=_by_worth))


def _by_worth(one: Bundle) -> tuple[bool, float, tuple[str, ...]]:
    worth = one.price.value if one.margin.value is None else one.margin.value
    return one.margin.value is None, -(worth or 0.0) * one.baskets, one.items


def _bundle(
    items: tuple[str, ...], rule: Rule, earnings: Mapping[str, Earning], discount: float
) -> Bundle:
    each = [earnings.get(item, Earning(None, None, assumed=False)) for item in items]
    price = _sum(items, [one.price for one in each], "not sold within the last year")
    margin = _sum(items, [one.margin for one in each], "the margin is unknown")
    return Bundle(
        items=items,
        baskets=rule.baskets,
        support=rule.support,
        lift=rule.matched_lift,
        price=price,
        margin=margin,
        assumed=any(one.assumed for one in each),
        used_up_at=_used_up(price, margin),
        discount=discount,
        more_needed=_more_needed(price, margin, discount),
    )


def _sum(items: Sequence[str], values: Sequence[float | None], why: str) -> Figure:
    missing = [item for item, value in zip(items, values, strict=True) if value is None]
    if missing:
        return Figure(value=None, reason=f"{why}: {', '.join(missing)}")
    return Figure(value=sum(value for value in values if value is not None))


def _used_up(price: Figure, margin: Figure) -> Figure:
    if price.value is None or margin.value is None:
        return Figure(value=None, reason=price.reason or margin.reason)
    if price.value <= 0.0 or margin.value <= 0.0:
        return Figure(value=None, reason="it earns nothing even without a discount")
    return Figure(value=margin.value / price.value)


def _more_needed(price: Figure, margin: Figure, discount: float) -> Figure:
    """How many more must be sold, as a share of today's, so that it earns as much as without the discount."""
    used_up = _used_up(price, margin)
    if used_up.value is None:
        return used_up
    if discount >= used_up.value:
        return Figure(value=None, reason="the discount takes all that it earns")
    return Figure(value=discount / (used_up.value - discount))
