"""The letters that trials left in folders: those of people who were erased go with them."""

from __future__ import annotations

import sqlalchemy as sa

from aimwell.decide.campaign_parts import parts_of_plan
from aimwell.decide.stored import load_plan
from aimwell.store.schema import metadata
from aimwell.store.stores import Stores

__all__ = ["remove_letters"]

_messages = metadata.tables["messages"]


def remove_letters(stores: Stores, people: str) -> int:
    """Remove the letters of erased people from all folders that channels write to; returns how many there were.

    Args:
        stores: The workspace.
        people: How the ids that stand in for them begin.
    """
    query = sa.select(_messages.c.plan_id, _messages.c.message_id, _messages.c.channel).where(
        _messages.c.profile_id.startswith(people, autoescape=True)
    )
    with stores.read_control() as connection:
        found = connection.execute(query).all()
    removed = 0
    for plan_id in {row.plan_id for row in found}:
        channels = parts_of_plan(load_plan(stores.control, plan_id).document).channels
        folders = {channel.sink.folder for channel in channels.values() if channel.sink is not None}
        for folder in {*folders, "outbox"}:
            for row in found:
                letter = stores.root / folder / plan_id / f"{row.message_id}.eml"
                if row.plan_id == plan_id and letter.is_file():
                    letter.unlink()
                    removed += 1
    return removed
