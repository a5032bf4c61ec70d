"""How much of an offer's stock and of its codes is left, and how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.offers import codes
from aimwell.decide.offers.earned_codes import hand_over
from aimwell.definitions.kinds.offer import Offer
from aimwell.errors import DecideError
from aimwell.store.control import Control
from aimwell.store.schema import metadata

__all__ = ["give_codes", "promised", "reach"]

_plans = metadata.tables["plans"]
_people = metadata.tables["plan_people"]
_PROMISING = ("approved", "sending", "paused", "sent")


def promised(connection: sa.Connection, offer: str, *, except_plan: str | None = None) -> int:
    """To how many people real plans that were approved, and not cancelled, promise the offer."""
    query = sa.select(_plans.c.plan_id, _plans.c.document).where(
        _plans.c.trial.is_(False), _plans.c.state.in_(_PROMISING)
    )
    total = 0
    for plan_id, document in connection.execute(query).all():
        keys = _actions_with(document["campaign"], offer)
        if plan_id == except_plan or not keys:
            continue
        total += connection.execute(
            sa.select(sa.func.count()).where(
                _people.c.plan_id == plan_id,
                _people.c.arm == "treatment",
                _people.c.action.in_(keys),
            )
        ).scalar_one()
    return total


def _actions_with(campaign: Mapping[str, object], offer: str) -> list[str]:
    actions = campaign["actions"]
    assert isinstance(actions, list)  # noqa: S101 - a checked document
    return [
        action.get("name") or f"{offer}-{action['channel']}"
        for action in actions
        if action.get("offer") == offer
    ]


def reach(control: Control, parts: CampaignParts, *, trial: bool) -> dict[str, dict[str, int]]:
    """Offer → reason → how many more people it can be promised to; only what is limited stands there.

    A trial hands out no codes and promises nothing, so only the stock as such limits it.
    """
    found = {name: _left(control, offer, trial=trial) for name, offer in parts.offers.items()}
    return {name: left for name, left in found.items() if left}


def _left(control: Control, offer: Offer, *, trial: bool) -> dict[str, int]:
    found = {}
    if offer.stock is not None:
        with control.read() as connection:
            used = 0 if trial else promised(connection, offer.name)
        found["no_stock"] = max(offer.stock - used, 0)
    # Who has earned a code has it already, and nobody else gets one.
    if offer.codes is not None and offer.codes.to == "everybody" and not trial:
        found["no_code"] = codes.free(control, offer.name)
    return found


def give_codes(
    connection: sa.Connection, plan_id: str, parts: CampaignParts, *, now: datetime
) -> None:
    """Hand out the codes of a plan, and check that the stock of its offers still reaches all its people.

    Raises:
        DecideError: Another plan was approved meanwhile and took what this one needs.
    """
    wanted: dict[str, list[str]] = {}
    for name, offer in parts.offers.items():
        if offer.codes is None and offer.stock is None:
            continue
        keys = [action.key for action in parts.campaign.actions if action.offer == name]
        query = (
            sa.select(_people.c.profile_id)
            .where(
                _people.c.plan_id == plan_id,
                _people.c.arm == "treatment",
                _people.c.action.in_(keys),
            )
            .order_by(_people.c.profile_id)
        )
        profiles = list(connection.execute(query).scalars())
        if offer.stock is not None:
            _refuse_short(
                offer.stock, promised(connection, name, except_plan=plan_id), name, profiles
            )
        if offer.codes is not None and offer.codes.to == "earned":
            hand_over(connection, plan_id, name, profiles)
        elif offer.codes is not None:
            wanted[name] = profiles
    codes.give(connection, plan_id, wanted, now=now)


def _refuse_short(stock: int, used: int, name: str, profiles: list[str]) -> None:
    if used + len(profiles) > stock:
        raise DecideError(
            f"The offer '{name}' has a stock of {stock:,}, of which {used:,} are promised by now; the plan needs "
            f"{len(profiles):,}. Plan again: whom the stock does not reach is left out then."
        )
