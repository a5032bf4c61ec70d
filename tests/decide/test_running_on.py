"""A campaign that runs on: each wave is drawn by what the waves before it earned, and the log stays one that can be learnt from."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimwell.decide.arms import Hashed, draw
from aimwell.decide.model import Candidate, Plan
from aimwell.decide.policies.values import Log, value_of
from aimwell.decide.running_on import Bandit, Worth, least_share, worths
from aimwell.decide.service import plan
from aimwell.decide.stored import places
from aimwell.definitions.catalogue import check
from aimwell.errors import DefinitionError
from aimwell.store.stores import Stores
from campaigns import NOW, apply, executed, set_up
from command import command_in
from shop import add_orders, make_stores, origin

PEOPLE = 600
BETWEEN = timedelta(days=15)
ADDS = {"mail": 25.0, "news": 5.0, None: 0.0}


def documents(method: str, **more: Any) -> dict[str, Any]:
    actions = [
        {"offer": "ten", "channel": "email", "template": "hello", "name": name}
        for name in ("mail", "news")
    ]
    return {
        "spring": {
            "actions": actions,
            "holdout": 0.2,
            "goal": {"value": "margin", "window": "14d"},
            "policy": {"explore": {"method": method, "share": 0.1}},
            **more,
        }
    }


def sell(stores: Stores, wave: Plan, names: list[str], rng: np.random.Generator) -> None:
    """What people buy in a wave's window; margin is half of it."""
    whose = {origin(stores, name): name for name in names}
    add_orders(
        stores,
        [
            {
                "customer": whose[place.profile_id],
                "order_id": f"{wave.plan_id}-{whose[place.profile_id]}",
                "ordered_at": wave.as_of + timedelta(days=3),
                "revenue": round(
                    100 + 2 * ADDS[place.action] + 60 * float(rng.standard_normal()), 2
                ),
            }
            for place in places(stores.control, wave.plan_id)
        ],
    )


def waves(stores: Stores, names: list[str], count: int) -> list[Plan]:
    rng = np.random.default_rng(11)
    made = []
    for number in range(count):
        made.append(executed(stores, now=NOW + number * BETWEEN))
        sell(stores, made[-1], names, rng)
    return made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stores, list[str], list[Plan]]:
    stores = make_stores(tmp_path_factory.mktemp("waves"), margin_default=0.5)
    names = set_up(stores, PEOPLE, **documents("thompson"))
    return stores, names, waves(stores, names, 3)


def test_thompson_moves_to_the_better_action_and_keeps_a_floor(
    shop: tuple[Stores, list[str], list[Plan]],
) -> None:
    stores, _names, made = shop
    counts = [Counter(p.action for p in places(stores.control, one.plan_id)) for one in made]
    assert made[0].summary["chosen"] is None
    assert abs(counts[0]["mail"] - counts[0]["news"]) < 80
    assert counts[1]["mail"] > 3 * counts[1]["news"]
    assert counts[2]["mail"] > 3 * counts[2]["news"] > 30
    assert len({one.summary["control"] for one in made}) == 1
    told = made[2].summary["chosen"]["exploring"]
    assert list(told["sources"]) == [made[1].plan_id, made[0].plan_id]
    arms = {one["arm"]: one for one in told["arms"]}
    assert arms["nothing"]["mean"] == 0
    for arm in ("mail", "news"):
        apart = abs(arms[arm]["mean"] - (ADDS[arm] - 0.02))
        assert apart < 3.5 * np.hypot(arms[arm]["error"], arms["nothing"]["error"])
    assert sum(one["best"] for one in told["arms"]) == pytest.approx(1)


def test_the_logged_probability_is_that_of_the_draw(
    shop: tuple[Stores, list[str], list[Plan]],
) -> None:
    stores, _names, made = shop
    told = made[2].summary["chosen"]["exploring"]
    best = {one["arm"]: one["best"] for one in told["arms"]}
    share = told["share"]
    for place in places(stores.control, made[2].plan_id):
        if place.action is None:
            expected = 0.2 + 0.8 * (1 - share) * best["nothing"]
        else:
            expected = 0.8 * ((1 - share) * best[place.action] + share / 2)
        assert place.probability == pytest.approx(expected, abs=1e-4)
        # Chance drew the action: nothing was chosen for anybody before it.
        assert place.choice is None


def test_each_wave_deals_its_actions_out_anew_and_the_same_plan_again_is_the_same(
    shop: tuple[Stores, list[str], list[Plan]],
) -> None:
    stores, _names, made = shop
    second, third = (
        {p.profile_id: p for p in places(stores.control, one.plan_id)} for one in made[1:]
    )
    assert all((third[who].arm == "control") == (second[who].arm == "control") for who in second)
    news = [who for who in second if second[who].action == "news"]
    again = sum(third[who].action == "news" for who in news)
    assert again < len(news) / 2
    later = NOW + 3 * BETWEEN
    first, other = (plan(stores, "spring", now=later, by="ann") for _ in range(2))
    assert first.summary["chosen"] == other.summary["chosen"]
    assert places(stores.control, first.plan_id) == places(stores.control, other.plan_id)


def test_a_wave_whose_window_is_open_teaches_nothing_yet(
    shop: tuple[Stores, list[str], list[Plan]],
) -> None:
    stores, _names, made = shop
    early = plan(stores, "spring", now=made[2].as_of + timedelta(days=13), by="ann", trial=True)
    assert made[2].plan_id not in early.summary["chosen"]["exploring"]["sources"]


def test_explain_shows_what_is_known_of_each_action(
    shop: tuple[Stores, list[str], list[Plan]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stores, _names, made = shop
    run = command_in(stores.root, monkeypatch, capsys)
    out = run("decide", "explain", made[2].plan_id).out
    assert "the best with" in out
    assert "nothing" in out


def test_budgets_hold_under_thompson(shop: tuple[Stores, list[str], list[Plan]]) -> None:
    stores, _names, _made = shop
    some = documents("thompson")
    some["spring"]["policy"]["budget"] = 2.0
    apply(stores, **some)
    tight = plan(stores, "spring", now=NOW + 3 * BETWEEN, by="ann")
    assert 1.9 < tight.summary["cost"] <= 2.0
    assert tight.summary["excluded"]["budget"] > 200
    apply(stores, **documents("thompson"))


def test_epsilon_greedy_gives_the_best_action_and_a_share_at_random(tmp_path: Path) -> None:
    stores = make_stores(tmp_path, margin_default=0.5)
    names = set_up(stores, 300, **documents("epsilon_greedy"))
    made = waves(stores, names, 2)
    told = made[1].summary["chosen"]
    assert told["policy"]["chosen"] == "everyone: mail"
    assert told["explore"] == pytest.approx(0.25, abs=0.01)  # thirty people for each action
    counts = Counter(p.action for p in places(stores.control, made[1].plan_id))
    assert counts["mail"] > 3 * counts["news"] > 30
    stores.close()


def test_what_cannot_go_together_is_refused() -> None:
    body = {"kind": "campaign", "name": "a", "audience": {"everyone": True}}
    action = {"channel": "email", "template": "hello"}
    for policy, words in (
        ({"explore": {"method": "thompson"}, "fair": {"trait": "gender"}}, "thompson draws"),
        ({"explore": {"method": "ucb"}}, "epsilon_greedy"),
        ({"explore": {"method": "thompson", "share": 0.0}}, "0.01"),
    ):
        with pytest.raises(DefinitionError, match=words):
            check({**body, "actions": [action], "policy": policy})


def test_the_share_is_raised_where_an_action_would_get_too_few() -> None:
    half = np.full((100, 2), 0.5)
    assert least_share(0.1, half, held=0.2) == pytest.approx(30 / 40)
    assert least_share(0.1, np.full((10_000, 2), 0.5), held=0.2) == 0.1
    assert least_share(0.1, half[:10], held=0.2) == 1.0


def test_an_action_that_was_never_drawn_gets_its_chance() -> None:
    bandit = Bandit(
        (Worth("nothing", 0, 1, 99), Worth("old", 5, 1, 99), Worth("new", 5, 10, 0)), 0.1
    )
    arms = {one["arm"]: one["best"] for one in bandit.to_dict()["arms"]}
    assert 0.4 < arms["new"] < 0.6
    only_old = bandit.chances(OFFERED)(np.array([[True, False], [True, True]]))
    assert only_old[0, 1] == 0
    assert only_old[0, 0] > 0.99
    assert only_old[1].sum() < 1


OFFERED = [Candidate(name, "email", "email", 1.0, 0.0, (("a", 1.0),)) for name in ("old", "new")]


def _run(seed: int, *, waves: int, people: int) -> tuple[list[float], list[bool], float]:
    """Several waves without a workspace: the last share of the better action, whether intervals cover, and the error."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(2.0, 5.0, people)  # people differ, and stay as they are
    hashed = Hashed([f"{seed}-{n}" for n in range(people)])
    adds = np.array([0.0, 0.5, 1.5])
    chances = np.full((people, 2), 0.5)
    logs: list[Log] = []
    for wave in range(waves):
        drawn = draw(
            "s", hashed, holdout=0.2, candidates=OFFERED, probabilities=chances, anew=f":{wave}"
        )
        arm = (drawn.action + 1).astype(np.int64)
        by_arm = np.column_stack([1 - 0.8 * chances.sum(axis=1), 0.8 * chances])
        reward = level * rng.gamma(4.0, 0.25, people) + adds[arm]
        expected = np.tile(level[:, None], (1, 3))
        logs.append(Log(arm=arm, propensity=by_arm, reward=reward, expected=0.9 * expected))
        pooled = Log(
            arm=np.concatenate([one.arm for one in logs]),
            propensity=np.concatenate([one.propensity for one in logs]),
            reward=np.concatenate([one.reward for one in logs]),
            expected=np.concatenate([one.expected for one in logs]),
            cluster=np.tile(np.arange(people), len(logs)),
        )
        found = worths(pooled, ("control", "old", "new"))
        bandit = Bandit(found, 0.1)
        chances = bandit.chances(OFFERED)(np.ones((people, 2), dtype=bool))
    values = [value_of(pooled, np.full(len(pooled.arm), arm)).doubly_robust for arm in range(3)]
    truth = level.mean() + adds
    covered = [
        value.lower is not None and value.upper is not None and value.lower <= t <= value.upper
        for value, t in zip(values, truth, strict=True)
    ]
    return (
        [chances[0, 0], chances[0, 1]],
        covered,
        found[2].mean - adds[2],
    )


def test_waves_by_themselves_move_to_the_better_action() -> None:
    shares, _covered, error = _run(1, waves=4, people=1_500)
    assert shares[1] > 0.8
    assert shares[0] >= 0.05
    assert abs(error) < 0.8


@pytest.mark.long
def test_weighted_worths_of_adaptive_waves_stay_unbiased_and_their_intervals_cover() -> None:
    runs = [_run(seed, waves=4, people=500) for seed in range(200)]
    errors = np.array([error for _s, _c, error in runs])
    assert abs(errors.mean()) < 3 * errors.std() / np.sqrt(len(errors))
    covered = np.array([one for _s, one, _e in runs]).mean(axis=0)
    assert (covered > 0.91).all()
    assert np.mean([shares[1] for shares, _c, _e in runs]) > 0.75
