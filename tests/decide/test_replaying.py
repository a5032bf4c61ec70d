"""A replay's own messages: whom caps spare, how often the same people are written to, who stands in two campaigns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aimwell.decide.people import ALLOWED, reason_code
from aimwell.decide.replaying import Contacted, moments_before, overlaps
from aimwell.definitions.kinds.contact_policy import Cap, ContactPolicy

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
EMAIL = np.array(["email"])


def at(days: int, people: int = 1) -> NDArray[np.datetime64]:
    """So many people's moment, so many days after the start."""
    return np.full(people, np.datetime64(START.replace(tzinfo=None), "us")) + np.timedelta64(
        days, "D"
    )


def test_a_cap_counts_what_the_replay_has_sent() -> None:
    policy = ContactPolicy(kind="contact_policy", name="default", caps=(Cap(count=1, days=7),))
    sent = Contacted()
    who = sent.numbers(["ann", "bob"])
    assert (sent.refusals(policy, who, ["email"], at=at(0, 2), category=None) == ALLOWED).all()
    sent.add(who[:1], EMAIL, at=at(0), category=None)
    later = sent.numbers(["cat", "bob", "ann"])
    within = sent.refusals(policy, later, ["email"], at=at(6, 3), category=None).ravel()
    assert within.tolist() == [ALLOWED, ALLOWED, reason_code("capped")]
    after = sent.refusals(policy, later, ["email"], at=at(7, 3), category=None)
    assert (after == ALLOWED).all()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90)), min_size=1, max_size=40),
)
def test_fatigue_counts_as_by_hand(messages: list[tuple[int, int]]) -> None:
    sent = Contacted()
    people = sent.numbers(["ann", "bob", "cat", "dan"])
    for who, days in messages:
        sent.add(people[[who]], EMAIL, at=at(days), category=None)
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
