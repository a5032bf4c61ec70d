"""`distance`: how far from a shop, a city or a point a person is."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from aimwell.definitions.base import Part
from aimwell.definitions.conditions import Text
from aimwell.definitions.leaves.base import Leaf

__all__ = ["DistanceRule", "Place"]


class Place(Part):
    """A shop, any shop, a city or a point."""

    shop: Text | None = Field(default=None, description="Its shop_id.")
    any_shop: bool | None = Field(default=None, description="True: whichever is nearest.")
    city: Text | None = Field(
        default=None, description="A city of which `market` knows latitude and longitude."
    )
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Place:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("a point has a latitude and a longitude")
        given = [self.shop, self.any_shop or None, self.city, self.latitude]
        if sum(one is not None for one in given) != 1:
            raise ValueError("say one place: shop, any_shop: true, city, or latitude and longitude")
        return self


class DistanceRule(Leaf):
    """Who is at most, or more than, so far away by the great circle.

    Where a person is, is told by the traits latitude and longitude, else by the trait city, if `market` knows
    where that is. Of whom it is not known, neither holds.
    """

    key: ClassVar = "distance"

    distance: Place
    within_km: Annotated[float, Field(gt=0, le=20_100)] | None = None
    beyond_km: Annotated[float, Field(gt=0, le=20_100)] | None = None

    @model_validator(mode="after")
    def _limited(self) -> DistanceRule:
        within, beyond = self.within_km, self.beyond_km
        if within is None and beyond is None:
            raise ValueError("say how far: within_km, beyond_km, or both")
        if within is not None and beyond is not None and beyond >= within:
            raise ValueError("beyond_km must be below within_km, else nothing lies between")
        return self
