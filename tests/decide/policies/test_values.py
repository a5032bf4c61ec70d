"""Values of policies by a log: six rows worked out by hand, and what the log must not be believed."""

from __future__ import annotations

import numpy as np
import pytest

from aimwell.decide.policies.values import Log, policy_scores, value_of
from aimwell.errors import DecideError

SIX = Log(
    arm=np.array([0, 1, 2, 0, 1, 2]),
    propensity=np.tile([0.5, 0.25, 0.25], (6, 1)),
    reward=np.array([0.0, 1.0, 2.0, 1.0, 0.0, 3.0]),
    expected=np.tile([0.2, 0.5, 1.8], (6, 1)),
)
POLICY = np.array([0, 1, 2, 1, 1, 2])


def drawn(people: int, seed: int) -> Log:
    """Half treated; arm 1 adds 0.5; the model of rewards knows nothing."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(2, size=people)
    reward = 1.0 + 0.5 * arm + rng.standard_normal(people)
    return Log(
        arm=arm,
        propensity=np.full((people, 2), 0.5),
        reward=reward,
        expected=np.zeros((people, 2)),
    )


def test_six_rows_come_out_as_worked_out_by_hand() -> None:
    found = value_of(SIX, POLICY)
    assert found.ips.estimate == pytest.approx(4.0)
    assert found.snips.estimate == pytest.approx(4 / 3)
    assert found.direct == pytest.approx(0.8833333, abs=1e-7)
    assert found.doubly_robust.estimate == pytest.approx(1.75)
    assert found.effective_sample == pytest.approx(4.764706, abs=1e-6)
    assert found.mean_weight == pytest.approx(3.0)


def test_six_rows_are_too_few_to_answer_and_the_weights_are_wrong() -> None:
    found = value_of(SIX, POLICY)
    assert found.answer == "no"
    assert "5 people" in found.words[0]


def test_an_even_chance_of_all_arms_is_valued_as_its_arms_on_average() -> None:
    even = np.full((6, 3), 1 / 3)
    each = [policy_scores(SIX, np.full(6, arm)).mean() for arm in range(3)]
    assert policy_scores(SIX, even).mean() == pytest.approx(np.mean(each))


def test_rewards_that_all_rise_by_one_raise_the_self_normalised_value_by_one() -> None:
    raised = Log(
        arm=SIX.arm, propensity=SIX.propensity, reward=SIX.reward + 1, expected=SIX.expected
    )
    assert value_of(raised, POLICY).snips.estimate == pytest.approx(4 / 3 + 1)


def test_a_perfect_model_leaves_no_noise_but_the_models_own() -> None:
    known = Log(
        arm=SIX.arm,
        propensity=SIX.propensity,
        reward=SIX.expected[np.arange(6), SIX.arm],
        expected=SIX.expected,
    )
    assert value_of(known, POLICY).doubly_robust.estimate == pytest.approx(0.8833333, abs=1e-7)


@pytest.mark.parametrize("method", ["ips", "snips", "doubly_robust"])
def test_each_interval_covers_what_the_policy_truly_earns(method: str) -> None:
    covered = sum(
        bool(getattr(value_of(drawn(400, seed), np.ones(400, np.int64)), method).covers(1.5))
        for seed in range(200)
    )
    assert 180 <= covered <= 199


def test_a_log_with_wrong_probabilities_is_not_believed() -> None:
    log = drawn(2_000, seed=1)
    wrong = Log(
        arm=log.arm,
        propensity=np.tile([0.7, 0.3], (2_000, 1)),
        reward=log.reward,
        expected=log.expected,
    )
    found = value_of(wrong, np.ones(2_000, np.int64))
    assert found.answer == "no"
    assert "the mean weight is 1.6" in found.words[0]


def test_a_policy_that_gives_what_could_not_be_drawn_is_not_answered() -> None:
    log = drawn(2_000, seed=2)
    chances = log.propensity.copy()
    chances[:600] = np.where(log.arm[:600, None] == np.arange(2), 1.0, 0.0)
    some = Log(arm=log.arm, propensity=chances, reward=log.reward, expected=log.expected)
    found = value_of(some, np.ones(2_000, np.int64))
    assert found.answer == "no"
    assert any("could not have got in the log" in words for words in found.words)


def test_few_people_are_believed_with_caution() -> None:
    found = value_of(drawn(200, seed=3), np.ones(200, np.int64))
    assert found.answer == "with caution"
    assert "people in effect" in found.words[0]


def test_what_was_done_with_probability_nought_is_refused() -> None:
    log = Log(
        arm=SIX.arm,
        propensity=np.tile([1.0, 0.0, 0.0], (6, 1)),
        reward=SIX.reward,
        expected=SIX.expected,
    )
    with pytest.raises(DecideError, match="probability 0"):
        value_of(log, POLICY)
