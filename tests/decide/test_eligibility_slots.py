"""Slots of all people at once are refused as those of one person are."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aimwell.decide.eligibility import Contact, Slots, contact_refusal, slot_refusals
from aimwell.decide.people import reason_code
from aimwell.definitions.kinds.contact_policy import ContactPolicy

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHANNELS = ("email", "sms")


def policy(**fields: object) -> ContactPolicy:
    return ContactPolicy.model_validate({"kind": "contact_policy", "name": "default", **fields})


contacts = st.builds(
    lambda channel, hours, category, reserved, worth: Contact(
        channel,
        NOON + timedelta(hours=hours if reserved else -abs(hours)),
        (NOON + timedelta(hours=hours if reserved else -abs(hours))).toordinal(),
        category=category,
        reserved=reserved,
        worth=worth,
    ),
    st.sampled_from(CHANNELS),
    st.integers(-240, 240),
    st.sampled_from([None, "sale", "news"]),
    st.booleans(),
    st.sampled_from([0.0, 1.0, 2.0, math.inf]),
)
caps = st.fixed_dictionaries(
    {"count": st.integers(1, 3), "days": st.integers(1, 8)},
    optional={
        "channel": st.sampled_from(CHANNELS),
        "category": st.sampled_from(["sale", "news"]),
    },
)


@given(
    people=st.lists(st.lists(contacts, max_size=5), min_size=1, max_size=6),
    caps=st.lists(caps, max_size=3),
    gap=st.sampled_from([None, "1d", "60h"]),
    gaps=st.dictionaries(st.sampled_from(CHANNELS), st.sampled_from(["2d", "9d"])),
    category=st.sampled_from([None, "sale"]),
    own=st.tuples(st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([-1.0, 1.0, 1.5])),
)
@settings(max_examples=60, deadline=None)
def test_all_at_once_is_as_one_by_one(
    people: list[list[Contact]],
    caps: list[dict[str, object]],
    gap: str | None,
    gaps: dict[str, str],
    category: str | None,
    own: tuple[float, float],
) -> None:
    rules = policy(caps=caps, gap=gap, channel_gaps=gaps)
    rows = [(place, contact) for place, had in enumerate(people) for contact in had]
    slots = Slots(
        person=np.array([place for place, _ in rows], dtype=np.int64),
        at=np.array(
            [(c.sent_at - EPOCH) // timedelta(microseconds=1) for _, c in rows], dtype=np.int64
        ),
        day=np.array([c.local_day for _, c in rows], dtype=np.int64),
        channel=np.array([c.channel for _, c in rows], dtype=np.str_),
        category=np.array([c.category or "" for _, c in rows], dtype=np.str_),
        reserved=np.array([c.reserved for _, c in rows], dtype=np.bool_),
        worth=np.array([c.worth for _, c in rows], dtype=np.float64),
    )
    found = slot_refusals(
        rules,
        slots,
        at=np.full(len(people), (NOON - EPOCH) // timedelta(microseconds=1)),
        day=np.full(len(people), NOON.toordinal()),
        channels=CHANNELS,
        category=category,
        worth=np.tile(own, (len(people), 1)),
    )

    def alone(had: list[Contact], channel: str) -> int:
        mine = own[CHANNELS.index(channel)]
        had = [contact for contact in had if not contact.reserved or contact.worth >= mine]

        def asked(counted: list[Contact]) -> str | None:
            return contact_refusal(
                rules,
                counted,
                channel=channel,
                moment=NOON,
                local_day=NOON.toordinal(),
                category=category,
            )

        certain = asked([contact for contact in had if not contact.reserved])
        return reason_code(certain or ("reserved" if asked(had) else None))

    assert found.tolist() == [[alone(had, channel) for channel in CHANNELS] for had in people]


def test_a_cap_of_a_category_holds_for_that_category_alone() -> None:
    rules = policy(caps=[{"count": 1, "days": 7, "category": "sale"}])
    had = [Contact("email", NOON - timedelta(days=1), NOON.toordinal() - 1, category="sale")]

    def asked(category: str | None) -> str | None:
        return contact_refusal(
            rules,
            had,
            channel="email",
            moment=NOON,
            local_day=NOON.toordinal(),
            category=category,
        )

    assert asked("sale") == "capped"
    assert asked("news") is None
    assert asked(None) is None
