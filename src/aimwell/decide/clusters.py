"""The groups by which arms are drawn: households, or people who share a trait, as the shop that they buy in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from aimwell.store.control import Control
from aimwell.store.schema import metadata

__all__ = ["cluster_warnings", "clusters_of"]

_households = metadata.tables["households"]
_profiles = metadata.tables["profiles"]
_FEW_GROUPS = 20


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


def cluster_warnings(
    cluster: str, groups: Mapping[str, str], audience: Sequence[str]
) -> tuple[str, ...]:
    """What to know before arms are drawn by these groups: who belongs to none, and that few groups tell little."""
    found = {groups[who] for who in audience if who in groups}
    alone = sum(who not in groups for who in audience)
    if not found:
        return (
            f"Nobody of the audience belongs to a group (cluster: {cluster}), so everybody is drawn alone. Is the trait collected, "
            "and spelt so?",
        )
    told = []
    if alone:
        told.append(
            f"{alone:,} of the {len(audience):,} people belong to no group (cluster: {cluster}) and are drawn alone."
        )
    if len(found) + alone < _FEW_GROUPS:
        told.append(
            f"Arms are drawn for no more than {len(found) + alone} groups (cluster: {cluster}): so few tell hardly anything, however "
            "many people they hold."
        )
    return tuple(told)
