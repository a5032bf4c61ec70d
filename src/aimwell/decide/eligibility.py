"""Whether the contact policy lets a person have one more message.

`contact_refusal` asks for one person, right before a message leaves; `slot_refusals` asks for all people of a plan and
all its actions at once. Both count alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from aimwell.decide.people import ALLOWED, reason_code
from aimwell.definitions.kinds.contact_policy import Cap, ContactPolicy

__all__ = ["Contact", "Slots", "contact_refusal", "longest_window", "slot_refusals"]


@dataclass(frozen=True)
class Contact:
    """One message that a person had or is about to have: channel definition and local calendar day.

    `in_flight`: another plan is handing it over at this moment, and may still not send it. `reserved`: it is planned
    by another campaign that goes first; `worth` is what that one expects of it.
    """

    channel: str
    sent_at: datetime
    local_day: int
    in_flight: bool = False
    category: str | None = None
    reserved: bool = False
    worth: float = math.inf


def contact_refusal(
    policy: ContactPolicy | None,
    contacts: Sequence[Contact],
    *,
    channel: str,
    moment: datetime,
    local_day: int,
    category: str | None = None,
) -> str | None:
    """'capped' or 'too_soon' where the contact policy forbids one more message at `moment`; else None.

    A cap of `days` counts the person's calendar days: the day of `moment` and the `days − 1` before it, and as many
    after it in which a message is planned already. A cap of a category holds for campaigns of that category alone.
    """
    if policy is None:
        return None
    if any(_reached(cap, contacts, channel, category, local_day) for cap in policy.caps):
        return "capped"
    for gap, of in _gaps(policy, channel):
        if any(
            abs(moment - contact.sent_at) < gap
            for contact in contacts
            if of is None or contact.channel == of
        ):
            return "too_soon"
    return None


def _gaps(policy: ContactPolicy, channel: str) -> list[tuple[timedelta, str | None]]:
    """Least times between messages that hold for the channel, and the channel whose messages count (None: all)."""
    found: list[tuple[timedelta, str | None]] = []
    if policy.gap is not None:
        found.append((policy.gap, None))
    if channel in policy.channel_gaps:
        found.append((policy.channel_gaps[channel], channel))
    return found


def _concerns(cap: Cap, channel: str, category: str | None) -> bool:
    return cap.channel in (None, channel) and cap.category in (None, category)


def _reached(
    cap: Cap, contacts: Sequence[Contact], channel: str, category: str | None, local_day: int
) -> bool:
    if not _concerns(cap, channel, category):
        return False
    counted = sum(
        1
        for contact in contacts
        if abs(contact.local_day - local_day) < cap.days
        and cap.channel in (None, contact.channel)
        and cap.category in (None, contact.category)
    )
    return counted >= cap.count


@dataclass(frozen=True, eq=False)
class Slots:
    """Messages that the people of an audience had, or that are reserved: one entry a message.

    Attributes:
        person: Position in the audience.
        at, day: When, in microseconds since 1970, and the person's calendar day.
        channel, category: Texts; '' for no category.
        reserved: Planned by another campaign that goes first.
        worth: What that campaign expects to earn by it; infinite where it goes first whatever it earns.
    """

    person: NDArray[np.int64]
    at: NDArray[np.int64]
    day: NDArray[np.int64]
    channel: NDArray[np.str_]
    category: NDArray[np.str_]
    reserved: NDArray[np.bool_]
    worth: NDArray[np.float64]

    def without_reserved(self) -> Slots:
        """Those that were really had."""
        had = ~self.reserved
        return Slots(
            self.person[had],
            self.at[had],
            self.day[had],
            self.channel[had],
            self.category[had],
            self.reserved[had],
            self.worth[had],
        )


def slot_refusals(
    policy: ContactPolicy,
    slots: Slots,
    *,
    at: NDArray[np.int64],
    day: NDArray[np.int64],
    channels: Sequence[str],
    category: str | None,
    worth: NDArray[np.float64] | None = None,
) -> NDArray[np.int8]:
    """Why each person must not get one more message by each action (people × actions), as codes of reasons.

    Args:
        at, day: When each person's message is due: microseconds since 1970, and the calendar day there.
        channels: Of the actions.
        worth: What each action is expected to earn (people × actions): a reserved message that is worth less does not
            stand in its way. None: every reserved one does.
    """
    everything = _refused(
        policy, slots, at=at, day=day, channels=channels, category=category, worth=worth
    )
    if not slots.reserved.any():
        return everything
    certain = _refused(
        policy, slots.without_reserved(), at=at, day=day, channels=channels, category=category
    )
    reserved = np.int8(reason_code("reserved"))
    return np.where(
        certain != ALLOWED, certain, np.where(everything != ALLOWED, reserved, certain)
    ).astype(np.int8)


def _refused(
    policy: ContactPolicy,
    slots: Slots,
    *,
    at: NDArray[np.int64],
    day: NDArray[np.int64],
    channels: Sequence[str],
    category: str | None,
    worth: NDArray[np.float64] | None = None,
) -> NDArray[np.int8]:
    people = at.size
    found = np.full((people, len(channels)), ALLOWED, dtype=np.int8)
    days_apart = np.abs(slots.day - day[slots.person])
    time_apart = np.abs(slots.at - at[slots.person])
    stands = np.ones(slots.person.size, dtype=np.bool_)
    for place, channel in enumerate(channels):
        if worth is not None:
            stands = ~slots.reserved | (slots.worth >= worth[slots.person, place])
        soon = np.zeros(people, dtype=np.bool_)
        for gap, of in _gaps(policy, channel):
            near = stands & (time_apart < gap // timedelta(microseconds=1))
            if of is not None:
                near &= slots.channel == of
            soon[slots.person[near]] = True
        found[soon, place] = reason_code("too_soon")
        for cap in policy.caps:
            if not _concerns(cap, channel, category):
                continue
            counts = stands & (days_apart < cap.days)
            if cap.channel is not None:
                counts &= slots.channel == cap.channel
            if cap.category is not None:
                counts &= slots.category == cap.category
            had = np.bincount(slots.person[counts], minlength=people)
            found[had >= cap.count, place] = reason_code("capped")
    return found


def longest_window(policy: ContactPolicy | None) -> timedelta:
    """How far back contacts matter for the policy."""
    if policy is None:
        return timedelta(0)
    days = max((cap.days + 1 for cap in policy.caps), default=0)
    gaps = [policy.gap or timedelta(0), *policy.channel_gaps.values()]
    return max(timedelta(days=days), *gaps)
