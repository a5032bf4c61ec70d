"""Whether people held out live with people who were contacted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from aimwell.decide.model import Place
from aimwell.stats.spillover import Spillover, shared_groups
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["household_spillover"]

_households = metadata.tables["households"]


def household_spillover(stores: Stores, placed: Sequence[Place]) -> Spillover:
    """Households, as they are known today, with assigned people in both arms."""
    known = sa.select(_households.c.profile_id, _households.c.household_id).where(
        _households.c.household_id.is_not(None)
    )
    with stores.read_control() as connection:
        homes = {row.profile_id: row.household_id for row in connection.execute(known)}
    treated = np.array([place.arm == "treatment" for place in placed], dtype=np.bool_)
    return shared_groups([homes.get(place.profile_id) for place in placed], treated)
