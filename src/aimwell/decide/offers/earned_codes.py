"""Codes that people have earned: each the reward of one deed, written once; they wait until a campaign hands them over.

A code is taken from the pool and gets its owner and its deed in one step, so after a crash it is free or it is theirs. The deed
stands in it, and no two codes have the same one: rewarding again rewards nothing twice, also when two do it at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from aimwell.decide.offers.codes import take, write_given
from aimwell.errors import DecideError
from aimwell.store.control import Control
from aimwell.store.listed import GIVEN, among
from aimwell.store.schema import metadata
from aimwell.store.turns import take_turn

__all__ = ["earn", "hand_over", "waiting"]

_codes = metadata.tables["offer_codes"]
_overrides = metadata.tables["identity_overrides"]
_person = sa.func.coalesce(_overrides.c.profile_id, _codes.c.profile_id)
_owned = _codes.outerjoin(_overrides, _overrides.c.origin_id == _codes.c.profile_id)
_waits = sa.and_(_codes.c.plan_id.is_(None), _codes.c.earned_by.is_not(None))


def earn(connection: sa.Connection, offer: str, deeds: Mapping[str, str], *, now: datetime) -> int:
    """Give a free code of the offer for each deed that has none yet; returns how many were given.

    Args:
        connection: Of a transaction of the caller's, which must be undone where this raises.
        deeds: Name of a deed → profile of who did it.

    Raises:
        DecideError: There are too few free codes. Nobody has got one then.
    """
    take_turn(connection, f"earned:{offer}")
    query = sa.select(_codes.c.earned_by).where(among(_codes.c.earned_by, GIVEN))
    done = set(connection.execute(query, {"ids": list(deeds)}).scalars())
    new = [(deed, profile) for deed, profile in deeds.items() if deed not in done]
    taken = take(connection, offer, len(new))
    if len(taken) < len(new):
        raise DecideError(
            f"{len(new):,} rewards are due and the offer '{offer}' has {len(taken):,} free codes. Nothing was given. Add "
            f"codes with: aimwell decide codes make {offer} {len(new) - len(taken)}"
        )
    given = [(folded, *one) for folded, one in zip(taken, new, strict=True)]
    write_given(connection, _codes.c.earned_by, given, now=now)
    return len(given)


def waiting(control: Control, offer: str) -> set[str]:
    """The people of today who have an earned code of the offer that no plan has handed over yet."""
    query = sa.select(_person).select_from(_owned).where(_codes.c.offer == offer, _waits)
    with control.read() as connection:
        return set(connection.execute(query).scalars())


def hand_over(connection: sa.Connection, plan_id: str, offer: str, profiles: Sequence[str]) -> None:
    """Let the plan tell each person of the code that they earned first, of those that wait.

    Raises:
        DecideError: Another plan was approved meanwhile and hands some of them over.
    """
    query = (
        sa.select(_person, _codes.c.folded)
        .select_from(_owned)
        .where(_codes.c.offer == offer, _waits)
        .order_by(_codes.c.given_at, _codes.c.folded)
        .with_for_update(of=_codes)
    )
    first: dict[str, str] = {}
    for person, folded in connection.execute(query):
        first.setdefault(person, folded)
    lacking = sum(profile not in first for profile in profiles)
    if lacking:
        raise DecideError(
            f"{lacking:,} of {len(profiles):,} people of the plan have no earned code of '{offer}' any more: another plan hands it "
            "over. Plan again: they are left out then."
        )
    update = (
        sa.update(_codes)
        .where(_codes.c.folded == sa.bindparam("which", type_=sa.Text))
        .values(
            plan_id=sa.bindparam("to_plan", type_=sa.Text),
            profile_id=sa.bindparam("to_whom", type_=sa.Text),
        )
    )
    rows = [
        {"which": first[profile], "to_plan": plan_id, "to_whom": profile} for profile in profiles
    ]
    if rows:
        connection.execute(update, rows)
