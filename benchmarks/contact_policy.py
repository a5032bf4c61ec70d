"""A contact policy over a million people and six actions, against the same rules asked person by person.

`benchmarks/contact_policy.py [--people N] [--seed N] [--quick]`

Everybody had three messages on average, a tenth of them reserved by a campaign that goes first. The policy has three caps
(of all, of a channel, of a category), a gap and a gap of a channel. The yardstick asks `contact_refusal`, which is what
is asked right before a message leaves, for a sample of the same people: the answers must be the same, and the time of
both a person is told. `--quick`: 50,000 people.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from aimwell.decide.eligibility import Contact, Slots, contact_refusal, slot_refusals
from aimwell.decide.people import reason_code
from aimwell.definitions.kinds.contact_policy import ContactPolicy

CHANNELS = ("email", "sms", "push", "email", "sms", "push")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLE = 3_000
MOST_SECONDS = 10.0
POLICY = ContactPolicy.model_validate(
    {
        "kind": "contact_policy",
        "name": "default",
        "caps": [
            {"count": 3, "days": 7},
            {"count": 1, "days": 2, "channel": "sms"},
            {"count": 2, "days": 30, "category": "sale"},
        ],
        "gap": "12h",
        "channel_gaps": {"email": "2d"},
    }
)


def main() -> int:
    """Print the times; 1 where an answer differs or a million people take too long."""
    parser = argparse.ArgumentParser(description="Contact policy for all at once")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    people = 50_000 if asked.quick else asked.people
    slots = messages(people, np.random.default_rng(asked.seed))
    at = np.full(people, micros(NOON))
    day = np.full(people, NOON.toordinal())
    start = time.perf_counter()
    found = slot_refusals(POLICY, slots, at=at, day=day, channels=CHANNELS, category="sale")
    seconds = time.perf_counter() - start
    some = np.random.default_rng(asked.seed + 1).choice(people, min(SAMPLE, people), replace=False)
    start = time.perf_counter()
    alone = one_by_one(slots, some)
    alone_seconds = time.perf_counter() - start
    same = bool((found[some] == alone).all())
    good = same and (asked.quick or seconds <= MOST_SECONDS)
    print(
        f"contact policy {people:,} × {len(CHANNELS)}, {slots.person.size:,} messages: {seconds:.2f} s "
        f"({seconds / people * 1e6:.2f} µs a person); one by one {alone_seconds / some.size * 1e6:.1f} µs a person; "
        f"answers {'the same' if same else 'DIFFER'}, {(found == 0).mean():.0%} allowed{'' if good else '  MISSED'}"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    return 0 if good else 1


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def messages(people: int, rng: np.random.Generator) -> Slots:
    """Three messages a person on average, in the 40 days before and 10 days after."""
    count = people * 3
    reserved = rng.random(count) < 0.1
    hours = np.where(reserved, rng.integers(1, 240, count), -rng.integers(1, 960, count))
    return Slots(
        person=rng.integers(0, people, count),
        at=micros(NOON) + hours * 3_600_000_000,
        day=NOON.toordinal() + (hours + 12) // 24,
        channel=np.array(CHANNELS[:3])[rng.integers(0, 3, count)],
        category=np.array(["", "sale", "news"])[rng.integers(0, 3, count)],
        reserved=reserved,
        worth=np.full(count, np.inf),
    )


def one_by_one(slots: Slots, some: np.ndarray) -> np.ndarray:
    """The same, as it is asked for one person right before a message leaves."""
    theirs: dict[int, list[Contact]] = {int(who): [] for who in some}
    for row in np.flatnonzero(np.isin(slots.person, some)).tolist():
        theirs[int(slots.person[row])].append(
            Contact(
                str(slots.channel[row]),
                EPOCH + timedelta(microseconds=int(slots.at[row])),
                int(slots.day[row]),
                category=str(slots.category[row]) or None,
                reserved=bool(slots.reserved[row]),
            )
        )

    def asked(counted: list[Contact], channel: str) -> str | None:
        return contact_refusal(
            POLICY,
            counted,
            channel=channel,
            moment=NOON,
            local_day=NOON.toordinal(),
            category="sale",
        )

    found = np.zeros((some.size, len(CHANNELS)), dtype=np.int8)
    for place, who in enumerate(some.tolist()):
        had = [contact for contact in theirs[who] if not contact.reserved]
        for column, channel in enumerate(CHANNELS):
            certain = asked(had, channel)
            held = "reserved" if certain is None and asked(theirs[who], channel) else None
            found[place, column] = reason_code(certain or held)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
