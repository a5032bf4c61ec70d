"""`shop`: where a person bought."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from aimwell.definitions.base import Duration
from aimwell.definitions.conditions import Condition
from aimwell.definitions.leaves.base import Leaf

__all__ = ["ShopRule"]


class _Shop(Leaf):
    shop: Literal["shop_id", "name", "country", "region", "city"] = Field(
        description="What is asked of the shop."
    )
    within: Duration | None = Field(default=None, description="Only orders so lately.")


class ShopRule(Condition, _Shop):  # the field stands first in the document
    """Who ordered in a shop that is so, by what is known of it at the moment."""

    key: ClassVar = "shop"
