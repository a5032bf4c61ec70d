"""What a text may say about a person and an offer: the names of its fields, and which names can never be there.

From the vault: PERSON_FIELDS. From the traits: each under its own name in lower case, everything else in it written `_`
(`country`, `favourite_shop`). For everybody: OFFER_FIELDS below `offer`, and GIVEN. Only `offer` has fields of its own. Where a
campaign recommends products, `recommendations` is the list of a person's, each with PRODUCT_FIELDS.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from aimwell.errors import nearest

__all__ = [
    "FIELD_NAME",
    "GIVEN",
    "OFFER_FIELDS",
    "PERSON_FIELDS",
    "PRODUCTS",
    "PRODUCT_FIELDS",
    "field_name",
    "impossible",
]

PERSON_FIELDS = (
    "first_name",
    "last_name",
    "full_name",
    "email",
    "phone",
    "postcode",
    "customer_id",
)
"""Fields from the vault."""

OFFER_FIELDS = (
    "name",
    "code",
    "percent",
    "amount",
    "free_shipping",
    "gift",
    "points",
    "minimum_spend",
    "ends",
)
"""Fields of `offer`."""

PRODUCTS = "recommendations"
"""The list of the products that a person is recommended, the best first."""

PRODUCT_FIELDS = ("sku", "name", "category", "price", "why")
"""Fields of each of them; what is not known of a product is missing."""

GIVEN = ("campaign", "currency", "unsubscribe_url", "preference_url", "now", "today")
"""Fields that are there for everybody."""

FIELD_NAME = re.compile(r"[a-z0-9_]+")
"""How every field is named."""

_OTHER = re.compile(r"[^a-z0-9_]+")
_PROPERTIES = frozenset({"size", "first", "last"})  # of any text or list, by Liquid itself


@lru_cache(maxsize=1024)
def field_name(trait: str) -> str:
    """The field under which a text finds a trait."""
    return _OTHER.sub("_", trait.lower())


def impossible(path: Sequence[str]) -> str | None:
    """Why no person can ever have the field at `path`; None where somebody may, as any name may be a trait's."""
    root, below = path[0], path[1:]
    if not FIELD_NAME.fullmatch(root):
        hint = nearest(field_name(root), [*PERSON_FIELDS, "offer", PRODUCTS, *GIVEN])
        return f"no field is called '{root}': names are lower-case letters, digits and _. {hint}"
    if not below or below[0] in _PROPERTIES:
        return None
    whole = ".".join(path)
    if root == PRODUCTS:
        return (
            f"there is no field '{whole}': '{PRODUCTS}' is a list. Write "
            f"{{% for product in {PRODUCTS} %}}, and in it product.name; each has {', '.join(PRODUCT_FIELDS)}."
        )
    if root != "offer":
        return (
            f"there is no field '{whole}': '{root}' has no fields of its own, only 'offer' has "
            f"({', '.join(OFFER_FIELDS)}). Write a trait by its name alone, as {{{{ country }}}}."
        )
    if below[0] not in OFFER_FIELDS:
        known = [f"offer.{name}" for name in OFFER_FIELDS]
        return f"there is no field '{whole}'. {nearest(f'offer.{below[0]}', known)}"
    return None
