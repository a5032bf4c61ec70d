"""Experiments and holdouts of a workspace: read, made into campaigns, rolled out, told to other senders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from aimwell.decide.experiments import campaign_of, rolled_out
from aimwell.decide.holdouts import Period, held_out, period_at
from aimwell.definitions import service as definitions
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.definitions.kinds.experiment import Experiment
from aimwell.definitions.kinds.holdout import Holdout
from aimwell.errors import DecideError, UnknownDefinitionError
from aimwell.store.schema import metadata
from aimwell.store.sql import sql
from aimwell.store.stores import Stores

__all__ = ["HeldOut", "is_held_out", "members_of_holdout", "roll_out", "set_up"]

_profiles = metadata.tables["profiles"]


def set_up(stores: Stores, name: str, *, now: datetime, by: str) -> tuple[Campaign, Experiment]:
    """Apply the campaign that runs the experiment; returns both.

    Raises:
        UnknownDefinitionError: There is no such experiment.
        DecideError: Another campaign has the experiment's name, or the experiment came in by a source.
    """
    wanted = _experiment(stores, name)
    campaign = definitions.find(stores.control, Campaign, wanted.campaign)
    try:
        there = definitions.find(stores.control, Campaign, name)
    except UnknownDefinitionError:
        there = None
    if there is not None and there.experiment != name:
        raise DecideError(
            f"There is a campaign '{name}' that this experiment did not make. Give the experiment another name."
        )
    made = campaign_of(wanted, campaign)
    definitions.apply(stores.control, [made], now=now, by=by)
    return made, wanted


def _experiment(stores: Stores, name: str) -> Experiment:
    try:
        return definitions.find(stores.control, Experiment, name)
    except UnknownDefinitionError:
        query = sql("SELECT 1 FROM assignments WHERE experiment = :name LIMIT 1", name=name)
        with stores.engine.session() as session:
            session.bind("assignments", stores.lake.pin("assignments").tables["assignments"])
            there = session.rows(query)
        if not there:
            raise
        raise DecideError(
            f"'{name}' is an experiment that ran already, not one to set up. See what it says with: aimwell measure experiment {name}, "
            f"or aimwell decide policy {name}"
        ) from None


def roll_out(
    stores: Stores, name: str, winner: str, *, now: datetime, by: str
) -> tuple[Campaign, int]:
    """Make the winner the one action of the experiment's campaign; returns the campaign and its new revision.

    Raises:
        UnknownDefinitionError: There is no such experiment, or it was never set up.
        DecideError: It has no such arm.
    """
    wanted = _experiment(stores, name)
    campaign = definitions.find(stores.control, Campaign, wanted.campaign)
    tried = definitions.find(stores.control, Campaign, name)
    changed = rolled_out(campaign, tried, winner)

    def note(connection: sa.Connection) -> None:
        stores.audit_within(
            connection,
            "roll out",
            actor=by,
            subject=wanted.campaign,
            experiment=name,
            winner=winner,
        )

    definitions.apply(stores.control, [changed], now=now, by=by, also=note)
    return changed, definitions.get(stores.control, "campaign", wanted.campaign)[1]


@dataclass(frozen=True)
class HeldOut:
    """Who is held out at a moment: `known` people in all; `period` None where the holdout does not hold."""

    holdout: str
    period: Period | None
    profile_ids: list[str]
    known: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        period = self.period
        return {
            "holdout": self.holdout,
            "period": None if period is None else period.number,
            "starts_at": None if period is None else period.starts_at.isoformat(),
            "ends_at": None if period is None else period.ends_at.isoformat(),
            "known": self.known,
            "profile_ids": self.profile_ids,
        }


def members_of_holdout(stores: Stores, name: str, *, as_of: datetime) -> HeldOut:
    """All who are held out at the moment. Raises UnknownDefinitionError."""
    wanted = definitions.find(stores.control, Holdout, name)
    query = (
        sa.select(_profiles.c.profile_id)
        .where(_profiles.c.first_seen_at < as_of)
        .order_by(_profiles.c.profile_id)
    )
    with stores.read_control() as connection:
        people = list(connection.execute(query).scalars())
    held = held_out(wanted, people, moment=as_of)
    found = [people[place] for place in np.flatnonzero(held).tolist()]
    return HeldOut(name, period_at(wanted, as_of), found, len(people))


def is_held_out(stores: Stores, name: str, profile_id: str, *, moment: datetime) -> dict[str, Any]:
    """Whether one person is held out, and until when, for another sender that asks. Raises UnknownDefinitionError.

    It is worked out from the id alone, so it tells nobody whether the person is known.
    """
    wanted = definitions.find(stores.control, Holdout, name)
    period = period_at(wanted, moment)
    held = bool(held_out(wanted, [profile_id], moment=moment)[0])
    return {
        "holdout": name,
        "held_out": held,
        "until": period.ends_at.isoformat() if held and period is not None else None,
    }
