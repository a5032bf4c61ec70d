"""The groups by which arms are drawn: households, or people who share a trait, as the shop that they buy in."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.store.control import Control
from aimwell.store.schema import metadata

__all__ = ["clusters_of"]

_households = metadata.tables["households"]
_profiles = metadata.tables["profiles"]


def clusters_of(control: Control, cluster: str) -> dict[str, str]:
    """Profile → the key of the group whose hash decides; who belongs to none does not stand there.

    Args:
        cluster: `household`, or `trait:NAME`. Groups are those of today.
    """
    with control.read() as connection:
        if cluster == "household":
            query = sa.select(_households.c.profile_id, _households.c.household_id).where(
                _households.c.household_id.is_not(None)
            )
            return {who: f"household:{key}" for who, key in connection.execute(query)}
        name = cluster.removeprefix("trait:")
        rows = connection.execute(sa.select(_profiles.c.profile_id, _profiles.c.traits))
        return {
            who: f"{cluster}:{traits[name]}" for who, traits in rows if traits.get(name) is not None
        }
