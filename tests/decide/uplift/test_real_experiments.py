"""Hillstrom's e-mail test and the Starbucks exercise, against figures that were found independently."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pytest

from aimwell.collect import collect
from aimwell.decide.policies.candidates import UpliftPolicy, constant_candidates, usual_learners
from aimwell.decide.policies.choosing import choose
from aimwell.decide.policies.judging import judge_policies
from aimwell.decide.policies.net_revenue import net_incremental_revenue, net_profits
from aimwell.decide.policies.rewards import Economics, profit_of
from aimwell.decide.policies.service import policy_report
from aimwell.decide.uplift.bases import TreesBase
from aimwell.decide.uplift.data import ExperimentData, experiment_of
from aimwell.decide.uplift.learners import UpliftLearner
from aimwell.decide.uplift.problem import dealt, prepared, problem_of
from aimwell.decide.uplift.reading import read_experiment
from aimwell.decide.uplift.scikit_uplift import qini_auc_score
from aimwell.decide.uplift.service import uplift_report
from aimwell.definitions.catalogue import check
from aimwell.definitions.kinds.source import Source
from aimwell.definitions.reading import read_documents
from aimwell.history.current import bring_collected_up_to_date
from aimwell.store.stores import create_stores
from collecting import NOW
from data_folder import data_path

MENS, WOMENS = "Mens E-Mail", "Womens E-Mail"


@cache
def hillstrom() -> ExperimentData:
    path = data_path("hillstrom-email/hillstrom.csv.gz")
    rows = duckdb.sql(f"SELECT * FROM read_csv('{path}')").fetchnumpy()  # noqa: S608
    kinds = {
        "zip_code": ("Rural", "Surburban", "Urban"),
        "channel": ("Phone", "Web", "Multichannel"),
    }
    marks = [rows[name] == value for name, values in kinds.items() for value in values]
    numbers = [rows[name] for name in ("recency", "history", "mens", "womens", "newbie")]
    return experiment_of(
        np.column_stack([*numbers, *marks]).astype(float),
        rows["segment"],
        {name: rows[name].astype(float) for name in ("visit", "conversion", "spend")},
        control="No E-Mail",
        probabilities={"No E-Mail": 1 / 3, MENS: 1 / 3, WOMENS: 1 / 3},
    )


@cache
def starbucks() -> ExperimentData:
    path = data_path("starbucks-promotion-experiment/training.csv.gz")
    rows = duckdb.sql(
        f"SELECT * REPLACE (CAST(Promotion AS varchar) AS Promotion) FROM read_csv('{path}')"  # noqa: S608
    ).fetchnumpy()
    codes = [
        rows[name] == value
        for name in ("V1", "V4", "V5", "V6", "V7")
        for value in np.unique(rows[name])
    ]
    numbers = [rows["V2"], rows["V3"]]
    arm = np.isin(rows["Promotion"].astype(str), ("Yes", "true"))
    return experiment_of(
        np.column_stack([*numbers, *codes]).astype(float),
        np.where(arm, "promotion", "nothing"),
        {"purchase": rows["purchase"].astype(float)},
        control="nothing",
        probabilities={"nothing": 0.5, "promotion": 0.5},
    )


def test_hillstroms_arms_have_their_published_means() -> None:
    data = hillstrom()
    means = {
        arm: [float(data.outcome(name)[data.arm == place].mean()) for name in data.outcomes]
        for place, arm in enumerate(data.arms)
    }
    assert means["No E-Mail"] == pytest.approx([0.10617, 0.00573, 0.65279], abs=6e-6)
    assert means[MENS] == pytest.approx([0.18276, 0.01253, 1.42262], abs=6e-6)
    assert means[WOMENS] == pytest.approx([0.15140, 0.00884, 1.07720], abs=6e-6)


def mean_qini(data: ExperimentData, learner: UpliftLearner, *, splits: int) -> float:
    """Of visits, as scikit-uplift defines it, over splits into halves."""
    problem = problem_of(data, data.outcome("visit"), values=prepared(data)[1])
    found = []
    for seed in range(splits):
        held = dealt(data.arm, count=2, seed=seed) == 1
        model = learner.fit(problem.take(~held), seed=seed)
        predicted = model.effects(problem.values[held])[:, 0]
        value = qini_auc_score(problem.outcome[held], (data.arm[held] > 0).astype(int), predicted)
        found.append(value.value or 0.0)
    return float(np.mean(found))


def test_the_qini_of_womens_mail_is_as_others_found_it() -> None:
    data = hillstrom().only(["No E-Mail", WOMENS])
    assert mean_qini(data, UpliftLearner("DR"), splits=6) == pytest.approx(0.0587, abs=0.011)


@pytest.mark.long
def test_the_qini_of_womens_mail_by_a_single_model_of_trees_is_as_others_found_it() -> None:
    data = hillstrom().only(["No E-Mail", WOMENS])
    found = mean_qini(data, UpliftLearner("S", TreesBase()), splits=10)
    assert found == pytest.approx(0.059, abs=0.011)


def test_personalising_does_not_beat_mens_mail_to_everyone_and_it_is_said() -> None:
    data = hillstrom()
    candidates = [*constant_candidates(data.arms), UpliftPolicy(UpliftLearner("DR"))]
    judgement = judge_policies(data, data.outcome("spend"), candidates, repeats=4)
    found = choose(judgement)
    assert found.chosen == found.best_constant == f"everyone: {MENS}"
    assert judgement.find(found.chosen).value.doubly_robust.covers(1.394)
    assert judgement.find("uplift: DR, ridge").value.doubly_robust.covers(1.401)
    assert judgement.find("nobody").value.doubly_robust.covers(0.687)
    assert found.gain.covers(0.007)
    assert found.gain.upper is not None
    assert found.gain.estimate is not None
    assert (found.gain.upper - found.gain.estimate) / 1.96 == pytest.approx(0.044, rel=0.3)
    assert "does not detectably beat" in found.sentence


def test_at_half_a_dollar_a_mail_mens_mail_still_goes_to_everyone() -> None:
    data = hillstrom()
    profit = profit_of(data, "spend", Economics(contact={MENS: 0.5, WOMENS: 0.5}))
    candidates = [*constant_candidates(data.arms), UpliftPolicy(UpliftLearner("DR"))]
    judgement = judge_policies(data, profit, candidates)
    found = choose(judgement)
    assert found.chosen == f"everyone: {MENS}"
    assert judgement.find(found.chosen).value.doubly_robust.covers(0.894)
    assert "one promotion against nothing" in str(net_profits(judgement)[found.chosen].reason)
    assert judgement.find("uplift: DR, ridge").value.doubly_robust.covers(0.876)


def test_the_starbucks_exercise_loses_by_sending_to_all_and_earns_by_choosing() -> None:
    data = starbucks()
    bought = data.outcome("purchase")
    everybody = net_incremental_revenue(
        bought, data.arm, np.ones(len(data), bool), price=10, cost=0.15
    )
    assert everybody.estimate == pytest.approx(-2_334.60)
    profit = profit_of(data, "purchase", Economics(worth=10, contact={"promotion": 0.15}))
    candidates = [*constant_candidates(data.arms), *usual_learners(trees=False)]
    judgement = judge_policies(data, profit, candidates, response=bought, parts=3)
    found = choose(judgement)
    assert found.best_constant == "nobody"
    assert found.verdict == "personalise"
    sent = judgement.find(found.chosen).actions == 1
    chosen = net_incremental_revenue(bought, data.arm, sent, price=10, cost=0.15)
    assert (chosen.lower or -1) > 300
    net = net_profits(judgement)
    assert net[found.chosen].estimate == pytest.approx(chosen.estimate)
    assert net["everyone: promotion"].estimate == pytest.approx(-2_334.60)
    assert net["nobody"].reason == "the policy chooses fewer than two people"
    assert 0.2 < sent.mean() < 0.5


@pytest.mark.long
def test_hillstrom_goes_from_a_source_to_a_table_of_policies(tmp_path: Path) -> None:
    folder = data_path("hillstrom-email/hillstrom.csv.gz").parent
    examples = Path(__file__).resolve().parents[3] / "examples" / "sources"
    [source] = [check(one.body) for one in read_documents([examples / "hillstrom.yaml"])]
    assert isinstance(source, Source)
    stores = create_stores(tmp_path / "workspace", currency="USD")
    collect(stores, source, root=folder, now=NOW)
    bring_collected_up_to_date(stores, now=NOW)
    read = read_experiment(stores, "hillstrom", now=NOW)
    assert read.data.counts == {"control": 21_306, MENS: 21_307, WOMENS: 21_387}
    assert read.window_days == 14
    assert read.data.cautions == ()
    found = policy_report(read.data, "spend", response="visit", trees=False)
    assert found.choice.chosen == f"everyone: {MENS}"
    assert "does not detectably beat" in found.choice.sentence
    womens = uplift_report(read.data, "visit", arm=WOMENS, learners=["dr"])
    assert womens.told
    assert womens.learners[0].scikit_uplift["qini_auc_score"] == pytest.approx(0.0587, abs=0.011)
    stores.close()


@pytest.mark.long
def test_the_qini_of_any_mail_is_as_others_found_it_and_the_likeliest_are_worth_less() -> None:
    three = hillstrom()
    data = experiment_of(
        three.features,
        np.where(three.arm > 0, "mail", "No E-Mail"),
        dict(three.outcomes),
        control="No E-Mail",
        probabilities={"No E-Mail": 1 / 3, "mail": 2 / 3},
    )
    assert mean_qini(data, UpliftLearner("DR"), splits=5) == pytest.approx(0.0297, abs=0.008)
    assert mean_qini(data, UpliftLearner("S", TreesBase()), splits=5) == pytest.approx(
        0.0298, abs=0.008
    )
    problem = problem_of(data, data.outcome("visit"), values=prepared(data)[1])
    found = []
    for seed in range(5):
        held = dealt(data.arm, count=2, seed=seed) == 1
        likely = TreesBase().fit(
            problem.values[~held], problem.outcome[~held], weight=None, seed=seed
        )
        predicted = likely.predict(problem.values[held])
        found.append(qini_auc_score(problem.outcome[held], data.arm[held], predicted).value or 0.0)
    assert float(np.mean(found)) == pytest.approx(0.0178, abs=0.008)
