"""Why a person may not be contacted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.eligibility import (
    Contact,
    contact_refusal,
    longest_window,
)
from aimwell.definitions.kinds.contact_policy import Cap, ContactPolicy

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.toordinal()


def policy(*caps: Cap, gap: timedelta | None = None) -> ContactPolicy:
    return ContactPolicy(name="default", caps=caps, gap=gap)


def sent(days_ago: int, channel: str = "email") -> Contact:
    return Contact(channel, NOON - timedelta(days=days_ago), TODAY - days_ago)


def test_a_cap_counts_the_persons_calendar_days() -> None:
    one_a_week = policy(Cap(count=1, days=7))

    def refusal(days_ago: int) -> str | None:
        return contact_refusal(
            one_a_week, [sent(days_ago)], channel="email", moment=NOON, local_day=TODAY
        )

    assert refusal(6) == "capped"
    assert refusal(7) is None


def test_a_cap_of_one_channel_leaves_the_others_alone() -> None:
    rule = policy(Cap(count=1, days=7, channel="sms"))
    mails = [sent(0), sent(1), sent(2)]
    assert contact_refusal(rule, mails, channel="email", moment=NOON, local_day=TODAY) is None
    assert contact_refusal(rule, mails, channel="sms", moment=NOON, local_day=TODAY) is None
    texts = [*mails, sent(1, "sms")]
    assert contact_refusal(rule, texts, channel="sms", moment=NOON, local_day=TODAY) == "capped"


def test_the_gap_between_messages_is_kept() -> None:
    rule = policy(gap=timedelta(hours=48))
    assert (
        contact_refusal(rule, [sent(1)], channel="email", moment=NOON, local_day=TODAY)
        == "too_soon"
    )
    assert contact_refusal(rule, [sent(2)], channel="email", moment=NOON, local_day=TODAY) is None


@given(st.integers(1, 5), st.integers(1, 30), st.lists(st.integers(0, 40), max_size=30))
def test_no_cap_is_ever_exceeded(count: int, days: int, ago: list[int]) -> None:
    rule = policy(Cap(count=count, days=days))
    refused = contact_refusal(
        rule, [sent(n) for n in ago], channel="email", moment=NOON, local_day=TODAY
    )
    assert (refused == "capped") == (sum(n < days for n in ago) >= count)


def test_no_policy_forbids_nothing_and_looks_nowhere_back() -> None:
    assert (
        contact_refusal(None, [sent(0)] * 50, channel="email", moment=NOON, local_day=TODAY) is None
    )
    assert longest_window(None) == timedelta(0)
    assert longest_window(policy(Cap(count=1, days=7), gap=timedelta(days=20))) == timedelta(
        days=20
    )
