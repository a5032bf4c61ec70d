"""Arms by hash: stable, with the probability that was true before the draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimwell.decide.arms import Drawn, Hashed, by_weight, draw
from aimwell.decide.model import Candidate
from aimwell.errors import DecideError

MAIL = Candidate("ten-email", "email", "email", 1.0, 0.1, (("a", 1.0), ("b", 3.0)))
TEXT = Candidate("ten-sms", "sms", "sms", 2.0, 0.2, (("a", 1.0),))
BOTH = (MAIL, TEXT)
PEOPLE = [f"person-{n}" for n in range(20_000)]


def drawn(
    salt: str, people: Sequence[str], holdout: float, offered: Sequence[Candidate] = BOTH
) -> Drawn:
    allowed = np.ones((len(people), len(offered)), dtype=np.bool_)
    return draw(
        salt,
        Hashed(people),
        holdout=holdout,
        candidates=offered,
        probabilities=by_weight(allowed, offered),
    )


def held(salt: str, holdout: float) -> set[str]:
    found = drawn(salt, PEOPLE, holdout, [MAIL])
    return {PEOPLE[i] for i in np.flatnonzero(found.held).tolist()}


def test_the_same_person_always_gets_the_same_in_every_batch() -> None:
    first = drawn("spring", PEOPLE[:500], 0.2)
    again = drawn("spring", PEOPLE[499::-1], 0.2)
    for column in ("bucket", "held", "action", "variant", "probability"):
        assert (getattr(first, column) == getattr(again, column)[::-1]).all()


def test_draws_are_those_that_were_made_before() -> None:
    # Frozen: a person's arm must never change with the code that draws it.
    found = drawn("spring", PEOPLE[:8], 0.2)
    assert found.bucket.tolist() == [1733, 3108, 2958, 3474, 7223, 1033, 8120, 1412]
    assert found.action.tolist() == [-1, 1, 0, 0, 0, -1, 1, -1]
    assert found.variant.tolist() == [-1, 0, 1, 0, 1, -1, 0, -1]


def test_shares_follow_holdout_weights_and_variants() -> None:
    found = drawn("spring", PEOPLE, 0.2)
    counts = Counter(zip(found.action.tolist(), found.variant.tolist(), strict=True))
    expected = {
        (-1, -1): 0.2,
        (0, 0): 0.8 / 3 / 4,
        (0, 1): 0.8 / 3 * 3 / 4,
        (1, 0): 0.8 * 2 / 3,
    }
    assert set(counts) == set(expected)
    for key, share in expected.items():
        sd = (share * (1 - share) / len(PEOPLE)) ** 0.5
        assert abs(counts[key] / len(PEOPLE) - share) < 4 * sd


def test_logged_probabilities_are_those_of_the_draw() -> None:
    found = drawn("spring", PEOPLE, 0.2)
    # The weights 1/probability of those who got an arm sum to the number of people, for each arm.
    for action, variant in ((0, 0), (0, 1), (1, 0), (-1, -1)):
        got = (found.action == action) & (found.variant == variant)
        assert (1 / found.probability[got]).sum() == pytest.approx(len(PEOPLE), rel=0.06)


def test_the_draws_of_holdout_action_and_variant_do_not_hang_together() -> None:
    found = drawn("s", PEOPLE, 0.0)
    low = found.bucket < 5000
    share = [(found.action[half] == 0).mean() for half in (low, ~low)]
    assert abs(share[0] - share[1]) < 4 * (2 / 9 / 10_000 * 2) ** 0.5


def test_another_salt_shuffles_anew() -> None:
    one, two = (drawn(salt, PEOPLE, 0.5, [MAIL]).held for salt in ("one", "two"))
    assert abs((one == two).mean() - 0.5) < 0.02


@given(st.text(max_size=20), st.text(min_size=1, max_size=20), st.floats(0, 0.9999))
def test_who_is_held_out_follows_from_the_bucket(salt: str, origin: str, holdout: float) -> None:
    found = drawn(salt, [origin], holdout)
    assert 0 < found.probability[0] <= 1
    assert found.held[0] == (found.bucket[0] < round(holdout * 10_000))
    assert (found.action[0] == -1) == found.held[0]


def test_nobody_is_held_out_at_zero_and_who_is_in_the_small_holdout_is_in_the_large_one() -> None:
    assert held("s", 0.1) < held("s", 0.3)
    assert not held("s", 0.0)


def test_nobody_at_all() -> None:
    assert drawn("s", [], 0.2).action.size == 0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0.7, 0.4]], "add up to 1.1"),
        ([[-0.1, 0.4]], "action 0 for person 0 is -0.1"),
        ([[np.nan, 0.4]], "is nan"),
        ([[1.0]], "shape"),
    ],
)
def test_probabilities_that_cannot_be_are_refused(rows: list[list[float]], words: str) -> None:
    with pytest.raises(DecideError, match=words):
        draw("s", Hashed(["a"]), holdout=0.0, candidates=BOTH, probabilities=np.array(rows))


def test_what_is_missing_to_one_is_the_chance_of_nothing() -> None:
    chances = np.tile([0.1, 0.7], (len(PEOPLE), 1))
    found = draw("s", Hashed(PEOPLE), holdout=0.1, candidates=BOTH, probabilities=chances)
    nothing = ~found.held & (found.action < 0)
    assert nothing.mean() == pytest.approx(0.18, abs=0.01)
    assert set(found.probability[nothing].round(6)) == {0.28}
    assert set(found.probability[found.held].round(6)) == {0.28}
