"""Whom a campaign is for, as of a moment."""

from __future__ import annotations

from datetime import datetime

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.segment import Segment
from aimwell.history.moment import people_known
from aimwell.segment.service import members
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["audience_of"]


def audience_of(
    stores: Stores, parts: CampaignParts, moment: datetime, snapshot: Snapshot
) -> tuple[list[str], str]:
    """Whom the campaign is for, as of a moment: their profile ids in order, and in words who they are."""
    wanted = parts.campaign.audience
    if wanted.segment is None:
        return people_known(stores, moment), "everyone known"
    segment = definitions.find(stores.control, Segment, wanted.segment)
    segment = segment.with_parameters(wanted.parameters or {})
    table = members(stores, segment, as_of=moment, snapshot=snapshot)
    given = ", ".join(f"{name} {value}" for name, value in (wanted.parameters or {}).items())
    words = f"segment {segment.name} with {given}" if given else f"segment {segment.name}"
    return sorted(table.column("profile_id").to_pylist()), words
