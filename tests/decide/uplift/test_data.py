"""What is refused of an experiment, in words, before anything is learnt from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.errors import DecideError

N = 60


def made(**changes: object) -> ExperimentData:
    given = {
        "features": np.arange(2.0 * N).reshape(N, 2),
        "arm": ["none", "mail", "post"] * (N // 3),
        "outcomes": {"visit": np.tile([0.0, 1.0, 1.0], N // 3)},
        "control": "none",
        **changes,
    }
    return experiment_of(given.pop("features"), given.pop("arm"), given.pop("outcomes"), **given)  # type: ignore[arg-type]


def test_the_control_stands_first_and_shares_are_the_probabilities() -> None:
    data = made()
    assert data.arms == ("none", "mail", "post")
    assert data.counts == {"none": 20, "mail": 20, "post": 20}
    assert data.propensity[7] == pytest.approx([1 / 3] * 3)
    assert data.split_check().mismatch is False


def test_a_treatment_that_everybody_got_has_nobody_to_compare_with() -> None:
    with pytest.raises(DecideError, match="Everybody got 'mail'"):
        made(arm=["mail"] * N, control="mail")


def test_an_arm_of_a_few_people_is_refused() -> None:
    with pytest.raises(DecideError, match="'post' has 2"):
        made(arm=["none", "mail"] * 29 + ["post"] * 2)


def test_probabilities_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(DecideError, match=r"add up to 0\.9"):
        made(probabilities={"none": 0.3, "mail": 0.3, "post": 0.3})


def test_an_arm_that_could_not_be_drawn_but_was_is_refused() -> None:
    data = made()
    chances = np.tile([0.5, 0.5, 0.0], (N, 1))
    with pytest.raises(DecideError, match="20 people got an arm that was drawn with probability 0"):
        replace(data, propensity=chances)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_outcome_that_is_no_number_is_refused_and_counted(value: float) -> None:
    spend = np.zeros(N)
    spend[3] = value
    with pytest.raises(DecideError, match="'spend' of 1 people is missing or infinite"):
        made(outcomes={"spend": spend})


def test_arms_without_an_outcome_are_refused() -> None:
    with pytest.raises(DecideError, match="no outcome"):
        made(outcomes={})


def test_an_unknown_outcome_names_what_there_is() -> None:
    with pytest.raises(DecideError, match="visit"):
        made().outcome("visits")


def test_two_arms_alone_keep_their_people_and_scale_their_probabilities() -> None:
    pair = made(probabilities={"none": 0.5, "mail": 0.2, "post": 0.3}).only(["none", "post"])
    assert pair.arms == ("none", "post")
    assert pair.counts == {"none": 20, "post": 20}
    assert pair.propensity[0] == pytest.approx([5 / 8, 3 / 8])


def test_a_broken_split_is_seen() -> None:
    data = made(
        features=np.zeros((300, 1)),
        arm=["none"] * 100 + ["mail"] * 200,
        outcomes={"visit": np.zeros(300)},
        probabilities={"none": 0.5, "mail": 0.5},
    )
    assert data.split_check().mismatch is True
