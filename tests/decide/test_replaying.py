"""A replay's own messages: whom caps spare, how often the same people are written to, who stands in two campaigns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.people import ALLOWED, reason_code
from aimwell.decide.replaying import Contacted, moments_before, overlaps
from aimwell.definitions.kinds.contact_policy import Cap, ContactPolicy

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
EMAIL = np.array(["email"])


def test_a_cap_counts_what_the_replay_has_sent() -> None:
    policy = ContactPolicy(kind="contact_policy", name="default", caps=(Cap(count=1, days=7),))
    sent = Contacted()
    who = sent.numbers(["ann", "bob"])
    assert (sent.refusals(policy, who, ["email"], at=START, category=None) == ALLOWED).all()
    sent.add(who[:1], EMAIL, at=START, category=None)
    later = sent.numbers(["cat", "bob", "ann"])
    within = sent.refusals(
        policy, later, ["email"], at=START + timedelta(days=6), category=None
    ).ravel()
    assert within.tolist() == [ALLOWED, ALLOWED, reason_code("capped")]
    after = sent.refusals(policy, later, ["email"], at=START + timedelta(days=7), category=None)
    assert (after == ALLOWED).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90)), min_size=1, max_size=40),
)
def test_fatigue_counts_as_by_hand(messages: list[tuple[int, int]]) -> None:
    sent = Contacted()
    people = sent.numbers(["ann", "bob", "cat", "dan"])
    for who, days in messages:
        sent.add(people[[who]], EMAIL, at=START + timedelta(days=days), category=None)
    found = sent.fatigue()
    most = max(
        sum(1 for other, on in messages if other == who and 0 <= days - on < 28)
        for who, days in messages
    )
    assert found.most_in_28_days == most
    assert found.messages == len(messages)
    assert found.contacted == len({who for who, _ in messages})
    assert sum(times * people for times, people in found.times.items()) == found.messages


def test_every_pair_of_campaigns_is_told() -> None:
    found = overlaps({"a": ["x", "y"], "b": ["y", "z", "u"], "c": []}, START)
    assert [(one.first, one.second, one.both) for one in found] == [
        ("a", "b", 1),
        ("a", "c", 0),
        ("b", "c", 0),
    ]
    assert (found[0].of_first, found[0].of_second) == (2, 3)


def test_the_last_moment_is_the_one_that_was_asked_for() -> None:
    found = moments_before(START, times=3, every=timedelta(days=10))
    assert found == [START - timedelta(days=20), START - timedelta(days=10), START]
