"""Plans that would reach nobody are refused, with what to change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aimwell.decide.campaign_parts import CampaignParts
from aimwell.decide.model import BY_CONSENT_OR_ADDRESS, EXCLUSIONS
from aimwell.decide.people import CONTROL, PASSED, TREATMENT, PlanPeople
from aimwell.errors import DecideError
from aimwell.segment.service import parametrised, unknown
from aimwell.store.lake import Snapshot
from aimwell.store.stores import Stores

__all__ = ["refuse_empty", "refuse_hopeless", "unknown_names"]


def refuse_hopeless(parts: CampaignParts) -> None:
    """Raise DecideError for a campaign that holds out everybody, or whose budget pays for no message."""
    campaign = parts.campaign
    if round(campaign.holdout * 10_000) >= 10_000:
        raise DecideError(
            f"The campaign '{campaign.name}' holds out everybody (holdout: {campaign.holdout:g}), so nobody "
            "would be contacted. Choose a holdout below 1, as 0.1."
        )
    budget = campaign.policy.budget
    cheapest = min(parts.channels[action.channel].cost for action in campaign.actions)
    if budget is not None and (budget < cheapest or budget == 0 < cheapest):
        raise DecideError(
            f"The budget of {budget:g} does not pay for one message (the cheapest costs {cheapest:g}). "
            "Raise policy.budget or leave it out."
        )


def unknown_names(
    stores: Stores, parts: CampaignParts, moment: datetime, snapshot: Snapshot
) -> tuple[str, ...]:
    """What the audience's rule names that was never collected."""
    wanted = parts.campaign.audience
    if wanted.segment is None:
        return ()
    segment = parametrised(stores, wanted.segment, wanted.parameters or {})
    return unknown(stores, segment, as_of=moment, values=True, snapshot=snapshot)


def refuse_empty(
    people: PlanPeople, words: str, *, hints: Sequence[str], segment: str | None, trial: bool
) -> None:
    """Raise DecideError, with all reasons counted, where nobody of the audience would be contacted."""
    if not len(people):
        look = "" if segment is None else f"Look at it with: aimwell segment explain {segment}"
        told = [f"The audience ({words}) is empty, so there is nobody to contact.", *hints]
        raise DecideError(" ".join([*told, look or "Collect data first, or take a later moment."]))
    if people.count(TREATMENT):
        return
    held = people.count(CONTROL)
    excluded = sorted(people.reasons().items(), key=lambda found: -found[1])
    reasons = [f"{count:,} × {EXCLUSIONS[reason]}" for reason, count in excluded]
    if held:
        reasons.append(f"{held:,} × held out")
    if passed := people.count(PASSED):
        reasons.append(
            f"{passed:,} × passed over, since no action is expected to earn more than it costs"
        )
    barred = any(reason in BY_CONSENT_OR_ADDRESS for reason, _count in excluded)
    hint = (
        " People can be contacted when their source declares a consent basis (see docs/collect.md); "
        "a trial (--trial) tries the campaign without reaching anybody."
        if barred and not trial
        else ""
    )
    raise DecideError(
        f"None of the {len(people):,} people of the audience ({words}) can be contacted: "
        f"{'; '.join(reasons)}.{hint}"
    )
