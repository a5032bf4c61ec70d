"""Several past experiments learnt from as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from aimwell.decide.policies.candidates import UpliftPolicy, constant_candidates
from aimwell.decide.policies.choosing import choose
from aimwell.decide.policies.judging import judge_policies
from aimwell.decide.pooling import Part, of_actions, pooled
from aimwell.decide.uplift.coding import Coding
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.decide.uplift.reading import ReadExperiment
from aimwell.errors import DecideError
from aimwell.stats.intervals import wilson

NEW = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE = 1_000
CODING = Coding(("x",), (), {})


def part(
    name: str,
    *,
    days: int = 0,
    people: int = 2_000,
    treated: float = 0.5,
    level: float = 0.0,
    seed: int = 0,
    first: int = 0,
    arm: str = "mail",
    window: float | None = 14.0,
) -> Part:
    """An experiment whose one arm adds x to an outcome around `level`; people are numbered from `first`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.2, 1.0, people)
    got = rng.random(people) < treated
    outcome = level + x * got + rng.normal(0.0, 1.0, people)
    data = experiment_of(
        x[:, None],
        np.where(got, arm, "control"),
        {"margin": outcome},
        control="control",
        names=("x",),
        probabilities={"control": 1 - treated, arm: treated},
    )
    profiles = pa.array([f"p{first + n}" for n in range(people)])
    read = ReadExperiment(name, data, profiles, NEW - timedelta(days=days), window, CODING)
    return Part(name, read)


def gain(data: ExperimentData) -> tuple[float, float, float]:
    candidates = [*constant_candidates(data.arms), UpliftPolicy(UpliftLearner("DR"))]
    judged = judge_policies(data, data.outcome("margin"), candidates, seed=1)
    found = choose(judged).over_nobody["everyone: mail"]
    assert found.estimate is not None
    assert found.lower is not None
    assert found.upper is not None
    return found.estimate, found.lower, found.upper


def test_seasons_and_unlike_probabilities_do_not_mislead() -> None:
    # The older plan sold ten times as much to everybody and treated few: taken as one crowd, contact would look ruinous.
    found = [
        part("new", treated=0.8, seed=1),
        part("old", days=200, treated=0.1, level=10.0, seed=2, first=5_000),
    ]
    together = pooled(found).read.data
    arm, outcome = together.arm, together.outcome("margin")
    assert outcome[arm == 1].mean() - outcome[arm == 0].mean() < -3
    estimate, lower, upper = gain(together)
    assert lower < 0.2 < upper
    assert upper - lower < 0.5
    assert together.names == ("x", "learnt from old")
    assert set(np.unique(together.propensity[:, 1])) == {0.8, 0.1}
    alone = gain(found[0].read.data)
    assert upper - lower < alone[2] - alone[1]
    assert abs(estimate - 0.2) < 0.15


def test_the_interval_covers_the_truth_over_many_pools() -> None:
    covered = 0
    for n in range(40):
        of_two = [
            part("new", people=300, treated=0.7, seed=2 * n),
            part("old", people=300, days=90, treated=0.3, level=3.0, seed=2 * n + 1, first=150),
        ]
        _estimate, lower, upper = gain(pooled(of_two).read.data)
        covered += lower < 0.2 < upper
    assert covered >= 34


def waves(seed: int, *, own: bool) -> list[Part]:
    """Two waves that each add 2 to what a thousand people of steady taste spend; who is held out stays held out. `own`: known before each wave."""
    rng = np.random.default_rng(seed)
    taste, got = rng.normal(0.0, 5.0, PEOPLE), rng.random(PEOPLE) < 0.7
    known = taste + rng.normal(0.0, 1.0, PEOPLE)
    found = []
    for wave in range(2):
        spent = taste + 2.0 * got + rng.normal(0.0, 1.0, PEOPLE)
        data = experiment_of(
            known[:, None],
            np.where(got, "mail", "control"),
            {"margin": spent},
            control="control",
            names=("x",),
            probabilities={"control": 0.3, "mail": 0.7},
        )
        profiles = pa.array([f"p{n}" for n in range(PEOPLE)])
        at = NEW + timedelta(days=30 * wave)
        found.append(Part(f"w{wave}", ReadExperiment(f"w{wave}", data, profiles, at, 14.0, CODING)))
        if own:
            known = known + spent
    return found


@pytest.mark.long
def test_waves_with_one_holdout_are_covered_by_what_was_known_before_the_first() -> None:
    covered = {}
    for own in (False, True):
        gains = [gain(pooled(waves(seed, own=own)).read.data) for seed in range(200)]
        covered[own] = sum(lower < 2.0 < upper for _, lower, upper in gains)
        one = wilson(covered[own], 200).times(100.0)
        mean = np.mean([estimate for estimate, _, _ in gains])
        print(
            f"own moments {own}: mean {mean:.2f}, {one.estimate:.1f} % ({one.lower:.1f} to {one.upper:.1f})"
        )
    assert covered[False] >= 180
    assert covered[True] < 100


def test_older_experiments_count_less_and_the_newest_stands_first() -> None:
    found = pooled(
        [part("old", days=60, first=5_000), part("new", people=500)],
        half_life=timedelta(days=30),
    )
    assert list(found.parts.items()) == [("new", 500), ("old", 2_000)]
    weight = found.read.data.weight
    assert weight is not None
    assert weight[:500] == pytest.approx(1.0)
    assert weight[500:] == pytest.approx(0.25)
    assert found.read.as_of == NEW


def test_who_stands_in_both_counts_as_one() -> None:
    cluster = pooled([part("new"), part("old", days=30)]).read.data.cluster
    assert cluster is not None
    assert (cluster[:2_000] == cluster[2_000:]).all()
    assert pooled([part("new"), part("old", days=30, first=5_000)]).read.data.cluster is None


def test_what_cannot_be_compared_is_left_out_and_said() -> None:
    found = pooled(
        [
            part("new"),
            part("other", days=10, arm="text", people=100),
            part("long", days=20, window=60.0, people=100),
            part("near", days=5, first=5_000),
        ]
    )
    assert list(found.parts) == ["new", "near"]
    told = " ".join(found.read.data.cautions)
    assert "'other' did not draw 'mail'" in told
    assert "'long' counted outcomes over 60.0 days" in told
    assert "within the window of the one before" in told


def test_one_alone_stays_as_it_is() -> None:
    only = part("new")
    found = pooled([only])
    assert found.read.data.names == ("x",)
    assert found.read.data.weight is None


def test_an_experiment_without_any_of_the_actions_is_refused() -> None:
    with pytest.raises(DecideError, match="none of them is an action"):
        of_actions(part("new").read, ["text"])


def test_an_arm_is_the_action_of_its_name_as_an_action_can_have_it() -> None:
    read = of_actions(part("hillstrom", arm="Mens E-Mail").read, ("mens-e-mail", "other"))
    assert read.data.arms == ("control", "mens-e-mail")
    with pytest.raises(DecideError, match="has the arms control, mens-e-mail, and none"):
        of_actions(part("hillstrom", arm="Mens E-Mail").read, ("mens",))
