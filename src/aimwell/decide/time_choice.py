"""By what the times of a plan are chosen: people's own hours, and whether what earlier plans measured says to give them up.

A predicted time is judged by the campaign's own plans (`timing_worth`). Where their interval rules out a gain that would be worth it, the plan
writes to people at the stated time and keeps the predicted one for the share by which it was tested, so that it can be learnt later
that it pays after all. Until something is known the campaign's own words hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aimwell.decide.past_plans import past_timings
from aimwell.decide.timing_worth import timing_worth
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.errors import DecideError
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

if TYPE_CHECKING:
    from aimwell.predict.timing.own_times import OwnTimes

__all__ = ["TimeChoice", "time_choice"]


@dataclass(frozen=True, slots=True, eq=False)
class TimeChoice:
    """The prediction, and what is known of its worth.

    Args:
        own: People's own times.
        verdict: "personalise", "does not pay" or "cannot tell"; None: nothing is known yet.
        words: The same for a reader; empty where nothing is known.
    """

    own: OwnTimes
    verdict: str | None = None
    words: str = ""

    @property
    def given_up(self) -> bool:
        """Whether people are written to at the stated time, but for the share that tests the predicted one."""
        return self.verdict == "does not pay"


def time_choice(
    stores: Stores, campaign: Campaign, *, moment: datetime, snapshot: Snapshot
) -> TimeChoice | None:
    """The prediction as of a moment, judged by earlier plans; None where the campaign asks for no best time.

    Raises:
        PredictError: There is no such model, or it has seen later data.
        ModelFileError: Its files are missing or were changed.
    """
    wanted = campaign.schedule.best_time
    if wanted is None:
        return None
    # Most plans ask for no prediction, and it takes time to import.
    from aimwell.predict.timing.own_times import own_times

    own = own_times(stores, wanted.model, as_of=moment, snapshot=snapshot)
    if isinstance(past_timings(stores, campaign, moment=moment), str):
        return TimeChoice(own)
    try:
        found = timing_worth(stores, campaign.name, now=moment)
    except DecideError as fault:
        return TimeChoice(own, None, f"Whether the predicted time pays cannot be told: {fault}")
    first = found.outcomes[0]
    return TimeChoice(own, first.choice.verdict, f"{first.sentence} By {', '.join(found.sources)}.")
