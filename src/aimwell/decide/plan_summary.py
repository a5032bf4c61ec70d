"""What explain shows of a plan: its numbers, what could be found out with them, and what to mind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from aimwell.decide.audience import audience_of
from aimwell.decide.campaign_parts import CampaignParts, sendable
from aimwell.decide.drafted import Drafted
from aimwell.decide.due_times import DueTimes
from aimwell.decide.learning import Lesson
from aimwell.decide.losing_offers import losing_offers
from aimwell.decide.model import ActionSummary, Candidate, PlanSummary
from aimwell.decide.people import CONTROL, EXCLUDED, PASSED, TREATMENT, PlanPeople
from aimwell.decide.public_address import address_warning
from aimwell.decide.recommended import Recommended
from aimwell.decide.what_followed import Followed, what_followed
from aimwell.definitions.kinds.campaign import Campaign
from aimwell.history.freshness import order_days, stale_orders
from aimwell.history.moment import open_moment
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["local_day", "summed_up"]

_SMALL_ARM = 100


def local_day(stores: Stores, moment: datetime) -> date:
    """The day that it is at that moment where the workspace is."""
    return moment.astimezone(ZoneInfo(stores.settings.timezone)).date()


def summed_up(
    stores: Stores,
    parts: CampaignParts,
    offered: Sequence[Candidate],
    chosen: Drafted,
    times: DueTimes,
    words: str,
    moment: datetime,
    snapshot: Snapshot,
    kept: int,
    lists: Recommended | None,
    *,
    trial: bool,
) -> PlanSummary:
    """What explain shows.

    Args:
        words: The audience, in words.
        kept: How many keep the arm of an earlier assignment.
        lists: What people are recommended, where they are.
    """
    campaign, people = parts.campaign, chosen.people
    treated, control = people.count(TREATMENT), people.count(CONTROL)
    eligible = len(people) - people.count(EXCLUDED)
    done = _baseline(stores, parts, people, moment, snapshot)
    losing = (
        []
        if isinstance(chosen.lesson, Lesson)
        else losing_offers(parts.offers.values(), done.usual, stores.settings.currency)
    )
    timing = times.summary(people)
    stale = _stale(stores, moment, snapshot)
    fault = address_warning(parts, stores.settings, trial=trial)
    unreached = () if fault is None else (fault,)
    return PlanSummary(
        audience=words,
        audience_size=len(people),
        excluded=people.reasons(),
        eligible=eligible,
        treated=treated,
        control=control,
        passed=people.count(PASSED),
        holdout=campaign.holdout,
        actions=tuple(
            _action(people, number, sendable(parts.channels[candidate.channel]))
            for number, candidate in enumerate(offered)
        ),
        cost=float(people.cost.sum()),
        budget=campaign.policy.budget,
        currency=stores.settings.currency,
        starts_at=_starts_at(people, moment),
        window_days=campaign.goal.window.total_seconds() / 86_400,
        goal=f"{campaign.goal.value} of '{campaign.goal.event}'",
        choice=_choice(offered, chosen),
        chosen=chosen.summary,
        timing=timing,
        channels=chosen.channel_summary,
        detectable=done.detectable(treated=eligible - control, control=control),
        kept_arms=kept,
        notes=(*(() if lists is None else (lists.words(),)), *_dealt(campaign)),
        warnings=(
            *unreached,
            *stale,
            *_warnings(parts, offered, treated, control, done.margin_known),
            *losing,
            *chosen.warnings,
            *times.warnings(timing),
            *_unmet_floors(chosen),
        ),
    )


def _dealt(campaign: Campaign) -> tuple[str, ...]:
    if not campaign.stratify:
        return ()
    named = ", ".join(f"'{name}'" for name in campaign.stratify)
    return (f"Arms are dealt out evenly within the segments {named} and their combinations.",)


def _starts_at(people: PlanPeople, moment: datetime) -> datetime:
    """When the first message is due."""
    due = people.send_at[~np.isnat(people.send_at)]
    if not due.size:
        return moment.astimezone(UTC)
    first: datetime = due.min().astype(datetime)
    return first.replace(tzinfo=UTC)


def _action(people: PlanPeople, number: int, can_send: bool) -> ActionSummary:
    candidate = people.candidates[number]
    chosen = int(np.count_nonzero(people.action == number))
    return ActionSummary(
        action=candidate.key,
        channel=candidate.channel,
        medium=candidate.medium,
        people=chosen,
        cost=chosen * candidate.cost,
        variants=people.variants(number),
        sendable=can_send,
    )


def _choice(offered: Sequence[Candidate], chosen: Drafted) -> str:
    lesson, channels = chosen.lesson, chosen.channel_summary
    if isinstance(lesson, Lesson):
        return f"{lesson.choice.sentence} Learnt from {lesson.people:,} people of {lesson.source}."
    if len(offered) == 1:
        one = f"{lesson.words} There is one action, so each person who is not held out gets it"
        if len(offered[0].variants) == 1:
            return f"{one}."
        return (
            f"{one}, in one of its variants at random. What is measured will tell which one pays."
        )
    if channels is not None and channels["explore"] is not None:
        return (
            f"{lesson.words} So each person who is not held out gets an offer at random, by weight, through the channel in which "
            f"they answer where that is known, and a share of {channels['explore']:.0%} one of the allowed actions whatever the "
            "channel. What is measured will tell what that pays."
        )
    return (
        f"{lesson.words} So each person who is not held out gets one of the allowed actions at random, by weight. "
        "What is measured will tell which one pays."
    )


def _unmet_floors(chosen: Drafted) -> list[str]:
    """Floors that the plan misses: chance does not aim, and who was drawn to explore or held out does not count."""
    summary = chosen.summary or {"limits": []}
    return [
        f"The limit '{limit['name']}' wants at least {limit['at_least']:,g}; the plan reaches {limit['used']:,g}."
        for limit in summary["limits"]
        if limit["at_least"] is not None and limit["used"] < limit["at_least"]
    ]


def _baseline(
    stores: Stores,
    parts: CampaignParts,
    people: PlanPeople,
    moment: datetime,
    snapshot: Snapshot,
) -> Followed:
    """What such people do within a window without the campaign.

    It is that of the audience as it was a window earlier, and what it did since. What *today's* audience did before
    would mislead: a rule on recency has chosen people by it.
    """
    earlier = moment - parts.campaign.goal.window
    same, _words = audience_of(stores, parts, earlier, snapshot)
    if not same:
        places = np.flatnonzero(people.arm != EXCLUDED).tolist()
        same = [people.profile_id[place] for place in places]
    return what_followed(stores, parts, same, earlier, snapshot)


def _stale(stores: Stores, moment: datetime, snapshot: Snapshot) -> list[str]:
    """A warning where no order is as new as the moment of the plan lets one expect."""
    engine = stores.history_engine
    with open_moment(stores, as_of=moment, snapshot=snapshot, engine=engine) as past:
        days = order_days(past)
    words = stale_orders(days, moment=local_day(stores, moment))
    return [] if words is None else [words]


def _warnings(
    parts: CampaignParts,
    offered: Sequence[Candidate],
    treated: int,
    control: int,
    margin_known: bool,
) -> list[str]:
    found = []
    if not control:
        found.append(
            "Nobody is held out, so it will not be possible to say what the campaign earned."
        )
    elif min(treated, control) < _SMALL_ARM:
        found.append(
            f"The smaller arm has {min(treated, control)} people; only a very large effect will show."
        )
    if not margin_known:
        found.append(
            "The margin of some sales is unknown (no unit cost, no category margin, no margin_default), so profit "
            "will be unknown; revenue is shown instead."
        )
    for candidate in offered:
        if not sendable(parts.channels[candidate.channel]):
            found.append(
                f"The channel '{candidate.channel}' ({candidate.medium}) can be planned, but Aimwell cannot send "
                "through it as it stands; the plan will be refused at sending."
            )
    return found
