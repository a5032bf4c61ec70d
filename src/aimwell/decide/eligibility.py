"""Whether the contact policy lets a person have one more message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aimwell.definitions.kinds.contact_policy import Cap, ContactPolicy

__all__ = ["Contact", "contact_refusal", "longest_window"]


@dataclass(frozen=True)
class Contact:
    """One message that a person had or is about to have: channel definition and local calendar day.

    `in_flight`: another plan is handing it over at this moment, and may still not send it.
    """

    channel: str
    sent_at: datetime
    local_day: int
    in_flight: bool = False


def contact_refusal(
    policy: ContactPolicy | None,
    contacts: Sequence[Contact],
    *,
    channel: str,
    moment: datetime,
    local_day: int,
) -> str | None:
    """'capped' or 'too_soon' where the contact policy forbids one more message at `moment`; else None.

    A cap of `days` counts the person's calendar days: the day of `moment` and the `days − 1` before it.
    """
    if policy is None:
        return None
    if any(_reached(cap, contacts, channel, local_day) for cap in policy.caps):
        return "capped"
    last = max((contact.sent_at for contact in contacts), default=None)
    if policy.gap is not None and last is not None and moment - last < policy.gap:
        return "too_soon"
    return None


def _reached(cap: Cap, contacts: Sequence[Contact], channel: str, local_day: int) -> bool:
    if cap.channel is not None and cap.channel != channel:
        return False
    first = local_day - cap.days + 1
    counted = sum(
        1
        for contact in contacts
        if contact.local_day >= first and (cap.channel is None or contact.channel == cap.channel)
    )
    return counted >= cap.count


def longest_window(policy: ContactPolicy | None) -> timedelta:
    """How far back contacts matter for the policy."""
    if policy is None:
        return timedelta(0)
    days = max((cap.days + 1 for cap in policy.caps), default=0)
    return max(timedelta(days=days), policy.gap or timedelta(0))
