"""When each person of an audience would have been due at an earlier moment, had the campaign run then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.contacts import read_zones
from aimwell.decide.due_times import DueTimes, due_times
from aimwell.decide.time_choice import TimeChoice
from aimwell.decide.timing import zone_or
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.errors import TooLittleDataError
from aimwell.store.stores import Stores

__all__ = ["times_then"]


def times_then(
    stores: Stores, parts: CampaignParts, audience: Sequence[str], moment: datetime
) -> DueTimes:
    """Without a best time all are due at the moment. With one: at the clock time that the campaign states, on the day of the moment or the
    next, or at the own time as it would have been told then; where too little was known by then, all at the stated time.

    Raises:
        PredictError: The campaign asks for people's times and there is no model of that.
    """
    campaign = parts.campaign
    wanted = campaign.schedule.best_time
    at = np.full(len(audience), np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us"))
    here = stores.settings.timezone
    if wanted is None:
        return DueTimes(at, (), None, None, np.zeros(len(audience), dtype=np.int64), (here,))
    # Most campaigns ask for no prediction, and it takes time to import.
    from aimwell.predict.timing.own_times import own_times_then, time_model

    entry = time_model(stores, wanted.model)
    try:
        choice = TimeChoice(own_times_then(stores, entry, as_of=moment))
    except TooLittleDataError:
        choice = None
    with stores.read_control() as connection:
        zones = read_zones(connection, None)
    policy = parts.contact_policy
    return due_times(
        _on_the_day(campaign, moment, here),
        audience,
        audience,
        [zone_or(zones.get(one), here) for one in audience],
        now=moment,
        quiet=None if policy is None else policy.quiet_hours,
        choice=choice,
    )


def _on_the_day(campaign: Campaign, moment: datetime, here: str) -> Campaign:
    """The campaign with its clock time on the day of the moment, or on the next where that is over."""
    schedule = campaign.schedule
    if schedule.at is None:
        return campaign
    zone = here if schedule.timezone == "recipient" else schedule.timezone
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    at = datetime.combine(local.date(), schedule.at.time())
    if at < local:
        at += timedelta(days=1)
    return campaign.model_copy(update={"schedule": schedule.model_copy(update={"at": at})})
