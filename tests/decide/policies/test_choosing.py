"""The choice: personal only beyond noise, constant otherwise, and how many more people it would take to tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimwell.decide.policies.candidates import (
    LikeliestFirst,
    People,
    Rule,
    UpliftPolicy,
    constant_candidates,
    usual_learners,
)
from aimwell.decide.policies.choosing import Choice, choose, simultaneous_quantile
from aimwell.decide.policies.judging import Judgement, judge_policies
from aimwell.decide.policies.service import policy_report
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.errors import DecideError
from made_experiments import Known, known_experiment


def judged(known: Known, *extra: object, seed: int = 0) -> Judgement:
    candidates = [
        *constant_candidates(known.data.arms),
        UpliftPolicy(UpliftLearner("DR")),
        UpliftPolicy(UpliftLearner("T")),
        *extra,
    ]
    return judge_policies(known.data, known.data.outcome("y"), candidates, seed=seed)  # type: ignore[arg-type]


def chosen(known: Known, *extra: object) -> Choice:
    return choose(judged(known, *extra))


def test_one_column_has_students_quantile_and_two_that_are_alike_have_the_same() -> None:
    column = np.random.default_rng(1).standard_normal((500, 1))
    assert simultaneous_quantile(column, confidence=0.95, degrees=499) == pytest.approx(
        1.9647, abs=1e-4
    )
    same = np.column_stack([column, column])
    assert simultaneous_quantile(same, confidence=0.95, degrees=1e6) == pytest.approx(
        1.96, abs=0.03
    )


def test_independent_columns_have_sidaks_quantile() -> None:
    columns = np.random.default_rng(2).standard_normal((4_000, 3))
    # (2 Φ(c) − 1)³ = 0.95
    assert simultaneous_quantile(columns, confidence=0.95, degrees=1e6) == pytest.approx(
        2.388, abs=0.04
    )


def test_where_it_clearly_matters_who_gets_it_the_choice_is_personal() -> None:
    found = chosen(known_experiment(4_000, seed=1))
    assert found.verdict == "personalise"
    assert found.chosen.startswith("uplift: ")
    assert "Personalising pays" in found.sentence
    assert (found.gain.lower or -1) > 0
    # Contacting where it helps earns E[max(0.3 + x, 0)] = 0.567 over nobody.
    assert found.over_nobody[found.chosen].covers(0.567)


def test_where_everybody_gains_alike_it_does_not_pay() -> None:
    known = known_experiment(4_000, seed=2, effect=0.0)
    lifted = replace(
        known.data, outcomes={"y": known.data.outcome("y") + 2.0 * (known.data.arm == 1)}
    )
    found = choose(judged(Known(lifted, known.effects)))
    assert found.chosen == found.best_constant == "everyone: a"
    assert found.verdict == "does not pay"
    assert "Personalising does not pay here" in found.sentence


def test_what_cannot_be_told_yet_says_how_many_more_it_would_take() -> None:
    known = known_experiment(300, seed=3, effect=0.25, noise=3.0)
    found = chosen(known)
    assert found.verdict == "cannot tell"
    assert found.chosen == found.best_constant
    assert found.more is not None
    assert found.more > 300
    assert f"{found.more:,} more people" in found.sentence
    assert "does not detectably beat" in found.sentence


def test_the_number_that_is_asked_for_would_do() -> None:
    # With as many as it says, the same difference is found with the power it promises.
    small = known_experiment(600, seed=5, effect=0.5, noise=2.0)
    found = chosen(small)
    assert found.verdict == "cannot tell"
    assert found.more is not None
    assert found.gain.upper is not None
    assert found.gain.estimate is not None
    half = found.gain.upper - found.gain.estimate
    wanted = max(found.gain.estimate, found.worth)
    shrunk = half * np.sqrt(600 / (600 + found.more))
    assert shrunk < wanted


def test_trying_many_policies_does_not_make_one_look_good_by_chance() -> None:
    wrong = 0
    for seed in range(20):
        known = known_experiment(300, seed=seed, effect=0.0)
        rng = np.random.default_rng(seed)
        coins = [
            Rule(f"coin {n}", lambda p, r=rng.random(8): (p.features[:, :1] > r[0] - 0.5)[:, 0])
            for n in range(8)
        ]
        wrong += chosen(known, *coins).verdict == "personalise"
    assert wrong <= 3


def test_nobody_is_judged_by_a_policy_that_learnt_from_them() -> None:
    known = known_experiment(200, seed=4)
    seen: list[set[bytes]] = []

    class Watching:
        name, kind = "watching", "rule"

        def learn(self, training: object, /) -> Watching:
            seen.append({row.tobytes() for row in training.people.features})  # type: ignore[attr-defined]
            return self

        def decide(self, people: People) -> np.ndarray:
            assert not seen[-1] & {row.tobytes() for row in people.features}
            return np.zeros(len(people.features), dtype=np.int64)

    found = judged(known, Watching())
    assert len(seen) == 5
    assert found.find("watching").shares["nothing"] == 1.0


def test_the_likeliest_first_may_pick_whom_contact_does_nothing_for() -> None:
    known = known_experiment(3_000, seed=6, base=3.0)
    judgement = judge_policies(
        known.data,
        known.data.outcome("y"),
        [*constant_candidates(known.data.arms), LikeliestFirst(), UpliftPolicy(UpliftLearner("R"))],
    )
    values = {one.name: one.scores.mean() for one in judgement.candidates}
    assert values["uplift: R, ridge"] > values["likeliest buyers first"]


def test_same_people_and_seed_give_the_same_table() -> None:
    known = known_experiment(200, seed=7)
    first, second = (
        policy_report(known.data, "y", trees=True, repeats=1, seed=3).to_dict() for _ in range(2)
    )
    assert first == second
    assert len(first["candidates"]) == 2 + len(usual_learners())


def test_a_log_that_tells_nothing_is_refused() -> None:
    with pytest.raises(DecideError, match="cannot tell what any constant policy earns"):
        chosen(known_experiment(40, seed=8))


def test_a_rule_for_an_unknown_arm_names_the_arms() -> None:
    with pytest.raises(DecideError, match="'a'"):
        policy_report(known_experiment(100, seed=1).data, "y", rules={"vip": "aa"})


def test_where_everybody_earned_the_same_it_cannot_be_told() -> None:
    known = known_experiment(400, seed=4)
    same = replace(known.data, outcomes={"y": np.zeros(len(known.data))})
    found = choose(judged(Known(same, known.effects)))
    assert (found.verdict, found.gain.estimate) == ("cannot tell", None)
    assert found.chosen == found.best_constant
    assert "We cannot tell whether personalising pays: everybody earned the same" in found.sentence
    others = [*found.gains.items(), *found.over_nobody.items()]
    reasons = {
        name: one.reason for name, one in others if name not in ("nobody", found.best_constant)
    }
    assert len(reasons) > 2
    assert set(reasons.values()) == {"everybody earned the same, whatever was done"}
