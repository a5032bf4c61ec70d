"""Names for groups of people, in plain words, from what sets each apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from aimwell.segment.attributes.people_table import plain_name
from aimwell.segment.attributes.preparation import FloatArray

__all__ = ["name_groups", "trait_words"]

_CLEAR = 0.4
_WORDS_MAX = 4

_WORDS: Mapping[str, tuple[str, str]] = {
    "tenure_days": ("known for a short time", "known for long"),
    "recency_days": ("bought lately", "not bought for long"),
    "customer_days": ("new customers", "customers for long"),
    "orders": ("few orders", "many orders"),
    "revenue": ("low spend", "high spend"),
    "average_order_value": ("small baskets", "large baskets"),
    "largest_order_value": ("no large order", "a large order"),
    "gap_mean_days": ("short gaps between orders", "long gaps between orders"),
    "gap_last_days": ("came back fast", "came back late"),
    "overdue": ("on time", "overdue"),
    "discount_share": ("full price", "discount seekers"),
    "coupon_share": ("without coupons", "with coupons"),
    "return_share": ("few returns", "many returns"),
    "products": ("few products", "many products"),
    "categories": ("few categories", "many categories"),
    "favourite_hour": ("early in the day", "late in the day"),
    "favourite_hour_share": ("any hour", "always the same hour"),
    "favourite_weekday": ("early in the week", "late in the week"),
    "favourite_weekday_share": ("any weekday", "always the same weekday"),
    "weekend_share": ("weekday buyers", "weekend buyers"),
    "age": ("younger", "older"),
    "season_strength": ("all year round", "seasonal"),
}
_BEGINNINGS: Mapping[str, tuple[str, str]] = {
    "orders_": ("few recent orders", "many recent orders"),
    "revenue_": ("low recent spend", "high recent spend"),
    "events_": ("seldom on the site", "often on the site"),
    "product_views_": ("view few products", "view many products"),
    "cart_adds_": ("seldom fill a cart", "often fill a cart"),
    "opens_": ("seldom open mail", "open mail"),
    "clicks_": ("seldom click", "click"),
}


def trait_words(feature: str, *, high: bool) -> str:
    """What a low or high value of a feature is called."""
    words = _WORDS.get(feature)
    if words is None:
        words = next(
            (pair for start, pair in _BEGINNINGS.items() if feature.startswith(start)), None
        )
    if words is None:
        plain = plain_name(feature).replace("_", " ")
        if "=" in plain:
            plain = plain.replace("=", " ", 1)
            return plain if high else f"not {plain}"
        words = (f"low {plain}", f"high {plain}")
    return words[high]


def name_groups(centres: FloatArray, features: Sequence[str]) -> tuple[str, ...]:
    """A name for each group, all different.

    Args:
        centres: One row a group, one column a feature, in deviations from the mean of all people.
        features: Names of the columns; `trait=value` of a category, whose low values name nobody.

    Returns:
        As "Many orders, large baskets": the two features in which the group is farthest from the mean, more
        where groups would be called the same, a number where words do not tell them apart.
    """
    ranked = [
        sorted(
            (
                (value, name)
                for value, name in zip(row, features, strict=True)
                if abs(value) >= _CLEAR and (value > 0 or "=" not in name)
            ),
            key=lambda item: -abs(item[0]),
        )
        for row in centres.tolist()
    ]
    for count in range(2, _WORDS_MAX + 1):
        names = [_joined(items[:count]) for items in ranked]
        if len(set(names)) == len(names):
            return tuple(names)
    seen: Counter[str] = Counter()
    twice = {name for name, times in Counter(names).items() if times > 1}
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if name in twice else name)
    return tuple(numbered)


def _joined(items: Sequence[tuple[float, str]]) -> str:
    if not items:
        return "Average"
    text = ", ".join(trait_words(name, high=value > 0) for value, name in items)
    return text[0].upper() + text[1:]
