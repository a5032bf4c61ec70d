"""Arms by hash: stable, with the probability that was true before the draw."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.arms import draw
from aimwell.decide.model import Candidate

MAIL = Candidate("ten-email", "email", "email", 1.0, 0.1, (("a", 1.0), ("b", 3.0)))
TEXT = Candidate("ten-sms", "sms", "sms", 2.0, 0.2, (("a", 1.0),))
PEOPLE = [f"person-{n}" for n in range(20_000)]


def test_the_same_person_always_gets_the_same() -> None:
    first = [draw("spring", p, holdout=0.2, allowed=[MAIL, TEXT]) for p in PEOPLE[:500]]
    again = [draw("spring", p, holdout=0.2, allowed=[MAIL, TEXT]) for p in reversed(PEOPLE[:500])]
    assert first == again[::-1]


def test_shares_follow_holdout_weights_and_variants() -> None:
    drawn = [draw("spring", p, holdout=0.2, allowed=[MAIL, TEXT]) for p in PEOPLE]
    counts = Counter((d.action.key if d.action else None, d.variant) for d in drawn)
    expected = {
        (None, None): 0.2,
        ("ten-email", "a"): 0.8 / 3 / 4,
        ("ten-email", "b"): 0.8 / 3 * 3 / 4,
        ("ten-sms", "a"): 0.8 * 2 / 3,
    }
    for key, share in expected.items():
        sd = (share * (1 - share) / len(PEOPLE)) ** 0.5
        assert abs(counts[key] / len(PEOPLE) - share) < 4 * sd


def test_logged_probabilities_are_those_of_the_draw() -> None:
    drawn = [draw("spring", p, holdout=0.2, allowed=[MAIL, TEXT]) for p in PEOPLE]
    # The weights 1/probability of those who got an arm sum to the number of people, for each arm.
    for action in ("ten-email", "ten-sms"):
        for variant in ("a", "b"):
            weight = sum(
                1 / d.probability
                for d in drawn
                if d.action and (d.action.key, d.variant) == (action, variant)
            )
            if weight:
                assert weight == pytest.approx(len(PEOPLE), rel=0.06)


def test_the_draws_of_holdout_action_and_variant_do_not_hang_together() -> None:
    drawn = [(draw("s", p, holdout=0.0, allowed=[MAIL, TEXT]), p) for p in PEOPLE]
    low = [d for d, _ in drawn if d.bucket < 5000]
    high = [d for d, _ in drawn if d.bucket >= 5000]
    share = [sum(d.action is MAIL for d in half) / len(half) for half in (low, high)]
    assert abs(share[0] - share[1]) < 4 * (2 / 9 / 10_000 * 2) ** 0.5


def test_another_salt_shuffles_anew() -> None:
    one = [draw("one", p, holdout=0.5, allowed=[MAIL]).action is None for p in PEOPLE]
    two = [draw("two", p, holdout=0.5, allowed=[MAIL]).action is None for p in PEOPLE]
    agree = sum(a == b for a, b in zip(one, two, strict=True)) / len(PEOPLE)
    assert abs(agree - 0.5) < 0.02


@given(st.text(max_size=20), st.text(min_size=1, max_size=20), st.floats(0, 0.9999))
def test_probabilities_of_all_outcomes_add_up_to_one(
    salt: str, origin: str, holdout: float
) -> None:
    found = draw(salt, origin, holdout=holdout, allowed=[MAIL, TEXT])
    assert 0 < found.probability <= 1
    held = round(holdout * 10_000) / 10_000
    assert (found.action is None) == (found.bucket < held * 10_000)


def test_nobody_is_held_out_at_zero_and_who_is_in_the_small_holdout_is_in_the_large_one() -> None:
    small = {p for p in PEOPLE if draw("s", p, holdout=0.1, allowed=[MAIL]).action is None}
    large = {p for p in PEOPLE if draw("s", p, holdout=0.3, allowed=[MAIL]).action is None}
    assert small < large
    assert not any(draw("s", p, holdout=0.0, allowed=[MAIL]).action is None for p in PEOPLE)
